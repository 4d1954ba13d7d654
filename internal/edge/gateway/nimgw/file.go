package nimgw

import (
	"context"
	"encoding/json"
	"strings"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/file"
)

// storageTTL is how long clients keep what they are told of storage, in s. More
// than 604800 overflows a timer of the SDK (docs/protocol/storage.md section 3.4).
const storageTTL = 86400

// fileRows are the commands of files (6-x).
func (p *Product) fileRows() []gateway.Row {
	rows := []gateway.Row{
		gateway.Handle(nimwire.GetNosCdnHost, p.cdnHost),
		gateway.Handle(nimwire.GetGrayscaleConfig, p.grayscale),
		gateway.Handle(nimwire.GetOriginUrl, p.originURL),
	}
	if p.c.Files == nil {
		return rows
	}
	return append(rows,
		gateway.Handle(nimwire.GetNosToken, p.nosToken),
		gateway.Handle(nimwire.GetMixStorePolicy, p.mixPolicy),
		gateway.Handle(nimwire.GetMixStoreToken, p.mixToken),
		gateway.Handle(nimwire.GetFileAuthToken, p.fileAuthToken),
	)
}

// cdnHost is 6-26: the host of downloads, the app's CDN or this server, so that
// a client needs no setting for it. Element 0 must be there
// (docs/protocol/nim-core.md rule 7).
func (p *Product) cdnHost(_ context.Context, s *gateway.Session, _ *gateway.None) (*nimwire.GetNosCdnHostResponse, error) {
	if p.c.Files == nil {
		return &nimwire.GetNosCdnHostResponse{NosConfigTag: &nimwire.NosConfig{Expire: wire.Int(0)}}, nil
	}
	return &nimwire.GetNosCdnHostResponse{NosConfigTag: &nimwire.NosConfig{
		Bucket: wire.Str(file.Bucket), CdnDomain: wire.Str(p.c.Files.HostOf(s.App())), Expire: wire.Int(storageTTL), ObjectNamePrefix: wire.Str(""),
	}}, nil
}

// mixed says whether clients shall ask for policies: they refuse to ask for
// download tokens without.
func (p *Product) mixed(a *app.App) bool {
	return p.c.Files != nil && (a.Settings.DownloadAuth || a.Settings.MixedStorage != "off")
}

// grayscale is 6-27: features of the SDK that are tried on some users; the
// client caches it for a day.
func (p *Product) grayscale(_ context.Context, s *gateway.Session, _ *nimwire.GetGrayscaleConfigRequest) (*nimwire.GetGrayscaleConfigResponse, error) {
	config := `{"mixStoreEnable":false}`
	if p.mixed(s.App()) {
		config = `{"mixStoreEnable":true}`
	}
	return &nimwire.GetGrayscaleConfigResponse{GrayConfigTag: &nimwire.GrayConfig{Config: wire.Str(config), Ttl: wire.Int(storageTTL)}}, nil
}

// nosToken is 6-2 (docs/protocol/storage.md section 3.2).
func (p *Product) nosToken(_ context.Context, s *gateway.Session, req *nimwire.GetNosTokenRequest) (*nimwire.GetNosTokenResponse, error) {
	g, err := p.c.Files.Grant(s.App(), file.Ask{Accid: s.Accid(), Scene: req.NosToken.Tag.String(),
		ReturnBody: req.ResponseBody, ExpireSec: req.NosToken.ExpireSec.Int()})
	if err != nil {
		return nil, err
	}
	return &nimwire.GetNosTokenResponse{NosToken: &nimwire.NosToken{
		ObjectName: wire.Str(g.Object), Token: wire.Str(g.Token), Bucket: wire.Str(g.Bucket), ExpireTime: wire.Int(g.Expires),
	}}, nil
}

// originURL is 6-22. It never fails: an error would break the client's message
// (section 3.3).
func (p *Product) originURL(ctx context.Context, s *gateway.Session, req *nimwire.GetOriginUrlRequest) (*nimwire.GetOriginUrlResponse, error) {
	u := req.NosSafeUrlTag.SafeUrl
	origin := u
	if p.c.Files != nil {
		origin = wire.Str(p.c.Files.OriginURL(ctx, s.App(), u.String()))
	}
	return &nimwire.GetOriginUrlResponse{NosSafeUrlTag: &nimwire.NosSafeUrl{SafeUrl: u, OriginUrl: origin}}, nil
}

// nosPolicy is what clients read of a provider's policy (section 8.1).
type nosPolicy struct {
	Priority     int      `json:"priority"`
	DLCDN        string   `json:"dlcdn"`
	DLCDNs       []string `json:"dlcdns"`
	CDNSchema    string   `json:"cdnSchema"`
	UploadConfig struct {
		URLs  []string `json:"uploadUrl"`
		Retry struct {
			Retry     int  `json:"retry"`
			RetryNext bool `json:"retryNext"`
			Circuit   int  `json:"circuit"`
		} `json:"retryPolicy"`
	} `json:"uploadConfig"`
	Auth struct {
		PolicyType string `json:"policyType"`
	} `json:"authPolicy"`
	Thumb struct {
		Image string `json:"imagethumb"`
		Frame string `json:"vframe"`
	} `json:"thumbPolicy"`
}

// mixPolicy is 6-28. It never fails: the SDK would repeat at once. This server
// is the only provider.
func (p *Product) mixPolicy(_ context.Context, s *gateway.Session, _ *nimwire.GetMixStorePolicyRequest) (*nimwire.GetMixStorePolicyResponse, error) {
	host, own := p.c.Files.HostOf(s.App()), p.c.Files.Host()
	n := nosPolicy{Priority: 1, DLCDN: host, DLCDNs: []string{host}, CDNSchema: "https://{cdnDomain}/{objectName}"}
	if own != host { // messages from before the CDN, and short URLs that were resolved
		n.DLCDNs = append(n.DLCDNs, own)
	}
	n.UploadConfig.URLs = []string{}
	n.UploadConfig.Retry.Retry, n.UploadConfig.Retry.Circuit = 2, 60
	n.Auth.PolicyType = "-1"
	if s.App().Settings.DownloadAuth {
		n.Auth.PolicyType = "2,3"
	}
	n.Thumb.Image = n.CDNSchema + "?imageView&thumbnail={x}x{y}"
	n.Thumb.Frame = n.CDNSchema + "?vframe&offset={offset}&resize={x}x{y}&type={type}"
	b, _ := json.Marshal(n) // texts and numbers: cannot fail
	return &nimwire.GetMixStorePolicyResponse{MixStorePolicyTag: &nimwire.MixStorePolicy{
		Providers: wire.Str("1"), Ttl: wire.Int(storageTTL), MixEnable: wire.Int(1), NosPolicy: wire.Str(string(b)),
	}}, nil
}

// mixToken is 6-29: as 6-2, of the only provider (section 8.2).
func (p *Product) mixToken(_ context.Context, s *gateway.Session, req *nimwire.GetMixStoreTokenRequest) (*nimwire.GetMixStoreTokenResponse, error) {
	q := &req.MixStoreTokenReqTag
	g, err := p.c.Files.Grant(s.App(), file.Ask{Accid: s.Accid(), Scene: q.Tag.String(), ReturnBody: q.ReturnBody.String(), ExpireSec: q.FileExpireSec.Int()})
	if err != nil {
		return nil, err
	}
	out := &nimwire.MixStoreToken{Provider: wire.Int(1), Token: wire.Str(g.Token), Bucket: wire.Str(g.Bucket), ObjectName: wire.Str(g.Object),
		ExpireTime: wire.Int(g.Expires)}
	if g.FileExpireSec > 0 {
		out.FileExpireSec = wire.Int(g.FileExpireSec)
	}
	return &nimwire.GetMixStoreTokenResponse{MixStoreTokenResTag: out}, nil
}

// fileAuthToken is 6-30 (section 11).
func (p *Product) fileAuthToken(_ context.Context, s *gateway.Session, req *nimwire.GetFileAuthTokenRequest) (*nimwire.GetFileAuthTokenResponse, error) {
	q := &req.MixStoreAuthTokenReqTag
	out := &nimwire.MixStoreAuthToken{Type: q.Type}
	switch q.Type.Int() {
	case 2:
		token, ttl := p.c.Files.DownloadToken(s.App(), s.Accid())
		out.Token, out.Ttl = wire.Str(token), wire.Int(ttl)
	case 3:
		urls, ok := q.Urls.Strings()
		if !ok || len(urls) == 0 || strings.IndexByte(q.Urls.String(), 0) >= 0 {
			return nil, im.Errorf(im.CodeBadParam, "urls must be a list of texts")
		}
		tokens, ttl, err := p.c.Files.URLTokens(s.App(), s.Accid(), urls)
		if err != nil {
			return nil, err
		}
		b, _ := json.Marshal(tokens) // texts: cannot fail
		out.Tokens, out.Ttl = wire.Str(string(b)), wire.Int(ttl)
		if len(tokens) == 1 {
			out.Token = wire.Str(tokens[0])
		}
	default:
		return nil, im.Errorf(im.CodeBadParam, "type is 2 or 3")
	}
	return &nimwire.GetFileAuthTokenResponse{MixStoreAuthTokenResTag: out}, nil
}
