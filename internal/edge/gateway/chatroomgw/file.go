package chatroomgw

import (
	"context"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/gateway/mixstore"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/chatroomwire"
	"hongyan/internal/im/file"
)

// fileRows are the commands of files (6-x).
func (p *Product) fileRows() []gateway.Row {
	rows := []gateway.Row{
		gateway.Handle(chatroomwire.GetNosCdnHost, p.cdnHost),
		gateway.Handle(chatroomwire.GetGrayscaleConfig, p.grayscale),
		gateway.Handle(chatroomwire.GetOriginUrl, p.originURL),
		gateway.Handle(chatroomwire.GetNosAccessToken, p.accessToken),
		gateway.Handle(chatroomwire.DeleteNosAccessToken, p.deleteAccessToken),
	}
	if p.c.Files == nil {
		return rows
	}
	return append(rows,
		gateway.Handle(chatroomwire.GetNosToken, p.nosToken),
		gateway.Handle(chatroomwire.GetMixStorePolicy, p.mixPolicy),
		gateway.Handle(chatroomwire.GetMixStoreToken, p.mixToken),
		gateway.Handle(chatroomwire.GetFileAuthToken, p.fileAuthToken),
	)
}

// cdnHost is 6-26: no CDN. a CDN belongs to the download address, and older
// versions drop the answer (docs/protocol/storage.md section 3.4).
func (p *Product) cdnHost(context.Context, *gateway.Session, *gateway.None) (*chatroomwire.GetNosCdnHostResponse, error) {
	return &chatroomwire.GetNosCdnHostResponse{NosConfigTag: &chatroomwire.NosConfig{
		Bucket: wire.Str(file.Bucket), CdnDomain: wire.Str(""), Expire: wire.Int(0), ObjectNamePrefix: wire.Str(""),
	}}, nil
}

// grayscale is 6-27: features of the SDK that are tried on some users; the
// client caches it for a day.
func (p *Product) grayscale(_ context.Context, s *gateway.Session, _ *chatroomwire.GetGrayscaleConfigRequest) (*chatroomwire.GetGrayscaleConfigResponse, error) {
	return &chatroomwire.GetGrayscaleConfigResponse{GrayConfigTag: &chatroomwire.GrayConfig{
		Config: wire.Str(mixstore.Gray(p.c.Files, s.App())), Ttl: wire.Int(mixstore.TTL)}}, nil
}

// nosToken is 6-2 (docs/protocol/storage.md section 3.2).
func (p *Product) nosToken(_ context.Context, s *gateway.Session, req *chatroomwire.GetNosTokenRequest) (*chatroomwire.GetNosTokenResponse, error) {
	g, err := p.c.Files.Grant(s.App(), file.Ask{Accid: s.Accid(), Scene: req.NosToken.Tag.String(),
		ReturnBody: req.ResponseBody, ExpireSec: req.NosToken.ExpireSec.Int()})
	if err != nil {
		return nil, err
	}
	return &chatroomwire.GetNosTokenResponse{NosToken: &chatroomwire.NosToken{
		ObjectName: wire.Str(g.Object), Token: wire.Str(g.Token), Bucket: wire.Str(g.Bucket), ExpireTime: wire.Int(g.Expires),
	}}, nil
}

// originURL is 6-22. It never fails: an error would destroy the client's message
// (section 3.3).
func (p *Product) originURL(ctx context.Context, s *gateway.Session, req *chatroomwire.GetOriginUrlRequest) (*chatroomwire.GetOriginUrlResponse, error) {
	u := req.NosSafeUrlTag.SafeUrl
	origin := u
	if p.c.Files != nil {
		origin = wire.Str(p.c.Files.OriginURL(ctx, s.App(), u.String()))
	}
	return &chatroomwire.GetOriginUrlResponse{NosSafeUrlTag: &chatroomwire.NosSafeUrl{SafeUrl: u, OriginUrl: origin}}, nil
}

// accessToken is 6-24: the SDK appends what we say to a URL and reads the wrong
// field of it, so that nothing depends on the answer (section 3.8).
func (p *Product) accessToken(_ context.Context, _ *gateway.Session, req *chatroomwire.GetNosAccessTokenRequest) (*chatroomwire.GetNosAccessTokenResponse, error) {
	return &chatroomwire.GetNosAccessTokenResponse{Tag: &chatroomwire.NosAccessToken{Token: wire.Str("none"), Url: req.Tag.Url}}, nil
}

// deleteAccessToken is 6-25.
func (p *Product) deleteAccessToken(context.Context, *gateway.Session, *chatroomwire.DeleteNosAccessTokenRequest) (*gateway.None, error) {
	return nil, nil
}

// mixPolicy is 6-28 (section 8.1).
func (p *Product) mixPolicy(_ context.Context, s *gateway.Session, req *chatroomwire.GetMixStorePolicyRequest) (*chatroomwire.GetMixStorePolicyResponse, error) {
	t := mixstore.PoliciesFor(p.c.Files, s.App(), req.SupportType, true)
	out := &chatroomwire.MixStorePolicy{Providers: wire.Str(t.Providers), Ttl: wire.Int(mixstore.TTL), MixEnable: wire.Int(1), NosPolicy: wire.Str(t.NOS)}
	if t.S3 != "" {
		out.S3Policy = wire.Str(t.S3)
	}
	return &chatroomwire.GetMixStorePolicyResponse{MixStorePolicyTag: out}, nil
}

// mixToken is 6-29 (section 8.2).
func (p *Product) mixToken(ctx context.Context, s *gateway.Session, req *chatroomwire.GetMixStoreTokenRequest) (*chatroomwire.GetMixStoreTokenResponse, error) {
	q := &req.MixStoreTokenReqTag
	t, err := mixstore.TokenFor(ctx, p.c.Files, s.App(), q.Provider.Int(),
		file.Ask{Accid: s.Accid(), Scene: q.Tag.String(), ReturnBody: q.ReturnBody.String(), ExpireSec: q.FileExpireSec.Int()})
	if err != nil {
		return nil, err
	}
	out := &chatroomwire.MixStoreToken{Provider: wire.Int(t.Provider), Token: wire.Str(t.Token), Bucket: wire.Str(t.Bucket), ObjectName: wire.Str(t.Key),
		ExpireTime: wire.Int(t.Expires), ShortUrl: wire.Str(t.URL)}
	if t.Provider == mixstore.S3 {
		out.AccessKeyId, out.SecretAccessKey, out.SessionToken = wire.Str(t.AccessKey), wire.Str(t.Secret), wire.Str(t.Session)
		out.Region = wire.Str(t.Region)
	}
	if t.FileExpireSec > 0 {
		out.FileExpireSec = wire.Int(t.FileExpireSec)
	}
	return &chatroomwire.GetMixStoreTokenResponse{MixStoreTokenResTag: out}, nil
}

// fileAuthToken is 6-30 (section 11).
func (p *Product) fileAuthToken(_ context.Context, s *gateway.Session, req *chatroomwire.GetFileAuthTokenRequest) (*chatroomwire.GetFileAuthTokenResponse, error) {
	q := &req.MixStoreAuthTokenReqTag
	t, err := mixstore.AuthFor(p.c.Files, s.App(), s.Accid(), q.Type.Int(), q.Urls)
	if err != nil {
		return nil, err
	}
	out := &chatroomwire.MixStoreAuthToken{Type: q.Type, Ttl: wire.Int(t.TTL)}
	if t.Token != "" {
		out.Token = wire.Str(t.Token)
	}
	if t.Tokens != "" {
		out.Tokens = wire.Str(t.Tokens)
	}
	return &chatroomwire.GetFileAuthTokenResponse{MixStoreAuthTokenResTag: out}, nil
}
