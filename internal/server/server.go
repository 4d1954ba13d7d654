// Package server is the composition root: it builds every part of the process
// and starts and stops them in order. It holds no rule and no protocol.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hongyan/internal/config"
	"hongyan/internal/edge/faillog"
	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/gateway/chatroomgw"
	"hongyan/internal/edge/gateway/nimgw"
	"hongyan/internal/edge/gateway/qchatgw"
	"hongyan/internal/edge/lbs"
	"hongyan/internal/edge/nimapi"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/chatroom"
	"hongyan/internal/im/device"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/friend"
	"hongyan/internal/im/message"
	"hongyan/internal/im/moderation"
	"hongyan/internal/im/notice"
	"hongyan/internal/im/presence"
	"hongyan/internal/im/proxy"
	"hongyan/internal/im/qchat"
	"hongyan/internal/im/session"
	"hongyan/internal/im/signaling"
	"hongyan/internal/im/subscription"
	"hongyan/internal/im/team"
	"hongyan/internal/im/translation"
	"hongyan/internal/infra/bus"
	"hongyan/internal/infra/cert"
	"hongyan/internal/infra/hook"
	"hongyan/internal/infra/seal"
	"hongyan/internal/infra/sqlstore"
	"hongyan/internal/lifecycle"
	"hongyan/internal/obs"
	"hongyan/internal/obs/metrics"
)

// Run serves until ctx ends, then drains. A nil error is a clean end.
func Run(ctx context.Context, cfg *config.Config) error {
	s, err := New(ctx, cfg, slog.Default())
	if err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return errors.Join(err, s.store.Close())
	}
	var fatal error
	select {
	case <-ctx.Done():
	case <-s.store.Lost():
		fatal = errors.New("the node number was lost to another process: is the clock sound, does the database answer?")
	case fatal = <-s.web.failed:
	}
	s.log.Info("draining", "limit", cfg.DrainTimeout)
	s.health.SetDraining()
	s.gateway.Drain()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.DrainTimeout)
	defer cancel()
	return errors.Join(fatal, s.life.Stop(stop))
}

// Server is one built process.
type Server struct {
	files  files
	words  *moderation.Service
	copies *eventcopy.Courier

	cfg           *config.Config
	log           *slog.Logger
	store         *sqlstore.Store
	apps          *app.Service
	accounts      *account.Service
	messages      *message.Service
	notices       *notice.Service
	customs       *notice.Sender
	friends       *friend.Service
	teams         *team.Service
	rooms         *chatroom.Service
	arrivals      *loop // tells chat rooms of who comes and goes
	gateway       *gateway.Gateway
	rest          *nimapi.API
	cluster       *presence.Cluster
	bus           *bus.Bus
	health        *obs.Health
	web           *web
	subscriptions *subscription.Service
	signaling     *signaling.Service
	life          *lifecycle.Manager
	changes       *changes
}

// New opens the store and builds everything else on it; nothing listens yet.
func New(ctx context.Context, cfg *config.Config, log *slog.Logger) (*Server, error) {
	keys, err := seal.Load(cfg.Data)
	if err != nil {
		return nil, err
	}
	certs, err := cert.New(cfg, log)
	if err != nil {
		return nil, err
	}
	registry := metrics.NewRegistry()
	store, err := sqlstore.Open(ctx, sqlstore.Config{URL: cfg.DB, Dir: cfg.Data, Keys: keys, Clock: time.Now, Log: log,
		NodeKind: "serve", Relaxed: cfg.CommitSync == config.CommitNormal, CommitDelay: cfg.Faults.CommitDelay, Metrics: registry})
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: log, store: store, health: obs.NewHealth(log), life: lifecycle.New(log)}
	if err := s.build(ctx, keys, certs, registry); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return s, nil
}

func (s *Server) build(ctx context.Context, keys *seal.Keyring, certs cert.Source, registry *prometheus.Registry) error {
	cfg, log, clock := s.cfg, s.log, im.Clock(time.Now)
	s.apps = app.New(s.store, clock)
	if err := s.apps.Reload(ctx); err != nil {
		return err
	}
	for _, a := range cfg.Apps {
		if _, err := s.apps.Ensure(ctx, a.Key, a.Secret.Reveal(), a.Org, a.App); err != nil {
			return fmt.Errorf("--app %s: %w", a.Key, err)
		}
	}
	hooks := hook.New(hook.Config{Copies: s.store, AllowPrivate: cfg.HookPrivate, Clock: clock, Log: log, Metrics: registry})
	s.accounts = account.New(account.Config{Store: s.store, Clock: clock, TokenKey: keys.TokenKey(), Verdict: hooks.Login})
	s.copies = s.newCourier(hooks, clock, registry)
	node := s.store.IDs().Node()
	dir := presence.NewDirectory(node, clock)
	s.bus = bus.New(bus.Config{URL: cfg.Bus, Cluster: cfg.Cluster, Peers: cfg.Peers, Secret: cfg.ClusterSecret.Reveal(), Log: log, Metrics: registry},
		s.event, func(reason string, since time.Time) {
			s.cluster.Gap()
			// A node that starts has no sessions yet, and knows no other node.
			if n := s.gateway.Resync(gateway.ReasonBusGap, since.UnixMilli()); n > 0 {
				log.Warn("events may have been lost; clients reconnect and sync", "reason", reason, "sessions", n)
			}
		})
	s.messages = message.New(s.store, s.accounts, s.bus, clock)
	s.notices = notice.New(s.store, s.store.IDs(), s.bus, clock)
	s.friends = friend.New(s.store, s.accounts, s.notices, s.bus, clock)
	s.messages.WithRelations(s.friends)
	s.teams = team.New(team.Config{Store: s.store, Accounts: s.accounts, Messages: s.messages, Bus: s.bus, Clock: clock, IDs: s.store.IDs(),
		Attach: nimgw.TeamAttach, Notices: s.notices, Notify: nimgw.TeamNotify})
	s.review(hooks)
	s.messages.SetGate(s.teams)
	s.messages.SetTeams(s.teams.ForMessages())
	s.customs = notice.NewSender(s.notices, s.accounts, s.friends, s.teams.ForNotices())
	sessions := session.New(s.store, s.bus, clock)
	sessions.SetTakesPart(s.messages.TakesPart)
	loginLog := account.NewLoginLog(s.accounts, s.store.IDs())
	s.subscriptions = s.newSubscriptions(dir)
	s.signaling = signaling.New(signaling.Config{Store: s.store, Accounts: s.accounts, Directory: dir, Bus: s.bus, Clock: clock, NextID: s.store.IDs().Next})
	devices := device.New(s.store, clock)
	public := cfg.PublicAddr()
	addr := clientAddr{cfg}
	if err := s.openFiles(ctx, keys, public, registry, addr.ip); err != nil {
		return err
	}
	refused := faillog.New(log, registry, clock)
	nim := nimgw.New(nimgw.Config{Apps: s.apps, Accounts: s.accounts, Messages: s.messages, Sessions: sessions, Friends: s.friends, Teams: s.teams, Notices: s.notices, CustomNotices: s.customs, Directory: dir, Bus: s.bus,
		Operations: hooks, Words: s.words, Subscriptions: s.subscriptions, Signaling: s.signaling, Devices: devices, Proxy: proxy.New(hooks), LoginLog: loginLog, Refused: refused, Clock: clock, Log: log, Node: node, LinkAddr: public, Files: s.files.service, RoundTrip: newRoundTrip(registry)})
	s.rooms = s.newRooms(dir)
	chat := qchat.New(qchat.Config{Store: s.store, Accounts: s.accounts, Bus: s.bus, Clock: clock, NextID: s.store.IDs().Next})
	circles := qchatgw.New(qchatgw.Config{Refused: refused, Apps: s.apps, Accounts: s.accounts, Directory: dir, Bus: s.bus, Clock: clock, Log: log, Node: node, Files: s.files.service, Chat: chat})
	halls := chatroomgw.New(chatroomgw.Config{Refused: refused, Apps: s.apps, Accounts: s.accounts, Directory: dir, Rooms: s.rooms, Clock: clock, Log: log, Node: node, Files: s.files.service,
		Metrics: registry})
	s.arrivals = newLoop(halls.Run)
	connect := gateway.NewAddressLimit(cfg.Gateway.ConnectRate, cfg.Gateway.ConnectBurst, clock)
	// Sockets that were let through at the handshake may open closer together.
	upgrade := gateway.NewAddressLimit(2*cfg.Gateway.ConnectRate, 2*cfg.Gateway.ConnectBurst, clock)
	many := cfg.Cluster != "" || cfg.Bus != ""
	var missed func(context.Context, im.Event, int64, int64) ([]im.Event, error)
	if many { // alone, a node publishes everything in order
		missed = s.messages.Missed
	}
	s.gateway = gateway.New(gateway.Config{Missed: missed, Apps: s.apps, Directory: dir, Bus: s.bus, Clock: clock, Log: log, Metrics: registry,
		ClientAddr: addr.of, MaxFrame: cfg.Gateway.MaxFrameBytes, LoginTimeout: cfg.Gateway.LoginTimeout,
		PacketRate: cfg.Gateway.PacketRate, PacketBurst: cfg.Gateway.PacketBurst, MaxConnections: cfg.Gateway.MaxConnections,
		SendQueue: cfg.Gateway.SendQueueBytes, AllowConnect: connect.Allow, AllowUpgrade: upgrade.Allow}, nim, circles, halls)
	s.cluster = presence.NewCluster(dir, s.bus, clock, many, func(d *presence.Device) {
		s.gateway.Handle(im.Event{Kind: im.EventDeviceDown, App: d.App, To: d.Accid, Body: d.Encode()})
		lost := *d
		lost.Lost = true
		s.subscriptions.Gone(&lost)
	})
	s.cluster.OnCame(s.subscriptions.Came)
	s.changes = newChanges(s)
	s.rest = nimapi.New(nimapi.Config{Friends: s.friends, Translations: translation.New(hooks), Teams: s.teams, Rooms: s.rooms, CustomNotices: s.customs, Apps: s.apps, Accounts: s.accounts, Messages: s.messages, Sessions: sessions, Presence: dir, Subscriptions: s.subscriptions, Signaling: s.signaling, Devices: devices, Bus: s.bus, Clustered: many, Clock: clock, Log: log,
		Metrics: registry, Refused: refused, TrustedIP: addr.ip, PublicURL: "https://" + public, Files: s.files.service, Spool: s.files.spool})
	s.web = newWeb(cfg, log, certs, router{
		health: s.health, gateway: s.gateway, lbs: lbs.New(public, "https://"+public), rest: s.rest, files: s.files.handler, s3: s.files.s3,
		easemob: s.newEasemob(keys, dir, registry, refused, addr.ip),
	})
	s.health.AddCheck("database", s.store.Ping)
	s.health.AddCheck("bus", s.bus.Ping)
	s.compose(registry, certs, loginLog, hooks)
	return nil
}

// compose declares the order of start; stop is the reverse: no new work, then
// the connections, then what writes behind them, then the bus and the store.
func (s *Server) compose(registry *prometheus.Registry, certs cert.Source, loginLog *account.LoginLog, hooks *hook.Client) {
	s.life.Add(lifecycle.Component{Name: "store", Stop: func(context.Context) error { return s.store.Close() }})
	s.life.Add(lifecycle.Component{Name: "hooks", Stop: func(context.Context) error { hooks.Close(); return nil }})
	s.files.compose(s.life)
	s.life.AddService("event copies", newLoop(s.copies.Run), 0)
	s.life.AddService("bus", s.bus, 0)
	s.life.AddService("delivery acknowledgements", newLoop(s.messages.Acks().Run), 0)
	s.life.AddService("acknowledgements of notifications", newLoop(s.notices.Acks().Run), 0)
	s.life.AddService("search index", newLoop(message.NewIndexer(s.store, s.apps.List, im.Clock(time.Now)).Run), 0)
	s.life.AddService("login records", newLoop(loginLog.Run), 0)
	s.life.AddService("maintenance", newLoop(s.maintain), 0)
	s.life.AddService("change log", newLoop(s.changes.run), 0)
	s.life.AddService("presence", newLoop(s.subscriptions.Run), 0)
	s.life.AddService("expiry", newLoop(s.expire), 0)
	s.life.AddService("cluster", newLoop(s.cluster.Run), 0)
	s.life.AddService("chat room notices", s.arrivals, 0)
	s.life.AddService("gateway", s.gateway, s.cfg.DrainTimeout)
	s.life.AddService("metrics", metrics.NewPrivate(metrics.PrivateOptions{Addr: s.cfg.Metrics, Optional: !s.cfg.IsSet("metrics"),
		Gatherer: registry, Health: s.health, Log: s.log}), 0)
	s.life.AddService("listeners", s.web, 0)
	s.life.AddService("certificates", certs, 0)
	s.files.drain(s.life)
}

// Start starts everything and logs the ready line.
func (s *Server) Start(ctx context.Context) error {
	if err := s.life.Start(ctx); err != nil {
		return err
	}
	s.health.SetReady()
	args := []any{"public", s.cfg.PublicAddr(), "node", s.store.IDs().Node()}
	for _, l := range s.web.addrs() {
		args = append(args, l.name, l.addr)
	}
	s.log.Info("ready", args...)
	return nil
}

// event is every event of the bus.
func (s *Server) event(ev im.Event) {
	if s.rest.Observe(ev) {
		return
	}
	s.teams.Observe(ev)
	s.rooms.Observe(ev)
	if s.cluster.Observe(ev) {
		s.subscriptions.Observe(ev)
		s.gateway.Handle(ev)
	}
}
