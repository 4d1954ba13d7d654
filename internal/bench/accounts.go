package bench

import (
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // the signature of the API
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// REST calls the server API (docs/api/server-v1.md sections 1 and 2).
type REST struct {
	base   string
	key    string
	secret string
	http   *http.Client
}

// NewREST returns a client for the server at addr.
func NewREST(addr string, conf *tls.Config, key, secret string) *REST {
	scheme := "http"
	if conf != nil {
		scheme = "https"
	}
	return &REST{base: scheme + "://" + addr + "/nimserver/", key: key, secret: secret, http: &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{TLSClientConfig: conf, MaxIdleConnsPerHost: restWorkers},
	}}
}

// restWorkers is how many calls are under way at once.
const restWorkers = 16

// Close closes the idle connections.
func (r *REST) Close() { r.http.CloseIdleConnections() }

// Call makes one call and returns the code and the whole answer.
func (r *REST) Call(ctx context.Context, action string, form url.Values) (code int, body []byte, err error) {
	return r.Repeatable(ctx, "", action, form)
}

// Repeatable is Call with a RequestId; an empty one is not sent.
func (r *REST) Repeatable(ctx context.Context, id, action string, form url.Values) (code int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base+action, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, err
	}
	nonce, now := rand.Text(), strconv.FormatInt(time.Now().Unix(), 10)
	sum := sha1.Sum([]byte(r.secret + nonce + now)) //nolint:gosec // see above
	// The names as documented: the header map of Go would write Appkey.
	for name, value := range map[string]string{
		"AppKey": r.key, "Nonce": nonce, "CurTime": now, "CheckSum": hex.EncodeToString(sum[:]),
		"Content-Type": "application/x-www-form-urlencoded;charset=utf-8",
	} {
		req.Header[name] = []string{value}
	}
	if id != "" {
		req.Header["RequestId"] = []string{id}
	}
	res, err := r.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close() //nolint:errcheck // everything was read
	if body, err = io.ReadAll(res.Body); err != nil {
		return 0, nil, err
	}
	var answer struct{ Code int }
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, body, fmt.Errorf("bench: %s: status %s, %.200q", action, res.Status, body)
	}
	return answer.Code, body, nil
}

// account returns the name of account i.
func account(i int) string { return "u" + strconv.Itoa(i) }

// tokenOf is the token of an account that this tool makes: the same in every
// run, so that a later run can use the accounts of an earlier one.
func tokenOf(accid string) string {
	sum := sha1.Sum([]byte("token of " + accid)) //nolint:gosec // accounts for measuring
	return hex.EncodeToString(sum[:16])
}

// CreateAccounts makes sure that accounts u0 to u(n-1) exist; rate bounds the
// calls a second, 0 does not.
func (r *REST) CreateAccounts(ctx context.Context, n int, rate float64) error {
	defer r.Close()
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	began := time.Now()
	for range restWorkers {
		g.Go(func() error {
			for {
				i := int(next.Add(1) - 1)
				if i >= n {
					return nil
				}
				if rate > 0 {
					due := began.Add(time.Duration(float64(i) / rate * float64(time.Second)))
					if err := pauseFor(ctx, time.Until(due)); err != nil {
						return err
					}
				}
				if err := r.create(ctx, account(i)); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

func (r *REST) create(ctx context.Context, accid string) error {
	for attempt := 0; ; attempt++ {
		code, body, err := r.Call(ctx, "user/create.action", url.Values{
			"accid": {accid}, "name": {accid}, "token": {tokenOf(accid)},
		})
		switch {
		case err != nil:
			return err
		case code == 200 || code == 414 && strings.Contains(string(body), "already register"):
			return nil
		case code == 416 && attempt < 5:
			// The endpoint is blocked for ten seconds.
			if err := pauseFor(ctx, 2500*time.Millisecond); err != nil {
				return err
			}
		default:
			return fmt.Errorf("bench: user/create.action of %s: %.200s", accid, body)
		}
	}
}
