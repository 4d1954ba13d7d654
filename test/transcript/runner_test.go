package transcript

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/tools/txtar"

	"hongyan/internal/bench"
	"hongyan/internal/config"
	"hongyan/internal/hytest"
	"hongyan/internal/im/app"
	"hongyan/internal/server"
)

var update = flag.Bool("update", false, "rewrite what the scripts expect to what arrives")

// script is one txtar file.
type script struct {
	name  string
	file  string
	arch  *txtar.Archive
	serve []string                     // NAME=VALUE
	apps  map[string]map[string]string // by name, "" is the script's own: settings
	off   map[string]bool              // apps that are disabled
	cfg   *config.Config               // of the server
	hooks *receiver                    // the app's own server, if the script has one
}

func (s *script) key(appName string) string {
	if appName == "" {
		return "app-" + s.name
	}
	return "app-" + s.name + "-" + appName
}

const secret = "a-secret-of-transcripts"

func load(t *testing.T, file string) *script {
	t.Helper()
	arch, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{name: strings.TrimSuffix(filepath.Base(file), ".txtar"), file: file, arch: arch,
		apps: map[string]map[string]string{"": {}}, off: map[string]bool{}}
	for _, f := range arch.Files {
		if f.Name != "setup" {
			continue
		}
		for line := range strings.Lines(string(f.Data)) {
			words, err := split(line)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if len(words) == 0 || strings.HasPrefix(words[0], "#") {
				continue
			}
			target := s.apps[""]
			switch words[0] {
			case "serve":
				s.serve = append(s.serve, words[1:]...)
				continue
			case "settings":
				words = words[1:]
			case "receiver":
				s.hooks = newReceiver(t)
				s.serve = append(s.serve, "hook-private=true")
				target["callback_url"], target["copy_url"] = s.hooks.URL+"/callback", s.hooks.URL+"/copy"
				words = words[1:]
			case "app":
				target = map[string]string{}
				s.apps[words[1]] = target
				s.off[words[1]] = slices.Contains(words, "disabled")
				words = slices.DeleteFunc(words[2:], func(w string) bool { return w == "disabled" })
			default:
				t.Fatalf("%s: setup: %q is not known", file, words[0])
			}
			for _, w := range words {
				k, v, _ := strings.Cut(w, "=")
				target[k] = v
			}
		}
	}
	return s
}

// split cuts a line into words; ” keeps blanks together.
func split(line string) ([]string, error) {
	var words []string
	var cur strings.Builder
	in, quoted := false, false
	for _, r := range strings.TrimSpace(line) {
		switch {
		case r == '\'':
			quoted, in = !quoted, true
		case !quoted && (r == ' ' || r == '\t'):
			if in {
				words = append(words, cur.String())
				cur.Reset()
			}
			in = false
		default:
			cur.WriteRune(r)
			in = true
		}
	}
	if quoted {
		return nil, fmt.Errorf("' without its pair in %q", line)
	}
	if in {
		words = append(words, cur.String())
	}
	return words, nil
}

// TestTranscripts plays every script. Scripts with the same flags share a
// server, each with apps of its own.
func TestTranscripts(t *testing.T) {
	hytest.NoLeaks(t)
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	groups := map[string][]*script{}
	for _, f := range files {
		s := load(t, f)
		k := strings.Join(s.serve, " ")
		groups[k] = append(groups[k], s)
	}
	for _, scripts := range groups {
		addr, metrics := serve(t, scripts)
		for _, s := range scripts {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				play(t, addr, metrics, s)
			})
		}
	}
}

// serve starts a server with the apps of the scripts, in this process; it is
// drained with the test. It returns its address and that of its metrics.
func serve(t *testing.T, scripts []*script) (addr, metrics string) {
	t.Helper()
	var free []net.Listener // both at once: two ports
	for _, to := range []*string{&addr, &metrics} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		free, *to = append(free, ln), ln.Addr().String()
	}
	for _, ln := range free {
		if err := ln.Close(); err != nil {
			t.Fatal(err)
		}
	}
	flags := map[string][]string{"data": {t.TempDir()}, "http": {addr}, "listen": {"off"}, "metrics": {metrics}, "commit-sync": {"normal"}}
	for _, f := range scripts[0].serve {
		k, v, _ := strings.Cut(f, "=")
		flags[k] = append(flags[k], v)
	}
	cfg, err := config.Load(config.Sources{Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	ctx := hytest.Context(t)
	tool, err := server.OpenTool(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scripts {
		s.cfg = cfg
		for name, set := range s.apps {
			set = clone(set)
			set["rest_rate"] = "100000"
			if _, err := tool.Apps.Create(ctx, app.App{Key: s.key(name), Secret: secret, Overrides: set}); err != nil {
				t.Fatalf("%s: %v", s.file, err)
			}
			if s.off[name] {
				if _, err := tool.Apps.SetDisabled(ctx, s.key(name), true); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := tool.Close(); err != nil {
		t.Fatal(err)
	}
	run, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(run, cfg) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the server ended with: %v", err)
			}
		case <-time.After(hytest.Patience):
			t.Error("the server does not end")
		}
		http.DefaultClient.CloseIdleConnections()
	})
	hytest.Eventually(t, "the server is ready", func() bool {
		select {
		case err := <-done:
			done <- err
			t.Fatalf("the server ended: %v", err)
		default:
		}
		res, err := http.Get("http://" + addr + "/readyz")
		if err != nil {
			return false
		}
		return res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
	return addr, metrics
}

func clone(m map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

// player plays one script.
type player struct {
	ctx     context.Context
	s       *script
	addr    string
	metrics string // where the server's metrics are
	vars    vars
	conns   map[string]*conn
	token   map[string]string // by app:accid
	rest    map[string]*bench.REST
	fence   map[string]bool // apps whose fence account exists

	answer  any // of the last rest call
	checked bool
	edited  bool
}

func play(t *testing.T, addr, metrics string, s *script) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*hytest.Patience)
	defer cancel()
	p := &player{ctx: ctx, s: s, addr: addr, metrics: metrics, vars: vars{"app": s.key("")}, conns: map[string]*conn{}, token: map[string]string{},
		rest: map[string]*bench.REST{}, fence: map[string]bool{}, checked: true}
	defer func() {
		for _, c := range p.conns {
			_ = c.nc.Close()
			for range c.frames { // until its reader has ended
			}
		}
		for _, r := range p.rest {
			r.Close()
		}
	}()
	for name := range s.apps {
		if name != "" {
			p.vars["key_"+name] = s.key(name)
		}
		p.rest[name] = bench.NewREST(addr, nil, s.key(name), secret)
	}
	for i := range s.arch.Files {
		f := &s.arch.Files[i]
		if f.Name == "setup" {
			continue
		}
		lines := strings.Split(strings.TrimSuffix(string(f.Data), "\n"), "\n")
		for n := 0; n < len(lines); n++ {
			used, err := p.line(lines[n:])
			if err != nil {
				t.Fatalf("%s: %s: line %d: %s\n%v", s.name, f.Name, n+1, short(lines[n]), err)
			}
			n += used - 1
		}
		f.Data = []byte(strings.Join(lines, "\n") + "\n")
	}
	if err := p.settle(); err != nil {
		t.Fatalf("%s: at the end: %v", s.name, err)
	}
	// What is left over is a fault of the script or of the server.
	for name, c := range p.conns {
		if c.over {
			continue
		}
		if err := p.quiet(c); err != nil {
			t.Errorf("%s: at the end of the script: %s: %v", s.name, name, err)
		}
	}
	if *update && p.edited {
		if err := os.WriteFile(s.file, txtar.Format(s.arch), 0o644); err != nil {
			t.Error(err)
		}
	}
}

func short(s string) string {
	if len(s) > 240 {
		return s[:240] + "..."
	}
	return s
}

// line plays the first of lines, which may be changed by -update, and says how
// many it was.
func (p *player) line(lines []string) (used int, err error) {
	text := strings.TrimSpace(lines[0])
	if text == "" || strings.HasPrefix(text, "#") {
		return 1, nil
	}
	word, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	if word != "rest<" {
		if err := p.settle(); err != nil {
			return 1, err
		}
	}
	switch word {
	case "account", "rest", "login", "sync", "online", "open", "check", "until", "superteam":
		return 1, p.command(word, rest)
	case "answer", "asked", "copied":
		return 1, p.hook(word, &lines[0], rest)
	case "rest<":
		p.checked = true
		return 1, p.expect(&lines[0], "rest< ", rest, p.answer)
	}
	for _, mark := range []string{">>", ">", "<~", "<?", "<", "!"} {
		if name, ok := strings.CutSuffix(word, mark); ok && name != "" {
			c := p.conns[name]
			if c == nil {
				return 1, fmt.Errorf("no connection %s", name)
			}
			switch mark {
			case ">", ">>":
				return 1, p.send(c, mark, rest)
			case "<":
				return 1, p.receive(c, &lines[0], rest)
			case "<?":
				pattern, err := parse(rest)
				c.allowed = append(c.allowed, allowed{pattern, maps.Clone(p.vars)})
				return 1, err
			case "<~":
				return p.receiveAny(c, word, lines)
			default:
				return 1, p.quiet(c)
			}
		}
	}
	c := p.conns[word]
	if c == nil {
		return 1, fmt.Errorf("%q is neither a command nor a connection", word)
	}
	switch rest {
	case "closed":
		text, ok, err := c.next()
		if err == nil && ok {
			err = fmt.Errorf("not closed, but %s", text)
		}
		return 1, err
	case "drop":
		delete(p.conns, word)
		err := c.nc.Close()
		for range c.frames {
		}
		return 1, err
	}
	return 1, fmt.Errorf("%q is not known", rest)
}

// hook is a line about the app's own server.
func (p *player) hook(word string, line *string, rest string) error {
	if p.s.hooks == nil {
		return errors.New("the setup has no receiver")
	}
	from := p.s.hooks.asked
	switch word {
	case "answer":
		p.s.hooks.say(rest)
		return nil
	case "copied":
		from = p.s.hooks.copied
	}
	got, err := next(from)
	if err != nil {
		return err
	}
	return p.expect(line, word+" ", rest, got)
}

// settle holds the answer of the last call of the API against 200, if no line did.
func (p *player) settle() error {
	if p.checked {
		return nil
	}
	p.checked = true
	if m, ok := p.answer.(map[string]any); !ok || m["code"] != json.Number("200") {
		return fmt.Errorf("the API answered %s", show(p.answer))
	}
	return nil
}

func (p *player) command(word, rest string) error {
	rest, err := p.vars.plain(rest)
	if err != nil {
		return err
	}
	w, err := split(rest)
	if err != nil {
		return err
	}
	need := map[string]int{"account": 2, "rest": 1, "login": 2, "sync": 1, "online": 2, "open": 1, "check": 3, "until": 2, "superteam": 2}[word]
	if len(w) < need {
		return fmt.Errorf("%s wants %d words", word, need)
	}
	switch word {
	case "check":
		return p.vars.check(rest)
	case "account":
		appName, accid := owner(w[0])
		p.token[appName+":"+accid] = w[1]
		return p.call(appName, "user/create", append([]string{"accid=" + accid, "token=" + w[1]}, w[2:]...))
	case "rest":
		return p.call("", w[0], w[1:])
	case "superteam":
		return p.superTeam(w[0], w[1], w[2:])
	case "until":
		return p.until(w[0], w[1:len(w)-1], w[len(w)-1])
	case "open":
		return p.open(w[0])
	case "online":
		if err := p.open(w[0]); err != nil {
			return err
		}
		if err := p.login(w[0], w[1], w[2:]); err != nil {
			return err
		}
		return p.sync(w[0], "")
	case "login":
		return p.login(w[0], w[1], w[2:])
	default: // sync
		_, json, _ := strings.Cut(rest, " ")
		return p.sync(w[0], strings.TrimSpace(json))
	}
}

// owner cuts APP:ACCID.
func owner(name string) (appName, accid string) {
	if a, b, ok := strings.Cut(name, ":"); ok {
		return a, b
	}
	return "", name
}

func (p *player) call(appName, action string, params []string) error {
	form := url.Values{}
	for _, w := range params {
		k, v, ok := strings.Cut(w, "=")
		if !ok {
			return fmt.Errorf("%q is not PARAM=VALUE", w)
		}
		form.Add(k, v)
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	_, body, err := p.rest[appName].Call(ctx, action+".action", form)
	if err != nil {
		return err
	}
	if p.answer, err = parse(string(body)); err != nil {
		return err
	}
	p.checked = false
	return nil
}

// until repeats a call until its answer matches.
func (p *player) until(action string, params []string, want string) error {
	pattern, err := parse(want)
	if err != nil {
		return err
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		if err := p.call("", action, params); err != nil {
			return err
		}
		p.checked = true
		err := p.vars.match(pattern, p.answer)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %v: %w", patience, err)
		}
	}
}

func (p *player) open(name string) error {
	if old := p.conns[name]; old != nil && !old.over {
		return fmt.Errorf("%s is open", name)
	}
	if err := p.delivered(); err != nil {
		return err
	}
	c, session, err := dial(p.ctx, p.addr, name)
	if err != nil {
		return err
	}
	p.conns[name] = c
	p.vars["session_"+name] = session
	text, ok, err := c.next()
	if err == nil && (!ok || text != "1::") {
		err = fmt.Errorf("the first frame is %q, not 1::", text)
	}
	return err
}

func (p *player) login(name, who string, tags []string) error {
	c := p.conns[name]
	if c == nil {
		return fmt.Errorf("no connection %s", name)
	}
	appName, accid := owner(who)
	props := map[string]string{"3": "16", "8": "1", "9": "1", "13": "device-" + name, "18": p.s.key(appName), "19": accid,
		"26": p.vars["session_"+name], "40": "0.17.2", "1000": p.token[appName+":"+strings.ToLower(accid)]}
	for _, tag := range tags {
		k, v, ok := strings.Cut(tag, "=")
		if !ok {
			return fmt.Errorf("%q is not TAG=VALUE", tag)
		}
		props[k] = v
	}
	c.account = appName + ":" + strings.ToLower(accid)
	return p.request(c, 2, 3, show(props))
}

const syncAll = `{"1":0,"2":0,"7":0,"9":0,"17":0,"18":0,"26":0}`

func (p *player) sync(name, json string) error {
	c := p.conns[name]
	if c == nil {
		return fmt.Errorf("no connection %s", name)
	}
	if json == "" {
		json = syncAll
	}
	err := p.request(c, 5, 1, json)
	c.synced = c.synced || err == nil
	return err
}

type envelope struct {
	SID, CID, SER, Code int
}

// syncPackets are what a sync consists of.
var syncPackets = map[string]bool{"3-109": true, "3-8": true, "4-14": true, "4-20": true, "4-9": true, "4-4": true, "4-22": true}

// request sends a Property and reads up to the answer, which must be code 200.
// Packets of a sync are skipped, other pushes kept for the lines that follow.
func (p *player) request(c *conn, sid, cid int, property string) error {
	c.ser++
	var kept []string
	defer func() { c.peeked = append(kept, c.peeked...) }()
	if err := c.send(ws.OpText, fmt.Sprintf(`3:::{"SER":%d,"SID":%d,"CID":%d,"Q":[{"t":"Property","v":%s}]}`, c.ser, sid, cid, property)); err != nil {
		return err
	}
	for {
		text, ok, err := c.next()
		if err != nil {
			return err
		}
		var e envelope
		if !ok || !strings.HasPrefix(text, "3:::") || json.Unmarshal([]byte(text[4:]), &e) != nil {
			return fmt.Errorf("%d-%d: instead of an answer: %q", sid, cid, text)
		}
		switch {
		case e.SID == sid && e.CID == cid && e.SER == c.ser:
			if e.Code != 200 {
				return fmt.Errorf("%d-%d was answered %s", sid, cid, text)
			}
			return nil
		case e.SER == 0 && sid == 5 && syncPackets[fmt.Sprintf("%d-%d", e.SID, e.CID)]:
		case e.SER == 0:
			kept = append(kept, text)
		default:
			return fmt.Errorf("%d-%d: before the answer: %s", sid, cid, text)
		}
	}
}

// send sends a frame, and notes what it means to the runner.
func (p *player) send(c *conn, mark, text string) error {
	if mark == ">>" {
		op := ws.OpText
		if rest, ok := strings.CutPrefix(text, "binary "); ok {
			op, text = ws.OpBinary, rest
		}
		// The server may close while it is being sent something it refuses; that
		// it has closed is the script's to expect.
		if err := c.send(op, repeat(text)); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			return err
		}
		return nil
	}
	text, err := p.vars.fill(text)
	if err != nil {
		return err
	}
	var e struct {
		envelope
		Q []struct{ V map[string]any }
	}
	if json.Unmarshal([]byte(text), &e) == nil && e.SID == 2 && e.CID == 3 && len(e.Q) > 0 {
		c.account = ":" + strings.ToLower(fmt.Sprint(e.Q[0].V["19"]))
	}
	return c.send(ws.OpText, "3:::"+text)
}

func (p *player) receive(c *conn, line *string, want string) error {
	text, ok, err := c.next()
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("the connection was closed")
	}
	if !strings.HasPrefix(want, "{") {
		if text != want {
			return fmt.Errorf("got %s", text)
		}
		return nil
	}
	payload, ok := strings.CutPrefix(text, "3:::")
	if !ok {
		return fmt.Errorf("got %s", text)
	}
	got, err := parse(payload)
	if err != nil {
		return err
	}
	p.note(c, payload)
	return p.expect(line, c.name+"< ", want, got)
}

// note remembers that a connection has synchronised: from then on pushes reach it.
func (p *player) note(c *conn, payload string) {
	var e envelope
	if json.Unmarshal([]byte(payload), &e) == nil && e.SID == 5 && e.CID == 1 && e.SER != 0 {
		c.synced = true
	}
}

// expect holds what arrived against the JSON of a line; with -update a mismatch
// changes the line.
func (p *player) expect(line *string, prefix, want string, got any) error {
	pattern, err := parse(want)
	if err != nil {
		return err
	}
	err = p.vars.match(pattern, got)
	if err == nil || !*update {
		if err != nil {
			err = fmt.Errorf("%w\ngot %s", err, short(show(got)))
		}
		return err
	}
	fresh := p.vars.refresh(pattern, got)
	if err := p.vars.match(fresh, got); err != nil {
		return err
	}
	*line = prefix + show(fresh)
	p.edited = true
	return nil
}

// receiveAny matches consecutive "<~" lines of one connection in any order.
func (p *player) receiveAny(c *conn, word string, lines []string) (int, error) {
	var want []any
	for _, l := range lines {
		w, rest, _ := strings.Cut(strings.TrimSpace(l), " ")
		if w != word {
			break
		}
		pattern, err := parse(strings.TrimSpace(rest))
		if err != nil {
			return 1, err
		}
		want = append(want, pattern)
	}
	used := len(want)
	for len(want) > 0 {
		text, ok, err := c.next()
		if err != nil {
			return used, err
		}
		payload, isMessage := strings.CutPrefix(text, "3:::")
		if !ok || !isMessage {
			return used, fmt.Errorf("got %q, the connection is open: %v", text, ok)
		}
		got, err := parse(payload)
		if err != nil {
			return used, err
		}
		p.note(c, payload)
		var why []error
		i := slices.IndexFunc(want, func(w any) bool {
			err := p.vars.match(w, got)
			why = append(why, err)
			return err == nil
		})
		if i < 0 {
			return used, fmt.Errorf("got %s, which is none of %d: %w", payload, len(want), errors.Join(why...))
		}
		want = slices.Delete(want, i, i+1)
	}
	return used, nil
}

func TestMain(m *testing.M) {
	flag.Parse()
	if !testing.Verbose() {
		slog.SetDefault(hytest.Quiet())
	}
	os.Exit(m.Run())
}
