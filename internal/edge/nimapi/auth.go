package nimapi

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

const (
	maxNonce      = 128 // characters
	maxClockDelta = 300 // seconds CurTime may differ from the server's clock
)

// checkSum signs a request: hex(sha1(AppSecret + Nonce + CurTime)), lower case
// (docs/api/server-v1.md section 2.1).
func checkSum(secret, nonce, curTime string) string {
	sum := sha1.Sum([]byte(secret + nonce + curTime))
	return hex.EncodeToString(sum[:])
}

// authenticate returns the app a request is signed for. Every fault of the
// headers has one answer, so that nobody can probe for keys
// (docs/api/server-v1.md section 2.2).
func (a *API) authenticate(r *http.Request) (*app.App, error) {
	refused := im.Errorf(im.CodeBadParam, "bad http header")
	key, nonce := r.Header.Get("AppKey"), r.Header.Get("Nonce")
	cur, sum := r.Header.Get("CurTime"), r.Header.Get("CheckSum")
	if key == "" || nonce == "" || cur == "" || sum == "" || len([]rune(nonce)) > maxNonce {
		return nil, refused
	}
	at, err := strconv.ParseInt(cur, 10, 64)
	if now := a.Clock().Unix(); err != nil || at < now-maxClockDelta || at > now+maxClockDelta {
		return nil, refused
	}
	ap, ok := a.Apps.Get(key)
	if !ok {
		return nil, refused
	}
	want := checkSum(ap.Secret, nonce, cur)
	if subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(sum))) != 1 {
		return nil, refused
	}
	if ap.Disabled {
		return nil, im.Errorf(im.CodeForbidden, "app disabled")
	}
	if !ipAllowed(ap.Settings.RESTAllow, a.TrustedIP(r)) {
		return nil, im.Errorf(im.CodeIPRestricted, "ip restricted")
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
