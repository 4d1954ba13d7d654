package move

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/friend"
	"hongyan/internal/im/message"
	"hongyan/internal/im/team"
	"hongyan/internal/im/transfer"
)

// Target is the database that is written: bulk writes, and what the comparison reads.
type Target interface {
	transfer.Store
	Accounts(ctx context.Context, app string, accids []string) ([]*account.Account, error)
	Friends(ctx context.Context, app, owner string, afterMs int64, ended bool) ([]*friend.Friend, error)
	Relations(ctx context.Context, app, owner string) ([]*friend.Relation, error)
	Teams(ctx context.Context, app string, convs []im.ConvKey) (map[im.ConvKey]*team.Team, error)
	Members(ctx context.Context, app string, conv im.ConvKey, q team.MemberQuery) ([]*team.Member, error)
	Page(ctx context.Context, app string, conv im.ConvKey, q message.PageQuery) ([]*message.Message, error)
}

// What an import can leave out.
const (
	SkipRelations     = "relations"
	SkipFriendDetails = "friend-details"
	SkipSessions      = "sessions"
	SkipTeams         = "teams"
	SkipSuperTeams    = "superteams"
	SkipHistory       = "history"
)

// Config is what an import needs.
type Config struct {
	Source   SourceConfig
	Target   Target
	App      string // key of the app here
	Accounts []Account
	Pairs    []im.ConvKey
	Tokens   string // file for issued tokens; "" = every account has one
	Skip     []string
	// TokenHash makes what is stored of a token.
	TokenHash func(app, accid, token string) (string, error)

	// Slack is how far message times may run ahead of the source's clock; history
	// is read this long after the beginning at the earliest. 0 = 2 s.
	Slack time.Duration

	Concurrency int  // calls under way at a time; 0 = 8
	Compare     bool // in the end
	CompareOnly bool // and nothing else
	Limit       int  // differences, and things left out, that are named; 0 = 20
	Out         io.Writer
	Terminal    bool // Out is one
}

// Kinds of marks. Their values are the number of the run that has done it.
const (
	markImport    = "import"         // "source", "run"
	markRelations = "relations"      // by accid
	markSessions  = "sessions"       // by accid
	markTeamsOf   = "teams-of"       // by accid
	markSupersOf  = "superteams-of"  // by accid
	markSeen      = "team-seen"      // by key of the team in the source
	markTeam      = "team-done"      // by key of the team in the source
	markConv      = "conv"           // by conversation here; transfer.Progress
	runKey        = "run"            // of markImport
	sourceKey     = "source"         // of markImport
	writeMessages = 500              // messages of one transaction
	marksPage     = 1000             // marks read at a time
	accountsPage  = maxCards / 2     // accounts read and written at a time
	sourceKind    = "yunxin-rest-v1" // of markImport "source"
)

// run is one import under way.
type run struct {
	c      Config
	src    *client
	dst    Target
	listed map[string]bool
	tokens *tokenFile
	state  runState
	show   *progress

	stored   atomic.Int64
	leftOut  notes
	differ   notes
	unlisted names
	skipped  map[string]bool
	teamIDs  map[im.Scene]map[string]int64 // new ids by those in the source; see loadTeams
}

// runState is the value of the mark of the present run.
type runState struct {
	N       int64 `json:"n"`
	UntilMs int64 `json:"until"` // messages up to this time of the source belong to it
	CalmMs  int64 `json:"calm"`  // time here from which on nothing more of this run can come in
	Done    bool  `json:"done,omitempty"`
}

// Import brings an app over and says what came of it. An import that was
// interrupted goes on where it was; one that was finished begins anew and
// fetches what has changed.
func Import(ctx context.Context, c Config) (*Report, error) {
	begun := time.Now()
	src, err := newClient(c.Source)
	if err != nil {
		return nil, err
	}
	setDefault(&c.Concurrency, 8)
	setDefault(&c.Limit, 20)
	setDefault(&c.Slack, 2*time.Second)
	r := &run{c: c, src: src, dst: c.Target, listed: map[string]bool{}, skipped: map[string]bool{}}
	r.leftOut.limit, r.differ.limit = c.Limit, c.Limit
	r.show = &progress{out: c.Out, terminal: c.Terminal, facts: r.facts}
	for _, s := range c.Skip {
		r.skipped[s] = true
	}
	for _, a := range c.Accounts {
		r.listed[a.Accid] = true
	}
	if c.Tokens != "" {
		if r.tokens, err = openTokens(c.Tokens); err != nil {
			return nil, err
		}
	}
	rep := &Report{}
	err = errors.Join(r.all(ctx, rep), r.tokens.close())
	rep.LeftOut, rep.LeftMore = r.leftOut.list()
	rep.Differences, rep.More = r.differ.list()
	rep.Unlisted, rep.UnlistedAll = r.unlisted.list(c.Limit)
	rep.Stored, rep.Calls, rep.Blocks, rep.Retries = r.stored.Load(), src.calls.Load(), src.blocks.Load(), src.retries.Load()
	rep.Took = time.Since(begun)
	return rep, err
}

func (r *run) facts() string {
	s := fmt.Sprintf("%d messages stored, %d calls", r.stored.Load(), r.src.calls.Load())
	if n := r.src.blocks.Load(); n > 0 {
		s += fmt.Sprintf(", asked to wait %d times", n)
	}
	return s
}

func (r *run) all(ctx context.Context, rep *Report) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	if !r.c.CompareOnly {
		for _, stage := range []func(context.Context) error{r.accounts, r.relations, r.sessions, r.teams, r.history} {
			if err := stage(ctx); err != nil {
				return err
			}
		}
		r.state.Done = true
		if err := r.putState(ctx); err != nil {
			return err
		}
	}
	if !r.c.Compare && !r.c.CompareOnly {
		return nil
	}
	return r.compare(ctx, rep)
}

// begin checks that we are let in and that the app was not filled from
// somewhere else, and finds the run that goes on or makes a new one.
func (r *run) begin(ctx context.Context) error {
	if _, _, err := r.src.cards(ctx, []string{r.c.Accounts[0].Accid}); err != nil {
		return err
	}
	source := sourceKind + " " + r.c.Source.Key
	if was, ok, err := r.dst.MarkOf(ctx, r.c.App, markImport, sourceKey); err != nil {
		return err
	} else if ok && was != source {
		return fmt.Errorf("app %s was filled from another source (%s): import into a new app", r.c.App, was)
	}
	text, ok, err := r.dst.MarkOf(ctx, r.c.App, markImport, runKey)
	if err != nil {
		return err
	}
	if ok {
		if err := json.Unmarshal([]byte(text), &r.state); err != nil {
			return fmt.Errorf("state of the import: %w", err)
		}
	}
	if r.c.CompareOnly {
		if !ok {
			return errors.New("nothing was imported yet")
		}
		return nil
	}
	switch {
	case !ok || r.state.Done:
		now := time.Now().UnixMilli()
		slack := r.c.Slack.Milliseconds()
		r.state = runState{N: r.state.N + 1, UntilMs: max(now, r.src.dateMs.Load()) + slack, CalmMs: now + slack}
		if r.state.N > 1 {
			r.show.say("run %d: fetching what has changed since the last one", r.state.N)
		}
	default:
		r.show.say("run %d goes on where it was interrupted", r.state.N)
	}
	if err := r.dst.PutMarks(ctx, r.c.App, []transfer.Mark{{Kind: markImport, Key: sourceKey, Value: source}}); err != nil {
		return err
	}
	return r.putState(ctx)
}

func (r *run) putState(ctx context.Context) error {
	b, err := json.Marshal(r.state)
	if err != nil {
		return err
	}
	return r.dst.PutMarks(ctx, r.c.App, []transfer.Mark{{Kind: markImport, Key: runKey, Value: string(b)}})
}

func (r *run) skips(what string) bool { return r.skipped[what] }

// mark says that this run has done something.
func (r *run) mark(kind, key string) transfer.Mark {
	return transfer.Mark{Kind: kind, Key: key, Value: strconv.FormatInt(r.state.N, 10)}
}

// eachMark calls fn with every mark of a kind.
func (r *run) eachMark(ctx context.Context, kind string, fn func(transfer.Mark) error) error {
	for after := ""; ; {
		marks, err := r.dst.Marks(ctx, r.c.App, kind, after, marksPage)
		if err != nil || len(marks) == 0 {
			return err
		}
		for _, m := range marks {
			if err := fn(m); err != nil {
				return err
			}
		}
		after = marks[len(marks)-1].Key
	}
}

// done returns the keys that this run has done.
func (r *run) done(ctx context.Context, kind string) (map[string]bool, error) {
	out, now := map[string]bool{}, strconv.FormatInt(r.state.N, 10)
	err := r.eachMark(ctx, kind, func(m transfer.Mark) error {
		if m.Value == now {
			out[m.Key] = true
		}
		return nil
	})
	return out, err
}

// workers calls do with every item, several at a time. The first error ends it.
func workers[T any](ctx context.Context, n int, items []T, do func(context.Context, T) error) error {
	g, each := errgroup.WithContext(ctx)
	g.SetLimit(n)
	for _, item := range items {
		if each.Err() != nil {
			break
		}
		g.Go(func() error { return do(each, item) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// perAccount is a stage that does something once for every account that exists.
func (r *run) perAccount(ctx context.Context, name, kind, skip string, do func(ctx context.Context, accid string) error) error {
	if r.skips(skip) {
		return nil
	}
	done, err := r.done(ctx, kind)
	if err != nil {
		return err
	}
	var left []string
	for accid := range r.listed {
		if !done[accid] {
			left = append(left, accid)
		}
	}
	slices.Sort(left)
	r.show.begin(name, "accounts", len(r.listed))
	r.show.step(len(r.listed) - len(left))
	err = workers(ctx, r.c.Concurrency, left, func(ctx context.Context, accid string) error {
		if err := do(ctx, accid); err != nil {
			return r.explain(err, skip)
		}
		r.show.step(1)
		return nil
	})
	r.show.end()
	return err
}

// explain adds to an error that an endpoint is missing or not open to us how to
// go on without it.
func (r *run) explain(err error, skip string) error {
	var missing *missingError
	var refused *refusedError
	if errors.As(err, &missing) || errors.As(err, &refused) {
		return fmt.Errorf("%w; --skip %s goes on without it", err, skip)
	}
	return err
}

// accounts brings over the accounts of the list. Those the source does not know
// leave the list.
func (r *run) accounts(ctx context.Context) error {
	r.show.begin("accounts", "accounts", len(r.c.Accounts))
	var mu sync.Mutex // guards tokens and gone
	var gone []string
	err := workers(ctx, r.c.Concurrency, slices.Collect(slices.Chunk(r.c.Accounts, accountsPage)), func(ctx context.Context, part []Account) error {
		accids := make([]string, len(part))
		for i, a := range part {
			accids[i] = a.Accid
		}
		cards, unknown, err := r.src.cards(ctx, accids)
		if err != nil {
			return err
		}
		existing, err := r.dst.Accounts(ctx, r.c.App, accids)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		gone = append(gone, unknown...)
		if err := r.putAccounts(ctx, part, cards, existing); err != nil {
			return err
		}
		r.show.step(len(part))
		return nil
	})
	for _, accid := range gone {
		r.leftOut.add("account %s is not in the source", accid)
		delete(r.listed, accid)
	}
	r.show.end()
	return err
}

// putAccounts stores one page of accounts. Those that are new here and have no
// token get one.
func (r *run) putAccounts(ctx context.Context, part []Account, cards map[string]sourceCard, existing []*account.Account) error {
	has := map[string]bool{}
	for _, a := range existing {
		has[a.Accid] = a.TokenHash != ""
	}
	now := time.Now().UnixMilli()
	var issued []Account
	var out []*account.Account
	for _, a := range part {
		card, ok := cards[a.Accid]
		if !ok {
			continue
		}
		token := a.Token
		if token == "" && !has[a.Accid] {
			if r.tokens == nil {
				return fmt.Errorf("account %s has no token in the list: give it one, or a file for issued tokens (--tokens)", a.Accid)
			}
			if token = r.tokens.issued[a.Accid]; token == "" {
				token = account.NewToken()
				issued = append(issued, Account{a.Accid, token})
			}
		}
		in := toAccount(r.c.App, a.Accid, &card, now)
		if token != "" {
			hash, err := r.c.TokenHash(r.c.App, a.Accid, token)
			if err != nil {
				return fmt.Errorf("account %s: %s", a.Accid, im.PublicText(err))
			}
			in.TokenHash = hash
		}
		out = append(out, in)
	}
	if len(issued) > 0 {
		if err := r.tokens.add(issued); err != nil {
			return fmt.Errorf("write issued tokens: %w", err)
		}
	}
	return r.dst.ImportAccounts(ctx, r.c.App, out, nil)
}

// relations brings over friends, black and mute lists.
func (r *run) relations(ctx context.Context) error {
	return r.perAccount(ctx, "relations", markRelations, SkipRelations, func(ctx context.Context, accid string) error {
		friends, lists, err := r.relationsOf(ctx, accid, time.Now().UnixMilli())
		if err != nil {
			return err
		}
		if err := r.dst.ImportRelations(ctx, r.c.App, accid, friends, lists, []transfer.Mark{r.mark(markRelations, accid)}); err != nil {
			return err
		}
		var convs []transfer.Mark
		for _, f := range friends {
			convs = append(convs, transfer.Mark{Kind: markConv, Key: string(im.P2PKey(accid, f.Accid))})
		}
		return r.dst.AddMarks(ctx, r.c.App, convs)
	})
}

// relationsOf reads an account's friends and list entries as they will be here:
// sorted, and without accounts that are not in the list.
func (r *run) relationsOf(ctx context.Context, accid string, nowMs int64) ([]*friend.Friend, []*friend.Relation, error) {
	found, err := r.src.friends(ctx, accid, !r.skips(SkipFriendDetails))
	if err != nil {
		return nil, nil, err
	}
	black, mute, err := r.src.lists(ctx, accid)
	if err != nil {
		return nil, nil, err
	}
	friends := map[string]*friend.Friend{}
	for _, f := range found {
		if id, ok := r.known(f.Accid); ok {
			friends[id] = &friend.Friend{Owner: accid, Accid: id, Valid: true, Origin: friend.Direct, Alias: string(f.Alias), Ext: string(f.Ext), ServerExt: string(f.ServerExt),
				CreatedMs: orNow(f.Created, nowMs), UpdatedMs: orNow(f.Updated, nowMs)}
		}
	}
	relations := map[string]*friend.Relation{}
	entry := func(who text) *friend.Relation {
		id, ok := r.known(who)
		if !ok {
			return &friend.Relation{}
		}
		if relations[id] == nil {
			relations[id] = &friend.Relation{Owner: accid, Accid: id, CreatedMs: nowMs, UpdatedMs: nowMs}
		}
		return relations[id]
	}
	for _, who := range black {
		entry(who).Black = true
	}
	for _, who := range mute {
		entry(who).Muted = true
	}
	return sorted(friends, func(a, b *friend.Friend) int { return strings.Compare(a.Accid, b.Accid) }),
		sorted(relations, func(a, b *friend.Relation) int { return strings.Compare(a.Accid, b.Accid) }), nil
}

func sorted[T any](m map[string]T, compare func(a, b T) int) []T {
	out := make([]T, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	slices.SortFunc(out, compare)
	return out
}

// known normalises an accid and says whether it is in the list; those that are
// not are noted.
func (r *run) known(who text) (string, bool) {
	id, ok := im.NormalizeAccid(string(who))
	if ok && r.listed[id] {
		return id, true
	}
	r.unlisted.add(string(who))
	return id, false
}

// sessions finds the conversations of every account.
func (r *run) sessions(ctx context.Context) error {
	if r.skips(SkipHistory) {
		return nil
	}
	var pairs []transfer.Mark
	for _, conv := range r.c.Pairs {
		a, b := conv.Pair()
		if _, ok := r.known(text(a)); !ok {
			continue
		}
		if _, ok := r.known(text(b)); ok {
			pairs = append(pairs, transfer.Mark{Kind: markConv, Key: string(conv)})
		}
	}
	if err := r.dst.AddMarks(ctx, r.c.App, pairs); err != nil {
		return err
	}
	return r.perAccount(ctx, "sessions", markSessions, SkipSessions, func(ctx context.Context, accid string) error {
		found, err := r.src.sessions(ctx, accid)
		if err != nil {
			return err
		}
		var convs []transfer.Mark
		for _, s := range found {
			if s.Type != number(im.SceneP2P) || s.Accid == "" {
				continue
			}
			if peer, ok := r.known(s.Accid); ok {
				convs = append(convs, transfer.Mark{Kind: markConv, Key: string(im.P2PKey(accid, peer))})
			}
		}
		if err := r.dst.AddMarks(ctx, r.c.App, convs); err != nil {
			return err
		}
		return r.dst.PutMarks(ctx, r.c.App, []transfer.Mark{r.mark(markSessions, accid)})
	})
}
