package nimapi

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"hongyan/internal/edge/faillog"
	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

const (
	maxNonce      = 128 // characters
	maxKey        = 64  // bytes; no app has a longer one
	maxClockDelta = 300 // seconds CurTime may differ from the server's clock
)

// checkSum signs a request: hex(sha1(AppSecret + Nonce + CurTime)), lower case
// (docs/api/server-v1.md section 2.1).
func checkSum(secret, nonce, curTime string) string {
	sum := sha1.Sum([]byte(secret + nonce + curTime))
	return hex.EncodeToString(sum[:])
}

// unsigned is a request that is refused before its call begins.
type unsigned struct {
	answer error
	why    string // for the record of refusals
}

// Error implements error.
func (u *unsigned) Error() string { return u.why }

// Unwrap returns what the caller is answered.
func (u *unsigned) Unwrap() error { return u.answer }

// Answers to a request that is refused. Every fault of the headers has one, so
// that nobody can probe for keys (docs/api/server-v1.md section 2.2).
var (
	errHeader     = im.Errorf(im.CodeBadParam, "bad http header")
	errGuesses    = im.Errorf(im.CodeTooFrequent, "too many wrong signatures")
	errDisabled   = im.Errorf(im.CodeForbidden, "app disabled")
	errRestricted = im.Errorf(im.CodeIPRestricted, "ip restricted")
)

// authenticate returns the app a request is signed for; its refusals are recorded.
func (a *API) authenticate(r *http.Request) (*app.App, error) {
	ip := a.TrustedIP(r)
	ap, err := a.signer(r, ip)
	if u := (*unsigned)(nil); errors.As(err, &u) {
		a.Refused.Add(faillog.Refusal{API: "rest", App: r.Header.Get("AppKey"), Peer: ip, Reason: u.why, Code: int(im.CodeOf(u.answer))})
		return nil, u.answer
	}
	return ap, err
}

func (a *API) signer(r *http.Request, ip string) (*app.App, error) {
	key, nonce := r.Header.Get("AppKey"), r.Header.Get("Nonce")
	cur, sum := r.Header.Get("CurTime"), r.Header.Get("CheckSum")
	if key == "" || nonce == "" || cur == "" || sum == "" || len([]rune(nonce)) > maxNonce || len(key) > maxKey {
		return nil, &unsigned{errHeader, "bad header"}
	}
	at, err := strconv.ParseInt(cur, 10, 64)
	if now := a.Clock().Unix(); err != nil || at < now-maxClockDelta || at > now+maxClockDelta {
		return nil, &unsigned{errHeader, "clock differs"}
	}
	ap, ok := a.Apps.Get(key)
	limit := a.strangers // a key that nobody has must not be told by its limit
	if ok {
		limit = ap.Settings.RESTFailures
	}
	// Wrong ones are counted by key and address: whoever guesses does not stop others.
	source := key + "\x00" + im.Neighbourhood(ip)
	counted := limit > 0 && !im.Loopback(ip)
	if counted && a.wrong.Over(source, limit) {
		return nil, &unsigned{errGuesses, "too many wrong signatures"}
	}
	why := "no such app"
	if ok {
		if subtle.ConstantTimeCompare([]byte(checkSum(ap.Secret, nonce, cur)), []byte(strings.ToLower(sum))) == 1 {
			why = ""
		} else {
			why = "wrong signature"
		}
	}
	switch {
	case why != "":
		if counted {
			a.wrong.Add(source)
		}
		return nil, &unsigned{errHeader, why}
	case ap.Disabled:
		return nil, &unsigned{errDisabled, "app disabled"}
	case !ipAllowed(ap.Settings.RESTAllow, ip):
		return nil, &unsigned{errRestricted, "address not allowed"}
	}
	return ap, nil
}

// ipAllowed says whether a list of addresses and CIDR ranges admits ip; an
// empty list admits everybody. An entry that cannot be read admits nobody.
func ipAllowed(list, ip string) bool {
	if strings.TrimSpace(list) == "" {
		return true
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if p, err := netip.ParsePrefix(item); err == nil && p.Contains(addr) {
			return true
		}
		if one, err := netip.ParseAddr(item); err == nil && one.Unmap() == addr {
			return true
		}
	}
	return false
}

// peerIP is the address of the connection's other end.
func peerIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
