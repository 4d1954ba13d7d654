package file

import (
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// Chat is what a chat file of the Easemob API has beyond a file
// (docs/api/easemob.md section 5).
type Chat struct {
	Name                    string // as the uploader called it
	Restricted              bool   // readers need the secret
	ThumbWidth, ThumbHeight int    // box in pixels; both 0 = the app's
	ChatType, ChatTarget    string // where it was sent, as the uploader says; may be empty
}

const (
	// chatMark ends the object's name of a chat file: the name is none that can
	// be read without the secret.
	chatMark = "x"
	// chatMemory is how long clients are told that a chat file has expired.
	chatMemory = 365 * dayMs
	// secretLen is the length of a share-secret in bytes; clients get 48 characters.
	secretLen = 36
)

// IsChat says whether an object is a chat file.
func IsChat(object string) bool {
	return strings.HasSuffix(object, chatMark) && len(object) > 33 && object[len(object)-34] == '.'
}

// newChatObject names a new chat file; its UUID is in the name.
func newChatObject(appKey string) string {
	b := []byte(randomHex())
	b[12], b[16] = '4', "89ab"[b[16]&3] // a random UUID
	return appKey + "." + string(b) + chatMark
}

// chatObject is the object of a UUID, "" for what is none.
func chatObject(appKey, uuid string) string {
	if len(uuid) != 36 {
		return ""
	}
	for _, i := range []int{8, 13, 18, 23} {
		if uuid[i] != '-' {
			return ""
		}
	}
	h := uuid[:8] + uuid[9:13] + uuid[14:18] + uuid[19:23] + uuid[24:]
	if strings.Trim(h, "0123456789abcdef") != "" {
		return ""
	}
	return appKey + "." + h + chatMark
}

// UUID of a chat file.
func (f *File) UUID() string {
	_, h, _ := strings.Cut(strings.TrimSuffix(f.Object, chatMark), ".")
	if len(h) != 32 {
		return ""
	}
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// Secret is the share-secret of a chat file. It is computed, not kept: who reads
// the database opens nothing.
func (s *Service) Secret(f *File) string {
	m := hmac.New(sha512.New, s.key)
	m.Write([]byte("chat secret\x00" + f.Object))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:secretLen])
}

// SecretFits compares in constant time.
func (s *Service) SecretFits(f *File, secret string) bool {
	return hmac.Equal([]byte(secret), []byte(s.Secret(f)))
}

// SecretOpens is SecretFits for a chat file that may not even be there.
func (s *Service) SecretOpens(a *app.App, uuid, secret string) bool {
	object := chatObject(a.Key, uuid)
	return object != "" && s.SecretFits(&File{Object: object}, secret)
}

// ChatMax is the largest chat file of an app in bytes.
func ChatMax(a *app.App) int64 { return a.Settings.Easemob.FileMax << 20 }

// chatPolicy permits the owner ("" = the app's server) one chat file.
func chatPolicy(a *app.App, owner, object string) *Policy {
	return &Policy{Bucket: Bucket, Object: object, MaxSize: ChatMax(a), Uploader: owner, App: a.Key, ExpireSec: a.Settings.Easemob.FileDays * 86400}
}

// PutChat stores a chat file that comes in one request. What is known of it may
// come behind its content: last reads it.
func (s *Service) PutChat(ctx context.Context, a *app.App, owner string, src Source, last func() (*Chat, error)) (*File, error) {
	p := chatPolicy(a, owner, newChatObject(a.Key))
	if _, err := s.admitted(ctx, p); err != nil {
		return nil, err
	}
	leave, err := s.take(ctx, p)
	if err != nil {
		return nil, err
	}
	defer leave()
	return s.keep(ctx, a, p, src, last)
}

// FindChat returns a chat file: ErrUnknown, or ErrExpired when it was there.
func (s *Service) FindChat(ctx context.Context, a *app.App, uuid string) (*File, error) {
	object := chatObject(a.Key, uuid)
	if object == "" {
		return nil, ErrUnknown
	}
	f, err := s.store.File(ctx, a.Key, object)
	if errors.Is(err, ErrUnknown) {
		known, err := s.store.ChatFileKnown(ctx, a.Key, object)
		if err == nil && known {
			err = ErrExpired
		} else if err == nil {
			err = ErrUnknown
		}
		return nil, err
	}
	switch {
	case err != nil:
		return nil, err
	case !f.Done || f.Chat == nil:
		return nil, ErrUnknown
	case f.ExpiresMs > 0 && f.ExpiresMs <= s.clock.NowMs():
		return nil, ErrExpired
	}
	return f, nil
}

// Lifetime is what becomes of a chat file's life (docs/api/easemob.md section 5.7).
type Lifetime int

// Lifetimes.
const (
	LifeDefault Lifetime = iota // from its upload
	LifeRefresh                 // from now
	LifeForever
)

// SetLifetime changes when a chat file ends. A user may change his own, the
// app's server (owner "") every one.
func (s *Service) SetLifetime(ctx context.Context, a *app.App, owner, uuid string, life Lifetime) error {
	f, err := s.FindChat(ctx, a, uuid)
	if err != nil {
		return err
	}
	if owner != "" && f.Owner != owner {
		return im.Errorf(im.CodeForbidden, "not your file")
	}
	return s.store.ChangeFile(ctx, a.Key, f.Object, Quota{}, func(cur *File) (*File, error) {
		if cur == nil || !cur.Done {
			return nil, ErrUnknown
		}
		from := cur.CreatedMs
		if life == LifeRefresh {
			from = s.clock.NowMs()
		}
		cur.ExpiresMs = expiry(chatPolicy(a, "", cur.Object), from)
		if life == LifeForever {
			cur.ExpiresMs = 0
		}
		return cur, nil
	})
}

// forgetChats forgets files that expired long ago.
func (s *Service) forgetChats(ctx context.Context) error {
	for {
		n, err := s.store.ForgetChatFiles(ctx, s.clock.NowMs()-chatMemory, cleanBatch)
		if err != nil || n < cleanBatch {
			return err
		}
	}
}

// partsSum is the ETag of a content that came in parts: the digest of their digests.
func partsSum(parts []Part) string {
	h := sha512.New()
	for _, p := range parts {
		h.Write(p.Hash)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
