package nimapi

import (
	"crypto/md5"
	"encoding/hex"
	"net/http"

	"hongyan/internal/im"
)

// liveness answers the probe of the server SDKs; they look at nothing but the
// HTTP status (docs/api/server-v1.md section 8).
func (a *API) liveness(*http.Request) (Result, error) { return nil, nil }

// allocateTTL is how many seconds a caller may keep the answer of allocate.
const allocateTTL = 30

// allocation is the `data` of /srv-sdk/allocate; the dots belong to the keys.
type allocation struct {
	Default string   `json:"default.endpoint"`
	Backup  []string `json:"backup.endpoints"`
	TTL     int      `json:"ttl"`
	MD5     string   `json:"md5"`
}

// allocate tells server SDKs where the API is (docs/api/server-v1.md section 8).
func (a *API) allocate(r *http.Request) (Result, error) {
	q := r.URL.Query()
	if _, ok := a.Apps.Get(q.Get("k")); !ok {
		return nil, im.Errorf(im.CodeBadParam, "unknown app")
	}
	endpoint := a.PublicURL + "/nimserver"
	sum := md5.Sum([]byte(endpoint))
	tag := hex.EncodeToString(sum[:])
	if q.Get("md5") == tag {
		return status(http.StatusNotModified), nil
	}
	return with("data", allocation{Default: endpoint, Backup: []string{}, TTL: allocateTTL, MD5: tag}), nil
}
