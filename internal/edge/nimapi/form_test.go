package nimapi

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"hongyan/internal/im"
)

// everything has a field of each kind a form can have.
type everything struct {
	accidParam
	Name   *string  `form:"name,max=3"`
	Icon   string   `form:"icon,max=3,bytes"`
	Obj    string   `form:"obj,object"`
	JSON   string   `form:"json,json"`
	Must   bool     `form:"must,required"`
	May    *bool    `form:"may"`
	Plain  bool     `form:"plain"`
	Kind   int      `form:"kind,enum=1|2,default=2"`
	Gender *int     `form:"gender,enum=0|1|2"`
	Time   int64    `form:"time,zero,min=0"`
	IDs    []string `form:"ids,accid,max=3"`
	Types  []int64  `form:"types"`
	Push   string   `form:"pushcontent,alias=pushtext"`
}

func bindText(t testing.TB, form string) (everything, error) {
	t.Helper()
	v, err := parseForm(strings.NewReader(form), "")
	if err != nil {
		return everything{}, err
	}
	var e everything
	err = newBinder(reflect.TypeFor[everything]()).bind(v, reflect.ValueOf(&e).Elem())
	return e, err
}

func TestBind(t *testing.T) {
	text := func(s string) *string { return &s }
	num := func(n int) *int { return &n }
	yes := true
	base := func(change func(*everything)) everything {
		e := everything{accidParam: accidParam{"alice"}, Must: true, Kind: 2}
		change(&e)
		return e
	}
	const ok = "accid=alice&must=true"
	for _, c := range []struct {
		name, form string
		want       everything
		fault      string
	}{
		{name: "least", form: ok, want: base(func(*everything) {})},
		{name: "accid is lower-cased", form: "accid=ALICE&must=true", want: base(func(*everything) {})},
		{name: "names in any case", form: "ACCID=alice&Must=true&PUSHCONTENT=x", want: base(func(e *everything) { e.Push = "x" })},
		{name: "alias", form: ok + "&pushText=x", want: base(func(e *everything) { e.Push = "x" })},
		{name: "unknown names are ignored", form: ok + "&zzz=1", want: base(func(*everything) {})},
		{name: "first of two values", form: ok + "&icon=a&icon=b", want: base(func(e *everything) { e.Icon = "a" })},
		{name: "accid missing", form: "must=true", fault: "accid missing"},
		{name: "accid empty", form: "accid=&must=true", fault: "accid missing"},
		{name: "accid illegal", form: "accid=a%20b&must=true", fault: "accid: 1 to 32 characters of A-Z a-z 0-9 _ @ . -"},
		{name: "accid too long", form: "must=true&accid=" + strings.Repeat("a", 33), fault: "accid: 1 to 32 characters of A-Z a-z 0-9 _ @ . -"},
		{name: "optional text empty clears", form: ok + "&name=", want: base(func(e *everything) { e.Name = text("") })},
		{name: "three characters", form: ok + "&name=%E9%B8%BF%E9%9B%81%F0%9F%98%80", want: base(func(e *everything) { e.Name = text("鸿雁😀") })},
		{name: "four characters", form: ok + "&name=abcd", fault: "name longer than 3 characters"},
		{name: "bytes", form: ok + "&icon=%E9%B8%BF%E9%9B%81", fault: "icon longer than 3 bytes"},
		{name: "required boolean missing", form: "accid=alice", fault: "must not boolean"},
		{name: "boolean 1", form: "accid=alice&must=1", fault: "must not boolean"},
		{name: "boolean True", form: "accid=alice&must=True", fault: "must not boolean"},
		{name: "boolean empty", form: ok + "&plain=", fault: "plain not boolean"},
		{name: "optional boolean", form: ok + "&may=true&plain=false", want: base(func(e *everything) { e.May = &yes })},
		{name: "number", form: ok + "&kind=1&gender=0&time=1700000000000", want: base(func(e *everything) { e.Kind, e.Gender, e.Time = 1, num(0), 1700000000000 })},
		{name: "number empty is absent", form: ok + "&kind=&gender=&time=", want: base(func(*everything) {})},
		{name: "number outside the list", form: ok + "&kind=3", fault: "kind has no value 3"},
		{name: "number malformed", form: ok + "&gender=1.0", fault: "gender not a number"},
		{name: "32 bits", form: ok + "&kind=4294967297", fault: "kind not a number"},
		{name: "negative time", form: ok + "&time=-1", fault: "time less than 0"},
		{name: "list of numbers and texts with blanks", form: ok + `&ids=[1, "Bob"]`, want: base(func(e *everything) { e.IDs = []string{"1", "bob"} })},
		{name: "list keeps what is no accid", form: ok + `&ids=["A b"]`, want: base(func(e *everything) { e.IDs = []string{"A b"} })},
		{name: "list empty", form: ok + `&ids=[]`, want: base(func(e *everything) { e.IDs = []string{} })},
		{name: "list malformed", form: ok + `&ids=[1`, fault: "ids not a JSON array"},
		{name: "list too long", form: ok + `&ids=[1,2,3,4]`, fault: "ids has more than 3 elements"},
		{name: "comma list", form: ok + "&types=0,%201,100", want: base(func(e *everything) { e.Types = []int64{0, 1, 100} })},
		{name: "comma list malformed", form: ok + "&types=0,,1", fault: "types not comma separated numbers"},
		{name: "object", form: ok + `&obj={"a":1}&json=[]`, want: base(func(e *everything) { e.Obj, e.JSON = `{"a":1}`, `[]` })},
		{name: "object that is an array", form: ok + `&obj=[]`, fault: "obj not a JSON object"},
		{name: "JSON malformed", form: ok + `&json={`, fault: "json not JSON"},
		{name: "not UTF-8", form: ok + "&icon=%ff", fault: "icon is not UTF-8 text"},
		{name: "NUL", form: ok + "&icon=a%00", fault: "icon is not UTF-8 text"},
		{name: "bad escape", form: ok + "&icon=%zz", fault: "malformed form"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := bindText(t, c.form)
			if c.fault != "" {
				if im.CodeOf(err) != im.CodeBadParam || im.PublicText(err) != c.fault {
					t.Fatalf("got %v, want 414 %s", err, c.fault)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestParseFormBodyWinsOverQuery(t *testing.T) {
	v, err := parseForm(strings.NewReader("a=body"), "A=query&b=query")
	if err != nil || v["a"] != "body" || v["b"] != "query" {
		t.Errorf("got %v, %v", v, err)
	}
}

func TestParseList(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
		ok   bool
	}{
		{`[]`, []string{}, true},
		{` [ 1 , "a" ] `, []string{"1", "a"}, true},
		{`["3083","3084"]`, []string{"3083", "3084"}, true},
		{`[9007199254740993]`, []string{"9007199254740993"}, true},
		{`[-1]`, []string{"-1"}, true},
		{`[1.5]`, nil, false},
		{`[1e3]`, nil, false},
		{`[true]`, nil, false},
		{`[null]`, nil, false},
		{`[[1]]`, nil, false},
		{`[{"a":1}]`, nil, false},
		{`[1,]`, nil, false},
		{`[1] 2`, nil, false},
		{`{"a":1}`, nil, false},
		{`"a"`, nil, false},
		{``, nil, false},
	} {
		got, err := parseList(c.text)
		if (err == nil) != c.ok || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, %v", c.text, got, err)
		}
	}
}

func FuzzParseList(f *testing.F) {
	for _, s := range []string{`[1,"a"]`, `["\u0000"]`, `[ ]`, `[1e3]`, `[`, `[1][`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseList(text)
		if err != nil {
			return
		}
		// What is accepted is JSON, and written again reads the same.
		if !json.Valid([]byte(text)) {
			t.Fatalf("%q is not JSON", text)
		}
		again, err := parseList(jsonText(list))
		if err != nil || !reflect.DeepEqual(again, list) {
			t.Errorf("%q: %q, then %q, %v", text, list, again, err)
		}
	})
}

func FuzzBind(f *testing.F) {
	for _, s := range []string{"accid=a&must=true", `accid=a&must=false&ids=["b"]&types=1,2&obj={}`, "name=%F0%9F%98%80", "a=%zz", "a;b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, form string) {
		e, err := bindText(t, form)
		if err != nil {
			if im.CodeOf(err) != im.CodeBadParam || !utf8.ValidString(im.PublicText(err)) {
				t.Fatalf("%v", err)
			}
			return
		}
		if id, ok := im.NormalizeAccid(e.Accid); !ok || id != e.Accid {
			t.Errorf("accid %q", e.Accid)
		}
		if e.Name != nil && utf8.RuneCountInString(*e.Name) > 3 || len(e.Icon) > 3 || len(e.IDs) > 3 || e.Time < 0 || e.Kind < 1 || e.Kind > 2 {
			t.Errorf("limits: %+v", e)
		}
	})
}

func TestBinderPanicsOnItsOwnFaults(t *testing.T) {
	for _, p := range []any{
		struct {
			A float64 `form:"a"`
		}{},
		struct {
			A string `form:"a,requierd"`
		}{},
		struct {
			A string `form:"a,max=x"`
		}{},
		struct {
			A string `form:",required"`
		}{},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%T was accepted", p)
				}
			}()
			newBinder(reflect.TypeOf(p))
		}()
	}
}
