package nimapi_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hongyan/internal/edge/nimapi"
	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/chatroom"
	"hongyan/internal/im/device"
	"hongyan/internal/im/friend"
	"hongyan/internal/im/message"
	"hongyan/internal/im/notice"
	"hongyan/internal/im/presence"
	"hongyan/internal/im/session"
	"hongyan/internal/im/signaling"
	"hongyan/internal/im/subscription"
	"hongyan/internal/im/team"
	"hongyan/internal/im/translation"
	"hongyan/internal/infra/bus"
	"hongyan/internal/infra/hook"
	"hongyan/internal/infra/sqlstore"
)

const appKey, appSecret = "app1", "secret-of-app1"

// node is the API on a real store and a real bus.
type node struct {
	t         *testing.T
	api       *nimapi.API
	apps      *app.Service
	accounts  *account.Service
	messages  *message.Service
	friends   *friend.Service
	presence  *presence.Directory
	signaling *signaling.Service
	teams     *team.Service
	dice      func(int64) int64 // for messages that may be dropped
	events    chan im.Event
	ahead     atomic.Int64 // ms the API's clock runs ahead
	log       *syncBuffer
	metrics   *prometheus.Registry
	store     *sqlstore.Store
	dir       string // of the database
	config    nimapi.Config
	published hytest.Bus // what the services published, at once

	mu    sync.Mutex // guards asked and told
	asked []string   // system notifications of teams, as teamNotify writes them
	told  []team.Notify
}

// tee publishes and records.
type tee struct {
	im.Publisher
	record *hytest.Bus
}

func (p tee) Publish(events ...im.Event) {
	p.record.Publish(events...)
	p.Publisher.Publish(events...)
}

func newNode(t *testing.T) *node {
	t.Helper()
	ctx := t.Context()
	n := &node{t: t, events: make(chan im.Event, 10_000), log: &syncBuffer{}, metrics: prometheus.NewRegistry()}
	log := slog.New(slog.NewTextHandler(n.log, nil))
	b := bus.New(bus.Config{Log: log}, func(e im.Event) { n.events <- e }, func(string, time.Time) {})
	if err := b.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Stop(context.Background()) })
	store := hytest.Store(t, func(c *sqlstore.Config) { c.Log = log; n.dir = c.Dir }) // closed before the bus: it publishes
	n.store = store
	clock := im.Clock(func() time.Time { return time.Now().Add(time.Duration(n.ahead.Load()) * time.Millisecond) })
	p := tee{b, &n.published}
	n.apps = app.New(store, clock)
	n.accounts = account.New(account.Config{Store: store, Clock: clock, TokenKey: hytest.Keys(t).TokenKey()})
	n.messages = message.New(store, n.accounts, p, clock)
	notices := notice.New(store, store.IDs(), p, clock)
	n.friends = friend.New(store, n.accounts, notices, p, clock)
	n.messages.WithRelations(n.friends)
	n.presence = presence.NewDirectory(0, clock)
	n.teams = team.New(team.Config{Store: store, Accounts: n.accounts, Messages: n.messages, Bus: p, Clock: clock, IDs: store.IDs(),
		Attach: n.note, Notices: notices, Notify: n.teamNotify})
	n.messages.SetGate(n.teams)
	n.messages.SetTeams(n.teams.ForMessages())
	n.signaling = signaling.New(signaling.Config{Store: store, Accounts: n.accounts, Directory: n.presence, Bus: p, Clock: clock, NextID: store.IDs().Next})
	subscriptions := subscription.New(subscription.Config{Store: store, Apps: n.apps, Accounts: n.accounts, Directory: n.presence, Bus: p, Clock: clock, NextID: store.IDs().Next})
	if _, err := n.apps.Ensure(ctx, appKey, appSecret, "", ""); err != nil {
		t.Fatal(err)
	}
	hooks := hook.New(hook.Config{AllowPrivate: true, Clock: clock, Log: log, Metrics: prometheus.NewRegistry()})
	t.Cleanup(hooks.Close)
	n.config = nimapi.Config{
		Translations: translation.New(hooks),
		Friends:      n.friends, CustomNotices: notice.NewSender(notices, n.accounts, n.friends, n.teams.ForNotices()), Teams: n.teams,
		Apps: n.apps, Accounts: n.accounts, Messages: n.messages, Presence: n.presence, Subscriptions: subscriptions, Signaling: n.signaling, Devices: device.New(store, clock), Bus: p, Clock: clock,
		Rooms: chatroom.New(chatroom.Config{Store: store, Accounts: n.accounts, Directory: n.presence, Bus: p, Clock: clock, NextID: store.IDs().Next,
			NewUUID: func() string { return "uuid" }, Dice: func(of int64) int64 { return n.dice(of) }}),
		Log: log, Metrics: n.metrics, PublicURL: "https://im.example.com:7443", Sessions: session.New(store, p, clock),
	}
	n.api = nimapi.New(n.config)
	return n
}

// header signs a call and changes what a case changes.
func (n *node) header(change map[string]string) http.Header {
	h := http.Header{}
	cur := strconv.FormatInt(time.Now().Add(time.Duration(n.ahead.Load())*time.Millisecond).Unix(), 10)
	sum := sha1.Sum([]byte(appSecret + "nonce" + cur))
	h.Set("AppKey", appKey)
	h.Set("Nonce", "nonce")
	h.Set("CurTime", cur)
	h.Set("CheckSum", hex.EncodeToString(sum[:]))
	h.Set("Content-Type", "application/x-www-form-urlencoded;charset=utf-8")
	for k, v := range change {
		h.Del(k)
		if v != "" {
			h.Set(k, v)
		}
	}
	return h
}

func (n *node) send(method, path, body string, h http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header = h
	w := httptest.NewRecorder()
	n.api.ServeHTTP(w, r)
	described().check(n.t, method, r.URL.Path, w.Code, w.Body.Bytes())
	return w
}

// call makes a signed call with name=value pairs and returns the answer's text.
func (n *node) call(path string, pairs ...string) string {
	n.t.Helper()
	return n.callAs(nil, path, pairs...)
}

func (n *node) callAs(change map[string]string, path string, pairs ...string) string {
	n.t.Helper()
	v := url.Values{}
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		v.Add(name, value)
	}
	w := n.send("POST", "/nimserver/"+path+".action", v.Encode(), n.header(change))
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
		n.t.Errorf("%s: HTTP %d, %v", path, w.Code, w.Header())
	}
	return w.Body.String()
}

// want compares an answer as text: order and types are part of the contract.
func (n *node) want(got, want string) {
	n.t.Helper()
	if got != want {
		n.t.Errorf("got  %s\nwant %s", got, want)
	}
}

func (n *node) register(accids ...string) {
	n.t.Helper()
	for _, id := range accids {
		if _, _, err := n.accounts.Register(n.t.Context(), appKey, id, "token-"+id, account.CardUpdate{}); err != nil {
			n.t.Fatal(err)
		}
	}
}

func (n *node) set(pairs map[string]string) {
	n.t.Helper()
	if _, err := n.apps.Set(n.t.Context(), appKey, pairs); err != nil {
		n.t.Fatal(err)
	}
}

// login says with which code a static token is answered.
func (n *node) login(accid, token string) im.Code {
	n.t.Helper()
	a, _ := n.apps.Get(appKey)
	_, err := n.accounts.Authenticate(n.t.Context(), a, account.Login{Accid: accid, Token: token})
	return im.CodeOf(err)
}

func (n *node) event(kind im.EventKind) im.Event {
	n.t.Helper()
	for {
		select {
		case e := <-n.events:
			if e.Kind == kind {
				return e
			}
		case <-time.After(5 * time.Second):
			n.t.Fatalf("no event of kind %d", kind)
		}
	}
}

// noteText stands for the content of a team's notification message: its id and
// whom it names.
func noteText(n *team.Notification) string {
	return strings.TrimSpace(fmt.Sprint(int(n.ID), " ", strings.Join(append(n.Accids, n.Accid), " ")))
}

// teamNotify keeps the system notifications of teams.
func (n *node) teamNotify(t team.Notify) []*notice.Notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told = append(n.told, t)
	n.asked = append(n.asked, fmt.Sprint(int(t.Type), " ", t.From, " > ", strings.Join(t.To, " "), ": ", t.Text))
	return nil
}

// field digs into an answer.
func field(t *testing.T, answer string, path ...string) any {
	t.Helper()
	var v any
	d := json.NewDecoder(strings.NewReader(answer))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("%s has no %v", answer, path)
		}
		v = m[p]
	}
	return v
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// gathered prints counters with their label values.
func gathered(t *testing.T, reg *prometheus.Registry) string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			fmt.Fprintf(&b, "%s{%s} %v\n", f.GetName(), strings.Join(labels, " "), m.GetCounter().GetValue())
		}
	}
	return b.String()
}

// note is the content of a team's notification, without wire tags.
func (n *node) note(t *team.Notification) string {
	if t.Team.Kind == team.Super {
		return noteText(t)
	}
	told := map[string]any{"id": t.ID, "name": t.Team.Name}
	if t.Accids != nil {
		told["ids"] = t.Accids
	}
	if t.Accid != "" {
		told["accid"] = t.Accid
	}
	if t.Attach != nil {
		told["attach"] = *t.Attach
	}
	if t.ID == team.NoteMuteMember {
		told["mute"] = t.Mute
	}
	if t.Changed != nil && t.Changed.MuteType != nil {
		told["muteType"] = *t.Changed.MuteType
	}
	b, err := json.Marshal(told)
	if err != nil {
		n.t.Error(err)
	}
	return string(b)
}

func (n *node) notifications() []team.Notify {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.told)
}
