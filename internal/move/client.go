package move

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxAnswer bounds one answer; pages have at most 100 messages of some KiB.
const maxAnswer = 64 << 20

// maxBlocks is how often in a row one call may be told that there were too many.
const maxBlocks = 60

// SourceConfig says where data comes from and how politely it is asked for.
type SourceConfig struct {
	URL     string // https://HOST, or with the path of the API
	Key     string
	Secret  string
	HTTP    *http.Client
	Rate    float64       // calls a second to each counter of the source; 0 = 80
	Block   time.Duration // how long a counter is left alone after 416; 0 = 11 s
	Retries int           // attempts beyond the first when the source fails; 0 = 6
	Backoff time.Duration // before the first of them, then twice as long each; 0 = 500 ms
	Timeout time.Duration // of one attempt; 0 = 30 s
}

// client calls a REST API of version 1 (docs/api/server-v1.md sections 1 to 6).
type client struct {
	c    SourceConfig
	base string

	mu      sync.Mutex // guards buckets
	buckets map[string]*bucket

	calls, blocks, retries atomic.Int64
	dateMs                 atomic.Int64 // clock of the source in its first answer
}

// apiError is an answer with another code than 200.
type apiError struct {
	path string
	code int
	desc string
}

func (e *apiError) Error() string { return fmt.Sprintf("%s: code %d, %s", e.path, e.code, e.desc) }

// missingError: the source does not serve an endpoint.
type missingError struct{ path, why string }

func (e *missingError) Error() string {
	return fmt.Sprintf("the source does not serve %s (%s)", e.path, e.why)
}

// refusedError: the source does not let us in at all.
type refusedError struct{ why string }

func (e *refusedError) Error() string { return "the source refuses us: " + e.why }

func newClient(c SourceConfig) (*client, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("%q is no URL of a server: https://HOST", c.URL)
	}
	if c.Key == "" || c.Secret == "" {
		return nil, errors.New("AppKey and AppSecret of the source are needed")
	}
	if u.Path = strings.TrimRight(u.Path, "/"); u.Path == "" {
		u.Path = "/nimserver"
	}
	setDefault(&c.Rate, 80)
	setDefault(&c.Block, 11*time.Second)
	setDefault(&c.Retries, 6)
	setDefault(&c.Backoff, 500*time.Millisecond)
	setDefault(&c.Timeout, 30*time.Second)
	if c.HTTP == nil {
		c.HTTP = &http.Client{}
	}
	return &client{c: c, base: u.String(), buckets: map[string]*bucket{}}, nil
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// bucketOf names the counter of the source that an endpoint shares
// (docs/api/server-v1.md section 6).
func bucketOf(path string) string {
	switch {
	case strings.HasPrefix(path, "team/"):
		return "team/*"
	case strings.HasPrefix(path, "superteam/") && !strings.HasPrefix(path, "superteam/queryHistoryMsg"):
		return "superteam/*"
	}
	return path
}

func (c *client) bucket(path string) *bucket {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := bucketOf(path)
	b := c.buckets[name]
	if b == nil {
		b = &bucket{every: time.Duration(float64(time.Second) / c.c.Rate)}
		c.buckets[name] = b
	}
	return b
}

// bucket spaces the calls to one counter of the source evenly.
type bucket struct {
	mu      sync.Mutex // guards the rest
	every   time.Duration
	next    time.Time // place of the next call
	blocked time.Time // no call before
}

// wait takes the next place and waits for it. Whoever waits while the counter
// gets blocked waits that out too.
func (b *bucket) wait(ctx context.Context) error {
	for {
		b.mu.Lock()
		at, blocked := b.next, b.blocked
		if now := time.Now(); at.Before(now) {
			at = now
		}
		b.next = at.Add(b.every)
		b.mu.Unlock()
		if err := sleep(ctx, time.Until(at)); err != nil {
			return err
		}
		b.mu.Lock()
		same := b.blocked.Equal(blocked)
		b.mu.Unlock()
		if same {
			return nil
		}
	}
}

// slowest is the lowest rate that blocks lead to.
const slowest = time.Second

// block leaves the counter alone for a while and is a fifth slower from then on.
func (b *bucket) block(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if now.Before(b.blocked) {
		return // calls that were under way are told of the same block
	}
	b.blocked = now.Add(d)
	b.next = b.blocked
	b.every = max(b.every, min(b.every*5/4, slowest))
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// call asks an endpoint, named by its path below the base without ".action",
// and reads the answer into out. It waits where the source says that it is
// asked too much, and tries again where the source fails; there says whether
// the answer had what was asked for, so that half of one is not taken for none.
func (c *client) call(ctx context.Context, path string, form url.Values, out any, there func() bool) error {
	b := c.bucket(path)
	failures, blocks := 0, 0
	for {
		if err := b.wait(ctx); err != nil {
			return err
		}
		reflect.ValueOf(out).Elem().SetZero() // of an attempt before
		err := c.attempt(ctx, path, form, out)
		if err == nil && !there() {
			err = failed("the answer says 200 and has nothing in it")
		}
		var limited *limitedError
		var failed *failedError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &limited):
			c.blocks.Add(1)
			if blocks++; blocks > maxBlocks {
				return fmt.Errorf("%s: the source says %d times that it is asked too much: %w", path, blocks, err)
			}
			b.block(max(limited.after, c.c.Block))
		case errors.As(err, &failed):
			if failures++; failures > c.c.Retries {
				return fmt.Errorf("%s: %d attempts: %w", path, failures, err)
			}
			c.retries.Add(1)
			if err := sleep(ctx, c.c.Backoff<<(failures-1)); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// limitedError: asked too much; wait.
type limitedError struct{ after time.Duration }

func (*limitedError) Error() string { return "too many calls" }

// failedError: worth another attempt.
type failedError struct{ cause error }

func (e *failedError) Error() string { return e.cause.Error() }
func (e *failedError) Unwrap() error { return e.cause }

func failed(format string, args ...any) error { return &failedError{fmt.Errorf(format, args...)} }

func (c *client) attempt(ctx context.Context, path string, form url.Values, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.c.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/"+path+".action", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	c.sign(req)
	c.calls.Add(1)
	res, err := c.c.HTTP.Do(req)
	if err != nil {
		return failed("%w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return failed("the answer broke off: %w", err)
	}
	if at, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		c.dateMs.CompareAndSwap(0, at.UnixMilli())
	}
	switch s := res.StatusCode; {
	case s == http.StatusTooManyRequests:
		after, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return &limitedError{time.Duration(min(after, 3600)) * time.Second}
	case s == http.StatusNotFound, s == http.StatusMethodNotAllowed, s == http.StatusNotImplemented:
		return &missingError{path, "HTTP " + strconv.Itoa(s)}
	case s >= 500:
		return failed("HTTP %d", s)
	case s != http.StatusOK:
		return fmt.Errorf("%s: HTTP %d; is this the address of an API of version 1?", path, s)
	case len(body) > maxAnswer:
		return fmt.Errorf("%s: the answer has more than %d bytes", path, maxAnswer)
	}
	return read(path, body, out)
}

// read says what an answer means.
func read(path string, body []byte, out any) error {
	var head struct {
		Code *int            `json:"code"`
		Desc json.RawMessage `json:"desc"`
	}
	if err := json.Unmarshal(body, &head); err != nil || head.Code == nil {
		return failed("the answer is no JSON object with a code")
	}
	var desc string
	if json.Unmarshal(head.Desc, &desc) != nil {
		desc = string(head.Desc)
	}
	switch *head.Code {
	case 200:
		if err := json.Unmarshal(body, out); err != nil {
			return failed("the answer is not what the documentation says: %w", err)
		}
		return nil
	case 416:
		return &limitedError{}
	case 408, 415, 500, 503:
		return failed("code %d, %s", *head.Code, desc)
	case 404, 509, 514:
		return &missingError{path, fmt.Sprintf("code %d, %s", *head.Code, desc)}
	case 315, 403:
		return &refusedError{fmt.Sprintf("%s: code %d, %s", path, *head.Code, desc)}
	case 414:
		if strings.Contains(desc, "http header") || strings.Contains(strings.ToLower(desc), "checksum") {
			return &refusedError{fmt.Sprintf("code 414, %s: AppKey or AppSecret is wrong, or this machine's clock", desc)}
		}
	}
	return &apiError{path, *head.Code, desc}
}

// sign adds the headers of docs/api/server-v1.md section 2.1. There is no
// RequestId: these calls change nothing.
func (c *client) sign(req *http.Request) {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails since Go 1.24
	nonce, now := hex.EncodeToString(raw), strconv.FormatInt(time.Now().Unix(), 10)
	sum := sha1.Sum([]byte(c.c.Secret + nonce + now))
	h := req.Header
	h.Set("AppKey", c.c.Key)
	h.Set("Nonce", nonce)
	h.Set("CurTime", now)
	h.Set("CheckSum", hex.EncodeToString(sum[:]))
	h.Set("Content-Type", "application/x-www-form-urlencoded;charset=utf-8")
	h.Set("User-Agent", "hongyan-import")
}
