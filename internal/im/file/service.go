package file

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
)

// Config is what a Service needs.
type Config struct {
	Store    Store
	Blobs    Blobs
	Direct   Direct // where clients upload by the S3 way; nil = our own endpoint
	Apps     *app.Service
	Accounts *account.Service
	Clock    im.Clock
	Log      *slog.Logger
	Key      []byte                   // signs tokens; derived from the master key
	Sniff    func(head []byte) string // media type of a content's first bytes; "" = not known
	Removed  func(object string)      // hears of objects that are deleted here; nil = nobody
	Keys     func(result string)      // hears how asking for credentials of Direct ended: "ok", "failed", "not asked"; nil = nobody
	Host     string                   // HOST:PORT[/PATH] of downloads, as clients are told
}

// Service takes, keeps and gives files. It is safe for concurrent use.
type Service struct {
	store    Store
	blobs    Blobs
	apps     *app.Service
	accounts *account.Service
	clock    im.Clock
	log      *slog.Logger
	key      []byte
	sniff    func([]byte) string
	host     string
	removed  func(object string)
	direct   Direct // nil = none
	keys     func(result string)
	noKeysMs atomic.Int64 // until when Direct is not asked for credentials, in ms since 1970

	adoptions chan struct{} // capacity maxAdoptions

	mu     sync.Mutex       // guards busy, owners
	busy   map[string]*turn // objects being uploaded on this node
	owners map[string]int   // uploads under way by account, on this node
}

// New returns a Service; the caller owns Run.
func New(c Config) *Service {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Sniff == nil {
		c.Sniff = func([]byte) string { return "" }
	}
	if c.Removed == nil {
		c.Removed = func(string) {}
	}
	if c.Keys == nil {
		c.Keys = func(string) {}
	}
	if c.Direct != nil {
		c.Blobs = withDirect{c.Blobs, c.Direct}
	}
	return &Service{direct: c.Direct, keys: c.Keys, adoptions: make(chan struct{}, maxAdoptions), removed: c.Removed, store: c.Store, blobs: c.Blobs, apps: c.Apps, accounts: c.Accounts, clock: c.Clock, log: c.Log, key: c.Key,
		sniff: c.Sniff, host: c.Host, busy: map[string]*turn{}, owners: map[string]int{}}
}

// Host is what `{host}` of a client's URL template becomes: HOST:PORT/PATH.
func (s *Service) Host() string { return s.host }

// URL is where an object is read from this server.
func (s *Service) URL(object string) string { return "https://" + s.host + "/" + object }

// HostOf is what an app's clients are told to read from: its CDN, or this server.
func (s *Service) HostOf(a *app.App) string {
	if a.Settings.CDNDomain != "" {
		return a.Settings.CDNDomain
	}
	return s.host
}

// Link is the URL of an object that an app and its clients get.
func (s *Service) Link(a *app.App, object string) string {
	return "https://" + s.HostOf(a) + "/" + object
}

// maxURL is the longest URL that is looked at, in bytes.
const maxURL = 4096

// OriginURL turns a short URL, or one of a CDN, into that of the object on this
// server. Every other URL is its own: an error would break the client's message
// (docs/protocol/storage.md section 3.3).
func (s *Service) OriginURL(ctx context.Context, a *app.App, url string) string {
	object := objectInURL(url)
	if len(url) > maxURL || AppOf(object) != a.Key {
		return url
	}
	if _, _, err := s.Find(ctx, object); err != nil {
		return url
	}
	return s.URL(object)
}

// turn serialises the uploads of one object: a repetition can arrive while the
// timed-out original is still being read (docs/protocol/storage.md section 5.1).
type turn struct {
	sem     chan struct{} // capacity 1
	waiting int
}

const (
	// maxWaiting bounds the requests that wait for one object's turn.
	maxWaiting = 4
	// maxPerOwner bounds the uploads of one account at a time, so that nobody
	// takes all there are.
	maxPerOwner = 32
)

// take waits for the turn of the policy's object and returns what ends it.
func (s *Service) take(ctx context.Context, p *Policy) (func(), error) {
	object, owner := p.Object, p.App+"/"+p.Uploader
	s.mu.Lock()
	t := s.busy[object]
	if t == nil {
		t = &turn{sem: make(chan struct{}, 1)}
	}
	if t.waiting > maxWaiting || p.Uploader != "" && s.owners[owner] >= maxPerOwner {
		s.mu.Unlock()
		return nil, im.Errorf(im.CodeTooFrequent, "too many uploads at a time")
	}
	s.busy[object] = t
	t.waiting++
	s.owners[owner]++
	s.mu.Unlock()
	leave := func() {
		s.mu.Lock()
		if s.owners[owner]--; s.owners[owner] == 0 {
			delete(s.owners, owner)
		}
		if t.waiting--; t.waiting == 0 {
			delete(s.busy, object)
		}
		s.mu.Unlock()
	}
	select {
	case t.sem <- struct{}{}:
		return func() { <-t.sem; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ErrBroken
	}
}

// admitted says whether the policy's app and account may upload now: a token
// outlives what is done to them.
func (s *Service) admitted(ctx context.Context, p *Policy) (*app.App, error) {
	a, ok := s.apps.Get(p.App)
	if !ok || a.Disabled {
		return nil, im.Errorf(im.CodeForbidden, "app disabled")
	}
	if p.Uploader != "" {
		u, err := s.accounts.Get(ctx, p.App, p.Uploader)
		if err != nil {
			if im.CodeOf(err) == im.CodeNotFound {
				return nil, ErrToken
			}
			return nil, err
		}
		if u.Blocked {
			return nil, im.Errorf(im.CodeForbidden, "account disabled")
		}
	}
	return a, nil
}

func quotaOf(a *app.App) Quota {
	return Quota{App: a.Settings.FileAppQuota << 20, Account: a.Settings.FileAccountQuota << 20}
}

// checkQuota refuses before the bytes are read when nothing more fits; the
// store decides in the end.
func (s *Service) checkQuota(ctx context.Context, a *app.App, owner string) error {
	q := quotaOf(a)
	full := func(owner string, limit int64) (bool, error) {
		if limit == 0 {
			return false, nil
		}
		n, err := s.store.FileUsage(ctx, a.Key, owner)
		return n >= limit, err
	}
	over, err := full("", q.App)
	if err == nil && !over && owner != "" { // the app's server has the app's quota alone
		over, err = full(owner, q.Account)
	}
	if err == nil && over {
		err = ErrQuota
	}
	return err
}

// Find returns a finished file that may be read, or ErrUnknown.
func (s *Service) Find(ctx context.Context, object string) (*app.App, *File, error) {
	a, ok := s.apps.Get(AppOf(object))
	if !ok || a.Disabled {
		return nil, nil, ErrUnknown
	}
	f, err := s.store.File(ctx, a.Key, object)
	if errors.Is(err, ErrUnknown) {
		f, err = s.adopt(ctx, a, object)
	}
	if err != nil {
		return nil, nil, err
	}
	if !f.Done || f.ExpiresMs > 0 && f.ExpiresMs <= s.clock.NowMs() {
		return nil, nil, ErrUnknown
	}
	return a, f, nil
}

// removeBlobs gives space back; what fails is left to the sweep.
func (s *Service) removeBlobs(ctx context.Context, parts []Part) {
	for _, p := range parts {
		if err := s.blobs.Delete(context.WithoutCancel(ctx), p.Blob); err != nil {
			s.log.Warn("delete a blob", "blob", p.Blob, "err", err)
		}
	}
}

// storeError names a full store; other errors stay.
func (s *Service) storeError(err error) error {
	if errors.Is(err, ErrDiskFull) {
		s.log.Error("no space left for files", "err", err)
		return ErrFull
	}
	return err
}
