package nimapi

import (
	"context"

	"hongyan/internal/im/translation"
)

type translateParams struct {
	Accid string `form:"accid,required,accid"`
	Text  string `form:"text,required,max=5000"`
	To    string `form:"to,required"`
	From  string `form:"from,default=auto"`
}

type translated struct {
	Translation string `json:"translation"`
	Language    string `json:"language"`  // source2target
	Time        int64  `json:"timestamp"` // ms
}

// translateText has the app's provider translate a text
// (docs/api/server-v1.md section 12.16).
func (a *API) translateText(ctx context.Context, c *Call, p translateParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid); err != nil {
		return nil, err
	}
	t, err := a.Translations.Translate(ctx, translation.Request{App: c.App, Accid: p.Accid, Text: p.Text, From: p.From, To: p.To})
	if err != nil {
		return nil, err
	}
	return with("data", translated{Translation: t.Text, Language: t.From + "2" + p.To, Time: a.Clock.NowMs()}), nil
}
