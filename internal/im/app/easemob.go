package app

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"

	"hongyan/internal/im"
)

// clientPrefix begins client ids and client secrets (docs/api/easemob.md section 2.2).
const clientPrefix = "YXA6"

var (
	namePattern = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$`)
	// objectPattern is the name of a file at the root (package file).
	objectPattern = regexp.MustCompile(`\.[0-9a-f]{32}$`)
)

// newClient makes a client id, which holds the application's UUID, and its secret.
func newClient() (id, secret string) {
	b := make([]byte, 36)
	_, _ = rand.Read(b) // never fails since Go 1.24
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return clientPrefix + base64.RawURLEncoding.EncodeToString(b[:16]), clientPrefix + base64.RawURLEncoding.EncodeToString(b[16:])
}

// Application returns the bytes of the UUID by which Easemob's API names the
// app. A client id of another form gives one all the same.
func (a *App) Application() [16]byte {
	var id [16]byte
	rest, _ := strings.CutPrefix(a.EasemobID, clientPrefix)
	if b, err := base64.RawURLEncoding.DecodeString(rest); err == nil && len(b) == len(id) {
		copy(id[:], b)
		return id
	}
	sum := sha256.Sum256([]byte(a.EasemobID))
	copy(id[:], sum[:])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return id
}

// FormatUUID writes a UUID as clients read it.
func FormatUUID(b [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// checkName says what is wrong with an app's Easemob name.
func (s *Service) checkName(a *App) error {
	cur, exists := s.Get(a.Key)
	switch {
	case a.Org == "" && a.Name == "", exists && cur.Org == a.Org && cur.Name == a.Name:
		return nil
	case !namePattern.MatchString(a.Org), !namePattern.MatchString(a.Name):
		return im.Errorf(im.CodeBadParam, "easemob name %q: ORG/APP of letters, digits, dots, dashes and underscores", a.Org+"/"+a.Name)
	case reservedSegments[strings.ToLower(a.Org)], objectPattern.MatchString(a.Org):
		return im.Errorf(im.CodeBadParam, "org %q is reserved for the server's own paths", a.Org)
	}
	if other, ok := s.Named(a.Org, a.Name); ok && other.Key != a.Key {
		return im.Errorf(im.CodeRepeated, "easemob name %s/%s belongs to another app", a.Org, a.Name)
	}
	return nil
}
