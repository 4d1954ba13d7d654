// Package app owns the tenants: an app's key, secret, Easemob name, state and
// settings. Everything else in the domain is keyed by an app.
//
// It must not know how secrets are sealed at rest, who calls, or over which
// protocol.
package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"sort"
	"strings"
	"sync"

	"hongyan/internal/im"
)

// App is one tenant.
type App struct {
	Key        string            // AppKey, 1 to 64 characters
	Secret     string            // AppSecret in the clear; never logged, never sent
	Org, Name  string            // Easemob name org/app, both empty when unset
	Disabled   bool              // a disabled app refuses logins and REST calls with 403
	CreatedMs  int64             // ms since 1970
	Overrides  map[string]string // settings that differ from the defaults, by name
	Settings   Settings          // parsed: defaults and overrides
	EasemobID  string            // client id of the Easemob façade
	EasemobKey string            // its client secret; never logged
}

// Store keeps apps. Every method is one durable unit of work.
type Store interface {
	// Apps returns all apps, by key.
	Apps(ctx context.Context) ([]*App, error)
	// PutApp creates or replaces an app, by its key.
	PutApp(ctx context.Context, a *App) error
}

// Service answers "which app is this" from memory and changes apps.
type Service struct {
	store Store
	clock im.Clock

	changing sync.Mutex // held from reading an app to writing it; before mu

	mu     sync.RWMutex // guards byKey, byName
	byKey  map[string]*App
	byName map[string]*App // by Easemob name, ORG/APP
}

// New returns a Service; call Reload before use.
func New(store Store, clock im.Clock) *Service {
	return &Service{store: store, clock: clock, byKey: map[string]*App{}}
}

// Reload reads all apps anew; the change log calls it when a tool has written.
func (s *Service) Reload(ctx context.Context) error {
	apps, err := s.store.Apps(ctx)
	if err != nil {
		return fmt.Errorf("read apps: %w", err)
	}
	m := make(map[string]*App, len(apps))
	for _, a := range apps {
		if a.Settings, err = ParseSettings(a.Overrides); err != nil {
			return fmt.Errorf("settings of app %s: %w", a.Key, err)
		}
		m[a.Key] = a
	}
	s.use(m)
	return nil
}

// use makes m what is known.
func (s *Service) use(m map[string]*App) {
	names := map[string]*App{}
	for _, a := range m {
		if a.Org == "" {
			continue
		}
		// Two with one name can only come from two tools at once: the first key has it.
		if cur := names[a.Org+"/"+a.Name]; cur == nil || a.Key < cur.Key {
			names[a.Org+"/"+a.Name] = a
		}
	}
	s.mu.Lock()
	s.byKey, s.byName = m, names
	s.mu.Unlock()
}

// Get returns the app with this key. The App is shared: read, never change it.
func (s *Service) Get(key string) (*App, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, ok := s.byKey[key]
	return a, ok
}

// Named returns the app with this Easemob name.
func (s *Service) Named(org, name string) (*App, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, ok := s.byName[org+"/"+name]
	return a, ok
}

// List returns all apps, unordered.
func (s *Service) List() []*App {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]*App, 0, len(s.byKey))
	for _, a := range s.byKey {
		out = append(out, a)
	}
	return out
}

var keyPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Create makes an app. An empty key or secret is generated. An existing key is
// an error.
func (s *Service) Create(ctx context.Context, a App) (*App, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if a.Key == "" {
		a.Key = randomHex(16)
	}
	if _, ok := s.Get(a.Key); ok {
		return nil, im.Errorf(im.CodeRepeated, "app %s exists", a.Key)
	}
	return s.put(ctx, a, a.Overrides)
}

// Ensure makes sure that an app with this key, secret and Easemob name exists:
// what `serve --app` asks for. Settings of an existing app stay.
func (s *Service) Ensure(ctx context.Context, key, secret, org, name string) (*App, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if cur, ok := s.Get(key); ok {
		if cur.Secret == secret && (org == "" || cur.Org == org && cur.Name == name) {
			return cur, nil
		}
		next := *cur
		next.Secret = secret
		if org != "" {
			next.Org, next.Name = org, name
		}
		return s.put(ctx, next, nil)
	}
	return s.put(ctx, App{Key: key, Secret: secret, Org: org, Name: name}, nil)
}

// Set changes settings by name; an empty value returns to the default. All
// faults are reported at once and nothing is changed if there is one.
func (s *Service) Set(ctx context.Context, key string, values map[string]string) (*App, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	cur, ok := s.Get(key)
	if !ok {
		return nil, im.Errorf(im.CodeNotFound, "app %s does not exist", key)
	}
	next := *cur
	next.Overrides = make(map[string]string, len(cur.Overrides)+len(values))
	for k, v := range cur.Overrides {
		next.Overrides[k] = v
	}
	for k, v := range values {
		if v == "" {
			delete(next.Overrides, k)
			if _, known := FindSetting(k); known {
				continue
			}
		}
		next.Overrides[k] = v
	}
	return s.put(ctx, next, values)
}

// SetName gives an app its Easemob name; both parts empty take it away.
func (s *Service) SetName(ctx context.Context, key, org, name string) (*App, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	cur, ok := s.Get(key)
	if !ok {
		return nil, im.Errorf(im.CodeNotFound, "app %s does not exist", key)
	}
	next := *cur
	next.Org, next.Name = org, name
	return s.put(ctx, next, nil)
}

// SetDisabled switches an app off or on.
func (s *Service) SetDisabled(ctx context.Context, key string, off bool) (*App, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	cur, ok := s.Get(key)
	if !ok {
		return nil, im.Errorf(im.CodeNotFound, "app %s does not exist", key)
	}
	next := *cur
	next.Disabled = off
	return s.put(ctx, next, nil)
}

// put stores an app; written are the settings that are new with it.
func (s *Service) put(ctx context.Context, a App, written map[string]string) (*App, error) {
	if !keyPattern.MatchString(a.Key) {
		return nil, im.Errorf(im.CodeBadParam, "app key %q: 1 to 64 characters of A-Z a-z 0-9 _ -", a.Key)
	}
	if a.Secret == "" {
		a.Secret = randomHex(16)
	}
	if a.EasemobID == "" {
		a.EasemobID, a.EasemobKey = newClient()
	}
	if a.CreatedMs == 0 {
		a.CreatedMs = s.clock.NowMs()
	}
	if err := s.checkName(&a); err != nil {
		return nil, err
	}
	set, err := ParseSettings(a.Overrides)
	if faults := checkWritten(written); len(faults) > 0 {
		sort.Strings(faults)
		if err != nil {
			faults = append(faults, im.PublicText(err))
		}
		err = im.Errorf(im.CodeBadParam, "%s", strings.Join(faults, "; "))
	}
	if err != nil {
		return nil, err
	}
	a.Settings = set
	if err := s.store.PutApp(ctx, &a); err != nil {
		return nil, err
	}
	s.mu.RLock()
	next := make(map[string]*App, len(s.byKey)+1)
	for k, v := range s.byKey {
		next[k] = v
	}
	s.mu.RUnlock()
	next[a.Key] = &a
	s.use(next)
	return &a, nil
}

// reservedSegments are first path segments that choose a façade and therefore
// cannot name an Easemob org (ARCHITECTURE.md section 3, "one port").
var reservedSegments = map[string]bool{
	"nimserver": true, "im": true, "lbs": true, "socket.io": true, "srv-sdk": true, "console": true,
	"healthz": true, "readyz": true, "metrics": true, "debug": true, "nos": true, "s3": true, "api": true,
	"easemob": true,
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return hex.EncodeToString(b)
}
