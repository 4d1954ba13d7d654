package nimgw

import (
	"context"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/gateway/mixstore"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im/file"
)

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
		Bucket: wire.Str(file.Bucket), CdnDomain: wire.Str(p.c.Files.HostOf(s.App())), Expire: wire.Int(mixstore.TTL), ObjectNamePrefix: wire.Str(""),
	}}, nil
}

// grayscale is 6-27: features of the SDK that are tried on some users; the
// client caches it for a day.
func (p *Product) grayscale(_ context.Context, s *gateway.Session, _ *nimwire.GetGrayscaleConfigRequest) (*nimwire.GetGrayscaleConfigResponse, error) {
	return &nimwire.GetGrayscaleConfigResponse{GrayConfigTag: &nimwire.GrayConfig{
		Config: wire.Str(mixstore.Gray(p.c.Files, s.App())), Ttl: wire.Int(mixstore.TTL)}}, nil
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

// mixPolicy is 6-28 (section 8.1).
func (p *Product) mixPolicy(_ context.Context, s *gateway.Session, req *nimwire.GetMixStorePolicyRequest) (*nimwire.GetMixStorePolicyResponse, error) {
	t := mixstore.PoliciesFor(p.c.Files, s.App(), req.SupportType, false)
	out := &nimwire.MixStorePolicy{Providers: wire.Str(t.Providers), Ttl: wire.Int(mixstore.TTL), MixEnable: wire.Int(1), NosPolicy: wire.Str(t.NOS)}
	if t.S3 != "" {
		out.S3Policy = wire.Str(t.S3)
	}
	return &nimwire.GetMixStorePolicyResponse{MixStorePolicyTag: out}, nil
}

// mixToken is 6-29 (section 8.2).
func (p *Product) mixToken(ctx context.Context, s *gateway.Session, req *nimwire.GetMixStoreTokenRequest) (*nimwire.GetMixStoreTokenResponse, error) {
	q := &req.MixStoreTokenReqTag
	t, err := mixstore.TokenFor(ctx, p.c.Files, s.App(), q.Provider.Int(),
		file.Ask{Accid: s.Accid(), Scene: q.Tag.String(), ReturnBody: q.ReturnBody.String(), ExpireSec: q.FileExpireSec.Int()})
	if err != nil {
		return nil, err
	}
	out := &nimwire.MixStoreToken{Provider: wire.Int(t.Provider), Token: wire.Str(t.Token), Bucket: wire.Str(t.Bucket), ObjectName: wire.Str(t.Key),
		ExpireTime: wire.Int(t.Expires), ShortUrl: wire.Str(t.URL)}
	if t.Provider == mixstore.S3 {
		out.AccessKeyId, out.SecretAccessKey, out.SessionToken = wire.Str(t.AccessKey), wire.Str(t.Secret), wire.Str(t.Session)
		out.Region = wire.Str(t.Region)
	}
	if t.FileExpireSec > 0 {
		out.FileExpireSec = wire.Int(t.FileExpireSec)
	}
	return &nimwire.GetMixStoreTokenResponse{MixStoreTokenResTag: out}, nil
}

// fileAuthToken is 6-30 (section 11).
func (p *Product) fileAuthToken(_ context.Context, s *gateway.Session, req *nimwire.GetFileAuthTokenRequest) (*nimwire.GetFileAuthTokenResponse, error) {
	q := &req.MixStoreAuthTokenReqTag
	t, err := mixstore.AuthFor(p.c.Files, s.App(), s.Accid(), q.Type.Int(), q.Urls)
	if err != nil {
		return nil, err
	}
	out := &nimwire.MixStoreAuthToken{Type: q.Type, Ttl: wire.Int(t.TTL)}
	if t.Token != "" {
		out.Token = wire.Str(t.Token)
	}
	if t.Tokens != "" {
		out.Tokens = wire.Str(t.Tokens)
	}
	return &nimwire.GetFileAuthTokenResponse{MixStoreAuthTokenResTag: out}, nil
}
