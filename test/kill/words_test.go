package kill

import (
	"crypto/md5"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hongyan/internal/bench"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/hytest"
	"hongyan/test/kill/proc"
)

// TestWordsOnARunningServer: what `hongyan words` changes counts on the running
// server, for its app alone, and survives its kill.
func TestWordsOnARunningServer(t *testing.T) {
	hytest.NoLeaks(t)
	s := proc.New(t)
	s.Start()
	u := accounts(t, s, 1)[0]
	got := make(chan string, 256)
	receive := func(p *bench.Packet) {
		var m nimwire.OnMsgResponse
		if (p.ID() == wire.ID{SID: 7, CID: 2}) && m.DecodeR(p.R) == nil {
			got <- m.Msg.Body.String()
		}
	}
	var sender *bench.Client
	connect := func() {
		t.Helper()
		sender = member(t, s, u.name, "sender", nil)
		to := member(t, s, u.peer, "receiver", receive)
		if _, err := to.Sync(hytest.Context(t)); err != nil {
			t.Fatal(err)
		}
	}
	connect()
	n := 0
	// say sends a text and returns what the receiver got of it; "" is nothing.
	say := func(text string) string {
		t.Helper()
		n++
		reply, err := sender.Call(hytest.Context(t), nimwire.SendMsg.ID(), &nimwire.SendMsgRequest{Msg: nimwire.Msg{Scene: wire.Int(0), To: wire.Str(u.peer), Type: wire.Int(0),
			Body: wire.Str(text), IdClient: wire.Str(u.idClient(n))}})
		if err != nil {
			t.Fatal(err)
		}
		var r nimwire.SendMsgResponse
		if err := r.DecodeR(reply.R); err != nil {
			t.Fatal(err)
		}
		if r.Msg.YidunAntiSpamResult.IsSet() {
			return ""
		}
		return <-got
	}
	tool := func(command string, args ...string) {
		t.Helper()
		s.Tool([]string{"words", command}, append([]string{"--key", proc.Key}, args...)...)
	}
	becomes := func(text, want string) {
		t.Helper()
		hytest.Eventually(t, text+" becomes "+want, func() bool { return say(text) == want })
	}
	tool("add", "contraband")
	if text := say("contraband"); text != "contraband" {
		t.Errorf("without moderation: %q", text)
	}
	s.Tool([]string{"app", "set"}, "--key", proc.Key, "moderation=local")
	becomes("sell Contraband here", "")
	becomes("sell bread here", "sell bread here")
	tool("add", "smuggle")
	becomes("let us smuggle", "")
	tool("add", "--list", "replace", "--replacement", "**", "darn")
	becomes("darn it", "** it")
	tool("remove", "smuggle")
	becomes("let us smuggle", "let us smuggle")
	file := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(file, []byte("\ufeff違禁品\n\nforbidden\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tool("import", file)
	becomes("買違禁品嗎", "")
	// The lists of another app are its own.
	s.Tool([]string{"app", "create"}, "--key", "other-app", "--secret", "secret-of-another-app-0123")
	s.Tool([]string{"words", "add"}, "--key", "other-app", "bread")
	sender.Drop()
	s.Kill()
	s.Start()
	connect()
	for text, want := range map[string]string{"contraband": "", "darn": "**", "forbidden": "", "bread": "bread", "smuggle": "smuggle"} {
		if got := say(text); got != want {
			t.Errorf("after the kill %q became %q, want %q", text, got, want)
		}
	}
	if out := s.Tool([]string{"words", "list"}, "--key", proc.Key); strings.Contains(out, "smuggle") || !strings.Contains(out, "contraband") || strings.Contains(out, "bread") {
		t.Errorf("listed:\n%s", out)
	}
}

// TestListOfClients: 29-17 answers the list that clients check themselves, with
// a version that rises, for the app alone, and as well after a kill.
func TestListOfClients(t *testing.T) {
	hytest.NoLeaks(t)
	s := proc.New(t)
	s.Start()
	u := accounts(t, s, 1)[0]
	c := member(t, s, u.name, "client", nil)
	get := func(version int64, sum string) *nimwire.Vocabs {
		t.Helper()
		ask := nimwire.Vocabs{Version: wire.Int(version), MD5: wire.Str(sum)}
		reply, err := c.Call(hytest.Context(t), nimwire.V2DownloadLocalAntiSpamVocabs.ID(), &nimwire.V2DownloadLocalAntiSpamVocabsRequest{Tag: ask})
		if err != nil {
			t.Fatal(err)
		}
		var r nimwire.V2DownloadLocalAntiSpamVocabsResponse
		if err := r.DecodeR(reply.R); err != nil {
			t.Fatal(err)
		}
		if v := &r.Data; !v.Version.IsSet() || !v.MD5.IsSet() || !v.NosURL.IsSet() || !v.Thesaurus.IsSet() {
			t.Fatalf("incomplete: %+v", v)
		}
		return &r.Data
	}
	becomes := func(version int64, text string) *nimwire.Vocabs {
		t.Helper()
		var v *nimwire.Vocabs
		hytest.Eventually(t, text, func() bool { v = get(0, ""); return v.Version.Int() == version && v.Thesaurus.String() == text })
		if want := fmt.Sprintf("%x", md5.Sum([]byte(text))); version > 0 && v.MD5.String() != want {
			t.Errorf("md5 %s, want %s", v.MD5, want)
		}
		return v
	}
	words := func(command, list string, words ...string) {
		t.Helper()
		s.Tool([]string{"words", command}, append([]string{"--key", proc.Key, "--list", list}, words...)...)
	}
	if v := get(0, ""); v.Version.Int() != 0 || v.MD5.String() != "" || v.Thesaurus.String() != "" {
		t.Errorf("without a list: %+v", v)
	}
	s.Tool([]string{"app", "create"}, "--key", "other-app", "--secret", "secret-of-another-app-0123")
	s.Tool([]string{"words", "add"}, "--key", "other-app", "--list", "client", "foreign")
	words("add", "client", "contraband", `"<`)
	first := becomes(1, `{"thesaurus":[{"match":1,"operate":2,"keys":[{"key":"\"\u003c"},{"key":"contraband"}]}]}`)
	if v := get(1, first.MD5.String()); v.Version.Int() != 1 || v.MD5.String() != first.MD5.String() || v.Thesaurus.String() != "" {
		t.Errorf("a client that has the list gets %+v", v)
	}
	for what, v := range map[string]*nimwire.Vocabs{"another md5": get(1, "x"), "an older version": get(0, first.MD5.String())} {
		if v.Thesaurus.String() != first.Thesaurus.String() {
			t.Errorf("%s: %+v", what, v)
		}
	}
	words("remove", "client", `"<`)
	words("add", "client-replace", "darn")
	words("add", "client-flag", "psst")
	text := `{"thesaurus":[{"match":1,"operate":2,"keys":[{"key":"contraband"}]},{"match":1,"operate":3,"keys":[{"key":"psst"}]},{"match":1,"operate":1,"keys":[{"key":"darn"}]}]}`
	becomes(4, text)
	c.Drop()
	s.Kill()
	s.Start()
	c = member(t, s, u.name, "client", nil)
	becomes(4, text)
	words("remove", "client", "contraband")
	words("remove", "client-replace", "darn")
	words("remove", "client-flag", "psst")
	becomes(7, `{"thesaurus":[]}`)
}
