package message_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
)

// texts calls fn with a path and a setter for every text in v, a pointer to a
// structure; nested structures are made.
func texts(path string, v reflect.Value, fn func(path string, field reflect.Value)) {
	v = v.Elem()
	for i := range v.NumField() {
		f, name := v.Field(i), path+v.Type().Field(i).Name
		if !v.Type().Field(i).IsExported() {
			continue
		}
		switch {
		case f.Kind() == reflect.String:
			fn(name, f)
		case f.Kind() == reflect.Pointer && f.Type().Elem().Kind() == reflect.Struct:
			f.Set(reflect.New(f.Type().Elem()))
			texts(name+".", f, fn)
		}
	}
}

// paths lists the texts of a structure.
func paths(v any) (out []string) {
	texts("", reflect.New(reflect.TypeOf(v)), func(p string, _ reflect.Value) { out = append(out, p) })
	return out
}

// with returns a structure whose text of that path is set and whose others are empty.
func with[T any](path, text string) T {
	p := reflect.New(reflect.TypeFor[T]())
	texts("", p, func(at string, f reflect.Value) {
		if at == path {
			f.SetString(text)
		}
	})
	return p.Elem().Interface().(T)
}

func TestEveryTextOfAMessageIsBounded(t *testing.T) {
	w := newWorld(t, "message_limit", "524288")
	all := paths(message.Content{})
	if len(all) < 25 {
		t.Fatalf("only %d texts were found: %s", len(all), all)
	}
	for _, path := range all {
		for name, c := range map[string]struct {
			text string
			want im.Code
		}{
			"short": {"1", 200}, "longer than anything documented": {strings.Repeat("x", 5001), 414}, "with a NUL": {"a\x00b", 414},
		} {
			m := w.message("alice", "bob", 0)
			m.Content = with[message.Content](path, c.text)
			if err := w.try(m, false); im.CodeOf(err) != c.want {
				t.Errorf("%s %s: %v, want %d", path, name, err, c.want)
			}
		}
	}
}

func TestAMessageIsBoundedAsAWhole(t *testing.T) {
	w := newWorld(t, "message_limit", "20000")
	for _, c := range []struct {
		name         string
		body, attach int // characters of four bytes
		want         im.Code
	}{
		{"each text by itself", 4900, 0, 200},
		{"two legal texts together", 2600, 2600, 414},
	} {
		m := w.message("alice", "bob", 0)
		m.Content.Body, m.Content.Attach = strings.Repeat("😀", c.body), strings.Repeat("😀", c.attach)
		if err := w.try(m, true); im.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %d", c.name, err, c.want)
		}
	}
	full := w.message("alice", "bob", 0)
	texts("", reflect.ValueOf(&full.Content), func(path string, f reflect.Value) {
		switch { // as long as it may be
		case path == "Body" || path == "Attach":
			f.SetString(strings.Repeat("😀", 5000))
		case path == "Ext":
			f.SetString(strings.Repeat("😀", 1024))
		case path == "PushPayload":
			f.SetString(strings.Repeat("😀", 2048))
		case path == "PushContent" || path == "ForceContent":
			f.SetString(strings.Repeat("😀", 500))
		}
	})
	w2 := newWorld(t)
	if err := w2.try(full, false); err != nil {
		t.Errorf("every documented limit at four bytes a character, with the default: %v", err)
	}
}

func TestEveryTextOfARecallIsBounded(t *testing.T) {
	w := newWorld(t)
	server := map[string]bool{"From": true, "Operator": true, "Conv": true, "To": true, "IDClient": true, "FromNick": true} // taken from the message
	for _, path := range paths(message.RecallNotice{}) {
		if server[path] {
			continue
		}
		for name, c := range map[string]struct {
			text string
			want im.Code
		}{"short": {"1", 200}, "too long": {strings.Repeat("x", 5001), 414}, "with a NUL": {"a\x00b", 414}} {
			m := w.send("alice", "bob", 0)
			err := w.svc.Recall(t.Context(), message.Recall{App: w.app, Operator: "alice", Kind: message.RecallP2P, From: "alice", To: "bob", ID: m.ID,
				Notice: with[message.RecallNotice](path, c.text)})
			if im.CodeOf(err) != c.want {
				t.Errorf("%s %s: %v, want %d", path, name, err, c.want)
			}
		}
	}
}

func TestTheTextOfADeletionIsBounded(t *testing.T) {
	w := newWorld(t)
	m := w.send("alice", "bob", 0)
	for _, c := range []struct {
		name, ext string
		want      im.Code
	}{
		{"legal, in characters", strings.Repeat("字", 1024), 200},
		{"too long", strings.Repeat("x", 1025), 414},
		{"with a NUL", "\x00", 414},
	} {
		_, err := w.svc.DeleteForSelf(t.Context(), w.app, "alice", "", []message.Deleted{{Scene: im.SceneP2P, ID: m.ID, Ext: c.ext}})
		if im.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %d", c.name, err, c.want)
		}
		_, err = w.svc.ClearHistory(t.Context(), w.app, "alice", "", im.SceneP2P, "bob", message.ClearMode{Ext: strings.Repeat(c.ext, 6)})
		if im.CodeOf(err) != c.want && c.want != 200 {
			t.Errorf("%s, of a cleared conversation: %v, want %d", c.name, err, c.want)
		}
	}
}

func TestTypesOfAHistoryAreBounded(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name string
		n    int
		want im.Code
	}{{"as many as are allowed", 20, 200}, {"one more", 21, 414}, {"more than a statement takes", 40_000, 414}} {
		_, err := w.svc.History(t.Context(), message.HistoryQuery{App: w.app, Accid: "alice", Conv: im.P2PKey("alice", "bob"), Limit: 10, Types: make([]int64, c.n)})
		if im.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %d", c.name, err, c.want)
		}
	}
}

// A sync that is read conversation by conversation has the same messages as one
// at once, and holds little of them.
func TestASyncIsReadInParts(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("x", 5000) + strings.Repeat("😀", 1000)
	for i := range 200 {
		m := w.message([]string{"bob", "carol"}[i%2], "alice", 0)
		m.Type, m.Content.Body, m.Content.Attach = message.Custom, long[:5000], long[4000:8800]
		if err := w.try(m, false); err != nil {
			t.Fatal(err)
		}
	}
	w.acknowledge("alice", w.sync("alice").Offline[:20]...)
	whole := w.sync("alice")
	var roamed []*message.Message
	got := w.sync("alice", func(r *message.SyncRequest) {
		r.Roamed = func(super bool, msgs []*message.Message) error {
			for _, m := range msgs {
				if super || m.Content.Body == "" {
					t.Errorf("message %d came without its text, or as one of a super team", m.ID)
				}
				c := *m
				roamed = append(roamed, &c)
			}
			return nil
		}
	})
	if len(roamed) != 20 || len(got.Offline) != 180 {
		t.Fatalf("%d roamed, %d wait", len(roamed), len(got.Offline))
	}
	held, same := 0, true
	for i, m := range got.Offline {
		held += len(m.Content.Body) + len(m.Content.Attach)
		same = same && m.ID == whole.Offline[i].ID && m.Bytes() == whole.Offline[i].Bytes()
	}
	for _, m := range roaming(got) {
		held += len(m.Content.Body)
	}
	if !same || held > 1<<20 || held < 1<<19 {
		t.Errorf("same messages: %v; %d bytes are held", same, held)
	}
	if _, err := w.svc.DeleteForSelf(t.Context(), w.app, "alice", "", []message.Deleted{{Scene: im.SceneP2P, ID: got.Offline[7].ID}}); err != nil {
		t.Fatal(err)
	}
	full, err := w.svc.Fill(t.Context(), w.app, "alice", got.Offline)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, m := range full {
		if m.Content.Body == long[:5000] && m.Content.Attach == long[4000:8800] {
			n++
		}
	}
	if n != len(full) || n < 179 {
		t.Errorf("%d of %d have their texts", n, len(full))
	}
}

// What the index does not have yet is read page by page, and the answer about
// many conversations is bounded in bytes.
func TestSearchesAreBounded(t *testing.T) {
	w := newWorld(t, "cloud_search", "true")
	bulk := strings.Repeat("😀", 5000)
	for i := range 260 {
		m := w.message("alice", []string{"bob", "carol"}[i%2], 0)
		m.Content.Body = fmt.Sprintf("number %03d", i)
		m.Content.Attach, m.Content.ForceList, m.Content.PushPayload = bulk, bulk, bulk[:4*2048]
		if err := w.try(m, true); err != nil {
			t.Fatal(err)
		}
	}
	q := message.SearchQuery{App: w.app, Accid: "alice", Keyword: "number", Limit: 100}
	for _, c := range []struct {
		name        string
		ascending   bool
		peers       []string
		first, last string
	}{
		{"newest", false, nil, "number 259", "number 160"},
		{"oldest", true, nil, "number 000", "number 099"},
		{"newest of one", false, []string{"bob"}, "number 258", "number 060"},
		{"oldest of one", true, []string{"bob"}, "number 000", "number 198"},
	} {
		q := q
		q.Ascending, q.Peers = c.ascending, c.peers
		got, err := w.svc.Search(t.Context(), q)
		if err != nil || len(got) != 100 || got[0].Content.Body != c.first || got[99].Content.Body != c.last {
			t.Errorf("%s: %d messages, %v", c.name, len(got), err)
		}
	}
	got, err := w.svc.SearchSessions(t.Context(), q, 100)
	if err != nil {
		t.Fatal(err)
	}
	bytes, peers := 0, map[string]bool{}
	for _, m := range got {
		bytes += m.Bytes()
		peers[m.To] = true
	}
	if bytes > 8<<20 || bytes < 7<<20 || len(peers) != 2 {
		t.Errorf("%d messages of %d bytes, of %v", len(got), bytes, peers)
	}
}
