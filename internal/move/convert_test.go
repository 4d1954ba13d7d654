package move

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/transfer"
)

func TestNotificationsNameTheNewTeam(t *testing.T) {
	tids := map[string]int64{"7": 7007, "12": 1}
	for name, c := range map[string]struct{ in, want string }{
		"number":            {`{"id":3,"data":{"tinfo":{"1":7,"3":"name","5":"x"}}}`, `{"id":3,"data":{"tinfo":{"1":7007,"3":"name","5":"x"}}}`},
		"text":              {`{"data":{"tinfo":{"1":"7"},"ids":["7"]}}`, `{"data":{"tinfo":{"1":"7007"},"ids":["7"]}}`},
		"tid":               {`{"tid": 7 ,"data":{"tid":"12"}}`, `{"tid": 7007 ,"data":{"tid":"1"}}`},
		"unknown team":      {`{"data":{"tinfo":{"1":8}}}`, `{"data":{"tinfo":{"1":8}}}`},
		"other ones":        {`{"data":{"1":7,"tinfo":{"4":7,"x":{"1":7}},"uinfos":[{"1":"7"}]},"id":7}`, `{"data":{"1":7,"tinfo":{"4":7,"x":{"1":7}},"uinfos":[{"1":"7"}]},"id":7}`},
		"after a list":      {`{"data":{"ids":["a",{"b":1}],"tinfo":{"1":7}}}`, `{"data":{"ids":["a",{"b":1}],"tinfo":{"1":7007}}}`},
		"escapes":           {`{"data":{"tinfo":{"1":"\u0037"}}}`, `{"data":{"tinfo":{"1":"\u0037"}}}`},
		"spaces and order":  {"{ \"z\" : 1,\n \"tid\" : \"7\" , \"a\":[ ] }", "{ \"z\" : 1,\n \"tid\" : \"7007\" , \"a\":[ ] }"},
		"no JSON":           {`tid 7`, `tid 7`},
		"broken JSON":       {`{"tid":7,`, `{"tid":7,`},
		"empty":             {``, ``},
		"not an object":     {`[7,{"tid":7}]`, `[7,{"tid":7007}]`},
		"a name like a key": {`{"data":{"name":"tid","v":7}}`, `{"data":{"name":"tid","v":7}}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := renumber(c.in, tids); got != c.want {
				t.Errorf("%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestContentsInEveryDress(t *testing.T) {
	views := []string{"alice", "bob"}
	for name, c := range map[string]struct {
		in           string
		body, attach string
		err          string
	}{
		"text":                    {`{"type":0,"body":{"msg":"hi \u0000 🦢"}}`, "hi \ufffd 🦢", "", ""},
		"text as JSON text":       {`{"type":0,"body":"{\"msg\":\"hi\"}"}`, "hi", "", ""},
		"text as such":            {`{"type":0,"body":"hi"}`, "hi", "", ""},
		"tip":                     {`{"type":10,"body":{"msg":"tip"}}`, "tip", "", ""},
		"picture":                 {`{"type":1,"body":{"url": "https://x/<a>&b" , "w":1.50}}`, "", `{"url":"https://x/<a>&b","w":1.50}`, ""},
		"custom as a text":        {`{"type":100,"body":"[1, 2]"}`, "", "[1, 2]", ""},
		"nothing":                 {`{"type":100,"body":null}`, "", "", ""},
		"no body":                 {`{"type":0}`, "", "", ""},
		"numbers as texts":        {`{"type":"0","sendtime":"5","body":{"msg":7}}`, "7", "", ""},
		"a stranger sends":        {`{"type":0,"from":"carol","body":{"msg":"x"}}`, "", "", "takes no part"},
		"the sender is no accid":  {`{"type":0,"from":"a b","body":{"msg":"x"}}`, "", "", "is no accid"},
		"a type of a later time":  {`{"type":777,"body":{"x":1}}`, "", `{"x":1}`, ""},
		"an ext that is a number": {`{"type":0,"ext":5,"body":{"msg":"x"}}`, "x", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := seen{sourceMsg: sourceMsg{From: "Alice", ID: "1"}, views: 3}
			if err := json.Unmarshal([]byte(c.in), &m.sourceMsg); err != nil {
				t.Fatal(err)
			}
			got, err := toMessage(im.P2PKey("alice", "bob"), &m, views, nil)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want %q", err, c.err)
				}
				return
			}
			if err != nil || got.Content.Body != c.body || got.Content.Attach != c.attach || got.From != "alice" || got.To != "bob" || len(got.IDClient) != 32 {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestOneValueHasOneForm(t *testing.T) {
	if canonical(`{"b":1.50,"a":"\u003c"}`) != canonical("{ \"a\" : \"<\" ,\"b\":1.50}") {
		t.Error("two texts of one value differ")
	}
	for _, s := range []string{"", "{", "{} {}", "hello"} {
		if canonical(s) != s {
			t.Errorf("%q became %q", s, canonical(s))
		}
	}
}

// old stands for a server of another make: many messages of one millisecond,
// pages that begin at a time, one message left out by id.
type old struct {
	views map[string][]int // message numbers that an account sees; the time is number/100
}

func (o *old) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	num := func(name string) int { n, _ := strconv.Atoi(r.FormValue(name)); return n }
	var page []string
	for _, n := range o.views[r.FormValue("from")] {
		if n/100 >= num("begintime") && n/100 <= num("endtime") && strconv.Itoa(n) != r.FormValue("excludeMsgid") && len(page) < num("limit") {
			page = append(page, fmt.Sprintf(`{"from":"alice","msgid":%d,"sendtime":%d,"type":0,"body":{"msg":"%d"}}`, n, n/100, n))
		}
	}
	fmt.Fprintf(w, `{"code":200,"size":%d,"msgs":[%s]}`, len(page), strings.Join(page, ","))
}

func numbers(from, to, step int) (out []int) {
	for n := from; n < to; n += step {
		out = append(out, n)
	}
	return out
}

func TestViewsAreMerged(t *testing.T) {
	for name, c := range map[string]struct{ alice, bob, want []int }{
		"the same":               {numbers(100, 900, 3), numbers(100, 900, 3), numbers(100, 900, 3)},
		"one sees less":          {numbers(100, 900, 3), numbers(100, 900, 9), numbers(100, 900, 3)},
		"the other sees less":    {numbers(100, 900, 9), numbers(100, 900, 3), numbers(100, 900, 3)},
		"one sees nothing":       {nil, numbers(100, 500, 1), nil}, // a hundred of every moment: see below
		"each sees its own":      {numbers(100, 500, 10), numbers(105, 500, 10), nil},
		"exactly a page":         {numbers(100, 200, 1), numbers(100, 200, 1), numbers(100, 200, 1)},
		"nothing":                {nil, nil, nil},
		"several pages, one gap": {append(numbers(100, 300, 2), numbers(900, 1000, 2)...), numbers(100, 300, 2), append(numbers(100, 300, 2), numbers(900, 1000, 2)...)},
	} {
		t.Run(name, func(t *testing.T) {
			front := httptest.NewServer(&old{map[string][]int{"alice": c.alice, "bob": c.bob}})
			defer front.Close()
			src, err := newClient(SourceConfig{URL: front.URL, Key: "k", Secret: "s", Rate: 100_000})
			if err != nil {
				t.Fatal(err)
			}
			s := newStream(src, im.P2PKey("alice", "bob"), []string{"alice", "bob"}, transfer.Progress{}, 1000)
			var got []int
			last := 0
			for {
				m, ok, err := s.next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					break
				}
				n, _ := strconv.Atoi(string(m.ID))
				if n/100 < last {
					t.Fatalf("message %d after the time %d", n, last)
				}
				last = n / 100
				in := uint64(0)
				for i, who := range [][]int{c.alice, c.bob} {
					if slices.Contains(who, n) {
						in |= 1 << i
					}
				}
				if m.views != in {
					t.Errorf("message %d: in the views %b, want %b", n, m.views, in)
				}
				got = append(got, n)
			}
			want := c.want
			if want == nil {
				want = slices.Sorted(slices.Values(append(slices.Clone(c.alice), c.bob...)))
			}
			slices.Sort(got) // inside a moment the order is that of the views
			if !slices.Equal(got, want) {
				t.Errorf("%d messages, want %d", len(got), len(want))
			}
		})
	}
}

func TestWhatOneSideSaw(t *testing.T) {
	for views, want := range map[uint64]message.Flags{3: 0, 1: message.ReceiverNoSense, 2: message.SenderNoSense} {
		m := &seen{sourceMsg: sourceMsg{From: "alice", ID: "1"}, views: views}
		if got, err := toMessage(im.P2PKey("alice", "bob"), m, []string{"alice", "bob"}, nil); err != nil || got.Flags != want {
			t.Errorf("views %b: flags %b, %v", views, got.Flags, err)
		}
	}
}
