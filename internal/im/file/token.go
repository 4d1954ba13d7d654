package file

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

const (
	// Bucket is the only bucket; it is the first segment of upload and download
	// paths, and reserved.
	Bucket = "nos"
	// TokenLifeSec is how long an upload token is good for (docs/protocol/storage.md section 5.2).
	TokenLifeSec = 24 * 3600
	// MinExpireSec is the shortest life of a file; clients may ask for less and get it.
	MinExpireSec = 86400
	// MaxScene is the longest usage scene in characters.
	MaxScene = 32
	// maxReturnBody bounds the template a token carries, in bytes: SDKs send some 200.
	maxReturnBody = 2048
	// maxToken bounds what is worth verifying, in bytes.
	maxToken    = 8192
	tokenPrefix = "UPLOAD hongyan:"
)

// Policy is what an upload token permits: one object, once. Its JSON names are
// those of the original (docs/protocol/storage.md section 5.5).
type Policy struct {
	Bucket     string `json:"Bucket"`
	Object     string `json:"Object"`
	Expires    int64  `json:"Expires"` // s since 1970
	ReturnBody string `json:"ReturnBody,omitempty"`
	MaxSize    int64  `json:"MaxSize"` // bytes
	Scene      string `json:"Tag,omitempty"`
	ExpireSec  int64  `json:"ExpireSec,omitempty"` // life of the file; 0 = for ever
	Uploader   string `json:"Uploader,omitempty"`  // accid; "" = the app's server
	App        string `json:"AppKey"`
}

// Ask is a request for an upload token (6-2, 6-29).
type Ask struct {
	Accid      string
	Scene      string
	ReturnBody string
	ExpireSec  int64 // s; 0 = what the scene says
}

// Grant is the answer.
type Grant struct {
	Token, Bucket, Object string
	Expires               int64 // of the token, s since 1970
	FileExpireSec         int64 // of the file, 0 = never
}

// Grant permits one upload by the protocols of our own.
func (s *Service) Grant(a *app.App, ask Ask) (Grant, error) {
	p, err := s.policy(a, ask)
	if err != nil {
		return Grant{}, err
	}
	return Grant{Token: s.sign(p), Bucket: p.Bucket, Object: p.Object, Expires: p.Expires, FileExpireSec: p.ExpireSec}, nil
}

func (s *Service) policy(a *app.App, ask Ask) (*Policy, error) {
	if utf8.RuneCountInString(ask.Scene) > MaxScene || strings.IndexByte(ask.Scene, 0) >= 0 || !utf8.ValidString(ask.Scene) {
		return nil, im.Errorf(im.CodeBadParam, "tag longer than %d characters", MaxScene)
	}
	// After decoding, SDKs leave a backslash before every quote
	// (docs/protocol/storage.md section 3.2).
	body := strings.ReplaceAll(ask.ReturnBody, `\"`, `"`)
	if len(body) > maxReturnBody || !utf8.ValidString(body) {
		return nil, im.Errorf(im.CodeBadParam, "response body longer than %d bytes", maxReturnBody)
	}
	p := &Policy{Bucket: Bucket, Object: newObject(a.Key), Expires: s.clock().Unix() + TokenLifeSec, ReturnBody: body,
		MaxSize: a.Settings.FileMax << 20, Scene: ask.Scene, Uploader: ask.Accid, App: a.Key, ExpireSec: ask.ExpireSec}
	switch {
	case p.ExpireSec <= 0:
		p.ExpireSec = a.Settings.FileScenes[p.Scene]
	case p.ExpireSec < MinExpireSec:
		p.ExpireSec = MinExpireSec
	case p.ExpireSec > maxExpireSec:
		p.ExpireSec = 0
	}
	return p, nil
}

// maxExpireSec is a life after which a file may as well stay: a hundred years.
const maxExpireSec = 100 * 366 * 86400

func (s *Service) sign(p *Policy) string {
	b, _ := json.Marshal(p) // texts and numbers: cannot fail
	body := base64.RawURLEncoding.EncodeToString(b)
	return tokenPrefix + s.mac("upload", body) + ":" + body
}

// Verify reads an upload token; everything that is wrong with it is ErrToken.
func (s *Service) Verify(token string) (*Policy, error) {
	p, err := s.read(token)
	if err != nil || s.clock().Unix() > p.Expires {
		return nil, ErrToken
	}
	return p, nil
}

// read reads an upload token of any age.
func (s *Service) read(token string) (*Policy, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(token), tokenPrefix)
	if !ok || len(token) > maxToken {
		return nil, ErrToken
	}
	mac, body, ok := strings.Cut(rest, ":")
	if !ok || !s.signed("upload", body, mac) {
		return nil, ErrToken
	}
	b, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return nil, ErrToken
	}
	p := &Policy{}
	if err := json.Unmarshal(b, p); err != nil {
		return nil, ErrToken
	}
	return p, nil
}

// mac authenticates text for one purpose: tokens of different kinds never pass
// for each other.
func (s *Service) mac(purpose, text string) string {
	m := hmac.New(sha256.New, s.key)
	m.Write([]byte(purpose))
	m.Write([]byte{0})
	m.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// signed compares as texts: a decoder would pass other spellings of a mac.
func (s *Service) signed(purpose, text, mac string) bool {
	return hmac.Equal([]byte(mac), []byte(s.mac(purpose, text)))
}

// newObject makes the name of an object: app key, a dot, 32 hex characters. It
// cannot be guessed, and it tells the app that it belongs to.
func newObject(appKey string) string { return appKey + "." + randomHex() }

// AppOf returns the app key in an object's name, or "" if it is no such name.
// Chat files are none: nobody reads them by their object's name.
func AppOf(object string) string {
	if IsChat(object) {
		return ""
	}
	return anyAppOf(object)
}

// anyAppOf is AppOf for chat files too.
func anyAppOf(object string) string {
	key, random, ok := strings.Cut(strings.TrimSuffix(object, chatMark), ".")
	if !ok || len(key) == 0 || len(key) > 64 || len(random) != 32 || strings.Trim(random, "0123456789abcdef") != "" {
		return ""
	}
	for i := 0; i < len(key); i++ {
		c := key[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			return ""
		}
	}
	return key
}

// newBlob makes a key for one part of an object; two letters of it spread the
// directory.
func newBlob(object string) string {
	key, random, _ := strings.Cut(object, ".")
	return key + "/" + random[:2] + "/" + random + "-" + randomHex()[:16]
}

// objectOf is the inverse of newBlob: the app and object that a blob was made
// for, "" for what we did not name.
func objectOf(blob string) (appKey, object string) {
	part := strings.Split(blob, "/")
	if len(part) != 3 {
		return "", ""
	}
	random, _, ok := strings.Cut(part[2], "-")
	object = part[0] + "." + random
	if !ok || anyAppOf(object) == "" {
		return "", ""
	}
	return part[0], object
}

func randomHex() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return hex.EncodeToString(b)
}
