package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"time"

	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
)

// GroupConfig is the workload of team messages.
type GroupConfig struct {
	Groups      int
	Members     int  // of each, its sender among them
	Online      int  // of each
	Super       bool // super teams
	Size        int
	Rate        float64 // messages a second over all groups; 0: as many as possible
	Window      int     // messages in flight of each group when Rate is 0
	Duration    time.Duration
	Warmup      time.Duration
	Concurrency int
}

// GroupFigures are the results of Groups.
type GroupFigures struct {
	Groups       int     `json:"groups"`
	Members      int     `json:"members"`
	Online       int     `json:"online"`
	Super        bool    `json:"super"`
	Acknowledged bool    `json:"acknowledged"`
	Rate         float64 `json:"rate"`
	Seconds      float64 `json:"seconds"`
	Sent         int     `json:"sent"`
	Acked        int     `json:"acked"`
	Delivered    int     `json:"delivered"`
	SentRate     float64 `json:"acked_per_second"`
	Deliveries   float64 `json:"delivered_per_second"`
	Ack          Latency `json:"ack"`
	Delivery     Latency `json:"delivery"`
	Late         Latency `json:"generator_late"`
	CPU          float64 `json:"cpu_seconds_per_1000_deliveries"`
	GeneratorCPU float64 `json:"generator_cpu_seconds_per_1000_deliveries"`
	RSSBefore    int64   `json:"rss_before_bytes"`
	RSSAfter     int64   `json:"rss_after_bytes"`
	Refused      int     `json:"refused"`
	Missing      int     `json:"missing"`
	Disorder     int     `json:"duplicate_or_out_of_order"`
	Foreign      int     `json:"foreign"`
}

// group is one team: a member that writes, members that are here and listen, and
// others that are not here.
type group struct {
	author
	tid       string
	push      wire.ID // what its messages arrive as
	command   wire.ID
	listeners []*listener

	mu    sync.Mutex
	due   []time.Time
	phase *phase
}

// listener is a member that is here. It belongs to the group, under its lock.
type listener struct {
	client   *Client
	last     int   // number of the last delivery
	lastTime int64 // its server time
}

// Groups sends messages to teams and checks that each reaches every other member
// that is here, in order.
func Groups(ctx context.Context, cfg Config, w GroupConfig) (_ *Report, err error) {
	b, err := prepare(ctx, cfg, w.Groups*w.Members, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	groups, err := b.makeGroups(ctx, w)
	if err != nil {
		return nil, err
	}
	if err := b.restart(ctx); err != nil {
		return nil, err
	}
	clients, err := b.enterAll(ctx, w.Groups*w.Online, w.Concurrency, func(i int) func(*Packet) { return groups[i/w.Online].join(i % w.Online) })
	if err != nil {
		return nil, err
	}
	defer func() { leaveAll(clients) }()
	t := traffic{rate: w.Rate, window: w.Window}
	for i, g := range groups {
		t.talks = append(t.talks, g)
		g.sender = clients[i*w.Online]
		for k, l := range g.listeners {
			l.client = clients[i*w.Online+1+k]
		}
	}
	defer keepAlive(ctx, clients)()
	if w.Warmup > 0 {
		if err := t.run(ctx, w.Warmup); err != nil {
			return nil, err
		}
	}
	before, err := b.probe.Settle(ctx)
	if err != nil {
		return nil, err
	}
	if b.cfg.Profile != "" {
		wait := b.profile(ctx, "group-cpu", w.Duration)
		if err := errors.Join(t.run(ctx, w.Duration), wait()); err != nil {
			return nil, err
		}
	}
	used, err := b.span(ctx, func() error { return t.run(ctx, w.Duration) })
	if err != nil {
		return nil, err
	}
	after, err := b.probe.Settle(ctx)
	if err != nil {
		return nil, err
	}
	f := GroupFigures{Groups: w.Groups, Members: w.Members, Online: w.Online, Super: w.Super, Acknowledged: !cfg.Silent && !w.Super, Rate: w.Rate,
		Seconds: used.took.Seconds(), RSSBefore: before.RSS, RSSAfter: after.RSS, Late: t.late.Latency()}
	f.count(groups)
	f.SentRate, f.Deliveries = float64(f.Acked)/f.Seconds, float64(f.Delivered)/f.Seconds
	n := float64(max(f.Delivered, 1)) / 1000
	f.CPU, f.GeneratorCPU = used.server.Seconds()/n, used.own.Seconds()/n
	r := f.report()
	used.note(r)
	return r, nil
}

// inviteChunk is how many accounts one call takes (docs/api/server-v1.md).
const inviteChunk = 199

// makeGroups makes the teams. The accounts of those that will be here are the
// first ones, group by group.
func (b *bed) makeGroups(ctx context.Context, w GroupConfig) ([]*group, error) {
	began := time.Now()
	r := NewREST(b.cfg.Addr, b.tls, b.cfg.Key, b.cfg.Secret)
	defer r.Close()
	run := newRun()
	var groups []*group
	for g := range w.Groups {
		var members []string
		for i := range w.Online {
			members = append(members, account(g*w.Online+i))
		}
		away := w.Members - w.Online
		for i := range away {
			members = append(members, account(w.Groups*w.Online+g*away+i))
		}
		tid, err := r.createTeam(ctx, w.Super, fmt.Sprintf("group %d of %s", g, run), members)
		if err != nil {
			return nil, err
		}
		groups = append(groups, newGroup(w, run, tid, members[0]))
	}
	b.logf("%d groups of %d in %s", w.Groups, w.Members, time.Since(began).Round(10*time.Millisecond))
	return groups, nil
}

// createTeam makes a team whose owner is the first of members and which they join
// without being asked.
func (r *REST) createTeam(ctx context.Context, super bool, name string, members []string) (tid string, err error) {
	path, add, list := "team/create.action", "team/add.action", "members"
	if super {
		path, add, list = "superteam/create.action", "superteam/invite.action", "inviteAccids"
	}
	accids := func(s []string) string {
		text, _ := json.Marshal(s) // strings always can
		return string(text)
	}
	owner, rest := members[0], members[1:]
	first := rest[:min(inviteChunk, len(rest))]
	form := url.Values{"owner": {owner}, "tname": {name}, list: {accids(first)}, "msg": {"welcome"}, "magree": {"0"}, "joinmode": {"0"}, "beinvitemode": {"1"}}
	if super {
		form.Set("tlevel", strconv.Itoa(len(members)))
	}
	_, body, err := r.Call(ctx, path, form)
	if err != nil {
		return "", err
	}
	var answer struct {
		Code int         `json:"code"`
		TID  json.Number `json:"tid"` // a number or a text
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Code != 200 {
		return "", fmt.Errorf("bench: %s: %.200s", path, body)
	}
	tid = answer.TID.String()
	for rest = rest[len(first):]; len(rest) > 0; {
		next := rest[:min(inviteChunk, len(rest))]
		rest = rest[len(next):]
		code, body, err := r.Call(ctx, add, url.Values{"tid": {tid}, "owner": {owner}, list: {accids(next)}, "msg": {"welcome"}, "magree": {"0"}})
		if err != nil || code != 200 {
			return "", errors.Join(err, fmt.Errorf("bench: %s: %.200s", add, body))
		}
	}
	return tid, nil
}

func newGroup(w GroupConfig, run, tid, from string) *group {
	g := &group{tid: tid, push: wire.ID{SID: 8, CID: 3}, command: nimwire.SendTeamMsg.ID()}
	scene := sceneTeam
	if w.Super {
		g.push, g.command, scene = wire.ID{SID: 21, CID: 3}, nimwire.SendSuperTeamMsg.ID(), sceneSuperTeam
	}
	g.author = newAuthor(run, w.Size, g.command, scene, from, tid)
	for range w.Online - 1 {
		g.listeners = append(g.listeners, &listener{last: -1})
	}
	return g
}

// join returns what sees the packets of the i-th member that is here; the first
// writes.
func (g *group) join(i int) func(*Packet) {
	if i == 0 {
		return g.onSender
	}
	l := g.listeners[i-1]
	return func(p *Packet) { g.onDelivery(l, p) }
}

func (g *group) begin(again func() bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.phase = &phase{first: len(g.due), again: again, refused: map[int]int{}}
}

func (g *group) send(due time.Time) error {
	g.mu.Lock()
	g.queue(due)
	g.mu.Unlock()
	return g.sender.link.flush()
}

// queue writes the next message. The lock is held.
func (g *group) queue(due time.Time) {
	n := len(g.due)
	g.due = append(g.due, due)
	g.phase.sent++
	g.write(n)
}

func (g *group) onSender(p *Packet) {
	if p.ID() != g.command {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	n := int(p.SER - serBase)
	if g.phase == nil || n < g.phase.first || n >= len(g.due) {
		return
	}
	if p.Code != 200 {
		g.phase.refused[p.Code]++
		return
	}
	g.phase.acked++
	g.phase.ack.Add(p.At.Sub(g.due[n]))
	if g.phase.again != nil && g.phase.again() {
		g.queue(p.At) // the reader writes it
	}
}

func (g *group) onDelivery(l *listener, p *Packet) {
	var f msgFields
	if p.ID() != g.push || len(p.R) == 0 || !f.scan(p.R[0]) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.number(f.body)
	if g.phase == nil || n < 0 {
		return // of the making of the group
	}
	at, err := strconv.ParseInt(string(f.time), 10, 64)
	switch {
	case n >= len(g.due) || string(f.to) != g.tid || string(f.from) != g.from:
		g.phase.foreign++
	case n <= l.last || err != nil || at <= l.lastTime:
		g.phase.disorder++
	default:
		g.phase.delivered++
		g.phase.delivery.Add(p.At.Sub(g.due[n]))
		l.last, l.lastTime = n, at
	}
}

func (g *group) answered() int {
	n := g.phase.acked
	for _, k := range g.phase.refused {
		n += k
	}
	return n
}

func (g *group) progress() (n int, done bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n = g.answered()
	return n + g.phase.delivered, n == g.phase.sent && g.phase.delivered >= g.phase.acked*len(g.listeners)
}

func (g *group) broken() error {
	if err := firstLost(g.sender); err != nil {
		return err
	}
	for _, l := range g.listeners {
		if err := firstLost(l.client); err != nil {
			return err
		}
	}
	return nil
}

// count sums up what the groups have counted in the last phase.
func (f *GroupFigures) count(groups []*group) {
	var ack, delivery Histogram
	for _, g := range groups {
		g.mu.Lock()
		ack.Merge(&g.phase.ack)
		delivery.Merge(&g.phase.delivery)
		f.Sent += g.phase.sent
		f.Acked += g.phase.acked
		f.Refused += g.phase.sent - g.phase.acked
		f.Delivered += g.phase.delivered
		f.Disorder += g.phase.disorder
		f.Foreign += g.phase.foreign
		f.Missing += g.phase.acked*len(g.listeners) - g.phase.delivered
		g.mu.Unlock()
	}
	f.Ack, f.Delivery = ack.Latency(), delivery.Latency()
}

func (f GroupFigures) report() *Report {
	r := &Report{Figures: f}
	kind, mode, acks := "teams", "saturation", "no"
	if f.Super {
		kind = "super teams"
	}
	if f.Rate > 0 {
		mode = fmt.Sprintf("%g/s", f.Rate)
	}
	if f.Acknowledged {
		acks = "yes"
	}
	const mib = 1 << 20
	r.add("groups × members (here)", "%d %s × %d (%d)", f.Groups, kind, f.Members, f.Online)
	r.add("load", "%s", mode)
	r.add("acknowledged by receivers", "%s", acks)
	r.add("acked/s", "%.1f", f.SentRate)
	r.add("delivered/s", "%.0f", f.Deliveries)
	r.latency("ack", f.Ack)
	r.latency("delivery", f.Delivery)
	r.add("CPU s per 1,000 deliveries", "%.4f", f.CPU)
	r.add("generator CPU s per 1,000", "%.4f", f.GeneratorCPU)
	r.add("MiB before / after", "%.1f / %.1f", float64(f.RSSBefore)/mib, float64(f.RSSAfter)/mib)
	r.add("missing / duplicate or out of order", "%d / %d", f.Missing, f.Disorder)
	if f.Refused+f.Foreign > 0 {
		r.note("%d messages were refused or got no answer, %d deliveries were foreign.", f.Refused, f.Foreign)
	}
	r.Failed = f.Refused+f.Foreign+f.Missing+f.Disorder > 0 || f.Acked == 0
	return r
}
