package nimapi

import (
	"context"

	"hongyan/internal/im"
)

type nosDelParams struct {
	Start int64  `form:"startTime,required"`
	End   int64  `form:"endTime,required"`
	Type  string `form:"contentType"`
	Tag   string `form:"tag"`
}

// nosDel orders the deletion of uploaded files (docs/api/server-v1.md section 12.8).
func (a *API) nosDel(ctx context.Context, c *Call, p nosDelParams) (Result, error) {
	if a.Files == nil {
		return nil, im.Errorf(im.CodeUnavailable, "files are not available on this server")
	}
	if len(p.Type) > maxUploadField || len(p.Tag) > maxUploadField {
		return nil, im.Errorf(im.CodeBadParam, "contentType or tag too long")
	}
	id, err := a.Files.Order(ctx, c.App, p.Start, p.End, p.Type, p.Tag)
	if err != nil {
		return nil, err
	}
	return with("data", map[string]string{"taskid": id}), nil
}
