package nimgw

import (
	"context"
	"strings"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im/moderation"
)

// Vocabularies answers what the clients of an app check texts against before
// they send them; it is the package moderation's.
type Vocabularies interface {
	Vocabulary(ctx context.Context, app string) (moderation.Vocabulary, error)
}

// vocabs is 29-17 (docs/api/security.md section 2.1): the whole list, or none of
// it for a client that has this one.
func (p *Product) vocabs(ctx context.Context, s *gateway.Session, req *nimwire.V2DownloadLocalAntiSpamVocabsRequest) (*nimwire.V2DownloadLocalAntiSpamVocabsResponse, error) {
	v, err := p.c.Words.Vocabulary(ctx, s.App().Key)
	if err != nil {
		return nil, err
	}
	if req.Tag.Version.Int() == v.Version && strings.EqualFold(req.Tag.MD5.String(), v.MD5) {
		v.Text = ""
	}
	return &nimwire.V2DownloadLocalAntiSpamVocabsResponse{Data: nimwire.Vocabs{Version: wire.Int(v.Version), MD5: wire.Str(v.MD5), NosURL: wire.Str(""),
		Thesaurus: wire.Str(v.Text)}}, nil
}
