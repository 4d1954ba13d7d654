package file

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// maxAuthURLs bounds the URLs of one request for download tokens.
const maxAuthURLs = 100

// pass is what a download token permits. A pass without a hash opens every file
// of its app (docs/protocol/storage.md section 11).
type pass struct {
	App     string `json:"a"`
	Accid   string `json:"u"`
	Expires int64  `json:"e"`           // s since 1970
	Object  string `json:"o,omitempty"` // hash of the object's name
}

// DownloadToken makes a token for every file of the app.
func (s *Service) DownloadToken(a *app.App, accid string) (token string, ttlSec int64) {
	return s.signPass(pass{App: a.Key, Accid: accid, Expires: s.clock().Unix() + a.Settings.DownloadTokenTTL}), a.Settings.DownloadTokenTTL
}

// URLTokens makes one token per URL, in their order; each opens the file of its
// URL alone.
func (s *Service) URLTokens(a *app.App, accid string, urls []string) (tokens []string, ttlSec int64, err error) {
	if len(urls) > maxAuthURLs {
		return nil, 0, im.Errorf(im.CodeBadParam, "at most %d urls", maxAuthURLs)
	}
	exp := s.clock().Unix() + a.Settings.DownloadTokenTTL
	for _, u := range urls {
		tokens = append(tokens, s.signPass(pass{App: a.Key, Accid: accid, Expires: exp, Object: objectHash(objectInURL(u))}))
	}
	return tokens, a.Settings.DownloadTokenTTL, nil
}

func (s *Service) signPass(p pass) string {
	b, _ := json.Marshal(p) // texts and numbers: cannot fail
	body := base64.RawURLEncoding.EncodeToString(b)
	return body + "." + s.mac("download", body)
}

// CheckDownload says whether a token opens a file for the one who shows it.
func (s *Service) CheckDownload(f *File, token, appKey, accid string) error {
	refused := im.Errorf(im.CodeForbidden, "download token missing, wrong or expired")
	// The original's sample doubles the name of the parameter.
	token = strings.TrimPrefix(token, "nim-mixstore-ctoken=")
	body, mac, ok := strings.Cut(token, ".")
	if !ok || len(token) > maxToken || !s.signed("download", body, mac) {
		return refused
	}
	b, err := base64.RawURLEncoding.DecodeString(body)
	var p pass
	if err != nil || json.Unmarshal(b, &p) != nil {
		return refused
	}
	id, _ := im.NormalizeAccid(accid)
	if p.App != f.App || appKey != p.App || id != p.Accid || s.clock().Unix() > p.Expires {
		return refused
	}
	if p.Object != "" && p.Object != objectHash(f.Object) {
		return refused
	}
	return nil
}

// objectInURL is the last segment of the URL's path.
func objectInURL(u string) string {
	u, _, _ = strings.Cut(u, "?")
	return u[strings.LastIndexByte(u, '/')+1:]
}

// objectHash is never empty, so that a token for one file is never one for all.
func objectHash(object string) string {
	sum := sha256.Sum256([]byte(object))
	return hex.EncodeToString(sum[:12])
}
