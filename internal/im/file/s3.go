package file

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// The S3 way of uploading (docs/protocol/storage.md section 9): the client gets
// credentials for one object and speaks S3 to an endpoint.
const (
	// S3Bucket is the bucket of our own endpoint and the first segment of its paths.
	S3Bucket = "s3"
	// S3Region is the region that our own endpoint is signed for.
	S3Region = "us-east-1"
)

// Errors of credentials; what becomes of them is up to the endpoint.
var (
	ErrS3Key     = im.Errorf(im.CodeForbidden, "no such access key")
	ErrS3Token   = im.Errorf(im.CodeForbidden, "session token invalid")
	ErrS3Expired = im.Errorf(im.CodeForbidden, "session token expired")
)

// S3Grant is a Grant with what a client needs to speak S3.
type S3Grant struct {
	Grant
	Key                        string // of the object in the bucket; Object is its name here
	AccessKey, Secret, Session string
	Region                     string
	URL                        string // where the object is read when it is there
}

// S3Endpoint is where the S3 way leads to, as clients are told.
func (s *Service) S3Endpoint() string {
	if s.direct != nil {
		endpoint, _, _ := s.direct.Where()
		return endpoint
	}
	host, _, _ := strings.Cut(s.host, "/")
	return "https://" + host
}

// GrantS3 permits one upload by the S3 way, to the operator's store or to our own
// endpoint. The credentials of the latter are bound to the app, the account, one
// object, its size and a time; they are computed from the session token, so that
// every node knows them and none stores them. Those of the former are empty when
// none can be had now: an SDK that gets an error here gives the upload up, while
// keys that are none make it take the other way (section 8.4).
func (s *Service) GrantS3(ctx context.Context, a *app.App, ask Ask) (S3Grant, error) {
	p, err := s.policy(a, ask)
	if err != nil {
		return S3Grant{}, err
	}
	g := S3Grant{Grant: Grant{Token: s.sign(p), Bucket: S3Bucket, Object: p.Object, FileExpireSec: p.ExpireSec},
		Key: p.Object, Region: S3Region, URL: s.Link(a, p.Object)}
	if s.direct != nil {
		// The store would take it whatever we think of it.
		if err := s.checkQuota(ctx, a, p.Uploader); err != nil {
			return S3Grant{}, err
		}
		k := s.credentials(ctx, p.Object, a.Settings.S3CredentialsTTL)
		_, g.Bucket, g.Region = s.direct.Where()
		g.AccessKey, g.Secret, g.Session, g.Expires = k.AccessKey, k.Secret, k.Session, k.Expires
		return g, nil
	}
	short := *p
	short.Bucket, short.ReturnBody, short.Expires = S3Bucket, "", s.clock().Unix()+a.Settings.S3CredentialsTTL
	b, _ := json.Marshal(&short) // texts and numbers: cannot fail
	body := base64.RawURLEncoding.EncodeToString(b)
	g.Expires, g.Session = short.Expires, body+"."+s.mac("s3", body)
	g.AccessKey, g.Secret = s.s3Keys(g.Session)
	return g, nil
}

// s3Keys derives the two keys from a session token.
func (s *Service) s3Keys(session string) (access, secret string) {
	// A text of capital letters and digits, as access keys are.
	access = strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z':
			return c - 'a' + 'A'
		case c == '-' || c == '_':
			return '0'
		}
		return c
	}, s.mac("s3 access key", session)[:18])
	return "HY" + access, s.mac("s3 secret key", session)
}

// VerifyS3 says what a session token permits, and the secret key that goes with
// it.
func (s *Service) VerifyS3(accessKey, session string) (*Policy, string, error) {
	if session == "" {
		return nil, "", ErrS3Key // none of our keys is good without
	}
	body, mac, ok := strings.Cut(session, ".")
	if !ok || len(session) > maxToken || !s.signed("s3", body, mac) {
		return nil, "", ErrS3Token
	}
	b, err := base64.RawURLEncoding.DecodeString(body)
	p := &Policy{}
	if err != nil || json.Unmarshal(b, p) != nil {
		return nil, "", ErrS3Token
	}
	access, secret := s.s3Keys(session)
	switch {
	case !hmac.Equal([]byte(access), []byte(accessKey)):
		return nil, "", ErrS3Key
	case s.clock().Unix() > p.Expires:
		return nil, "", ErrS3Expired
	}
	return p, secret, nil
}
