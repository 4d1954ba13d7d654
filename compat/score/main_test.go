package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree writes a small repository: two commands, one event, one endpoint, an SDK
// test and a Go test.
func tree(t *testing.T, score string) string {
	t.Helper()
	root := t.TempDir()
	table := `{"login":{"service":"auth","sid":2,"cid":3,"arrives_as":["2-3"],"sdk_versions":["0.8.5"]},
		"onMsg":{"service":"msg","sid":7,"cid":2,"arrives_as":["7-101","7-2"],"sdk_versions":["0.15.0"]}}`
	for name, text := range map[string]string{
		"docs/protocol/wire/nim.json":      table,
		"docs/protocol/wire/qchat.json":    `{}`,
		"docs/protocol/wire/chatroom.json": `{}`,
		"docs/api/server-v1.json":          `{"endpoints":[{"path":"/nimserver/user/create.action","group":"account","title":"Register"}]}`,
		"compat/events.tsv":                "product\tevent\tnote\nnim\tmsg\t\n",
		"compat/score.tsv":                 "feature\ttest\n" + score,
		"compat/excused.tsv":               "feature\treason\n",
		"test/sdk/proves.tsv":              "feature\ttest\nnim/cmd/login\ta.test.mjs::logs in\nnim/event/msg\ta.test.mjs::type image both ways\n",
		"test/sdk/tests/a.test.mjs":        "scenario('logs in', {});\nscenario(`type ${label} both ways`, {});\n",
		"internal/x/x_test.go":             "package x\n\nfunc TestCreate(t *testing.T) {\n\tt.Run(\"twice\", nil)\n}\n",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestFeatures(t *testing.T) {
	root := tree(t, "")
	if err := run(options{root: root, check: true}, &bytes.Buffer{}); err == nil {
		t.Error("-check passes without features.tsv")
	}
	var out bytes.Buffer
	if err := run(options{root: root}, &out); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, featuresFile))
	want := "id\tproduct\tkind\tname\tnote\n" +
		"nim/cmd/login\tnim\tcommand\tlogin\tauth 2-3\n" +
		"nim/cmd/onMsg\tnim\tcommand\tonMsg\tmsg 7-2, arrives as 7-101 7-2, since 0.15.0\n" +
		"nim/event/msg\tnim\tevent\tmsg\t\n" +
		"rest/user/create\trest\trest\tuser/create\taccount: Register\n"
	if err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	if err := run(options{root: root, check: true}, &out); err != nil {
		t.Error(err)
	}
}

func TestScore(t *testing.T) {
	const login = "nim/cmd/login\ttest/sdk/tests/a.test.mjs::logs in\n"
	const results = "feature\tclient\tresult\ttest\n"
	const goPass = `{"Action":"pass","Package":"hongyan/internal/x","Test":"TestCreate/twice"}`
	for _, c := range []struct {
		name, score, results, goResults string
		fault                           string // "" = none
	}{
		{name: "nothing proven"},
		{name: "proven", score: login},
		{name: "made by a template", score: "nim/event/msg\ttest/sdk/tests/a.test.mjs::type image both ways\n"},
		{name: "Go test", score: "rest/user/create\tgo:internal/x::TestCreate\n"},
		{name: "Go subtest", score: "rest/user/create\tgo:internal/x::TestCreate/twice\n", goResults: goPass},
		{name: "no such feature", score: "nim/cmd/nothing\ttest/sdk/tests/a.test.mjs::logs in\n", fault: "no such feature"},
		{name: "twice", score: login + login, fault: "twice"},
		{name: "test renamed", score: "nim/cmd/login\ttest/sdk/tests/a.test.mjs::logged in\n", fault: "does not exist any more"},
		{name: "file removed", score: "nim/cmd/login\ttest/sdk/tests/b.test.mjs::logs in\n", fault: "does not exist any more"},
		{name: "not claimed", score: "nim/cmd/onMsg\ttest/sdk/tests/a.test.mjs::logs in\n", fault: "does not claim"},
		{name: "Go test removed", score: "rest/user/create\tgo:internal/x::TestGone\n", fault: "does not exist any more"},
		{name: "Go subtest removed", score: "rest/user/create\tgo:internal/x::TestCreate/thrice\n", fault: "does not exist any more"},
		{name: "Go package removed", score: "rest/user/create\tgo:internal/y::TestCreate\n", fault: "does not exist any more"},
		{name: "Go test did not run", score: "rest/user/create\tgo:internal/x::TestCreate\n", goResults: goPass, fault: "failed or did not run"},
		{name: "other notation", score: "nim/cmd/login\tlogs in\n", fault: "want test/sdk/tests/"},
		{name: "passed", score: login, results: "nim/cmd/login\tmini\tpass\ta.test.mjs::logs in\n"},
		{name: "did not run", score: login, results: "nim/event/msg\tmini\tpass\ta.test.mjs::type image both ways\n", fault: "did not run"},
		{name: "failed on one client", score: login,
			results: "nim/cmd/login\tmini\tpass\ta.test.mjs::logs in\nnim/cmd/login\tuni\tfail\ta.test.mjs::logs in\n", fault: "failed on 1 of 2"},
		{name: "pending is no proof", score: login, results: "nim/cmd/login\tmini\tpending\ta.test.mjs::logs in\n", fault: "failed on 1 of 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options{root: tree(t, c.score)}
			for at, text := range map[*string]string{&o.results: c.results, &o.goResults: c.goResults} {
				if text == "" {
					continue
				}
				if at == &o.results {
					text = results + text
				}
				*at = filepath.Join(t.TempDir(), "results")
				if err := os.WriteFile(*at, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			err := run(o, &bytes.Buffer{})
			if c.fault == "" && err != nil || c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)) {
				t.Errorf("got %v, want %q", err, c.fault)
			}
		})
	}
}

func TestExcused(t *testing.T) {
	const login = "nim/cmd/login\ttest/sdk/tests/a.test.mjs::logs in\n"
	for _, c := range []struct {
		name, excused string
		fault         string // "" = none
		report        string
	}{
		{name: "none", report: "1 of 2 (50 %)\n"},
		{name: "one", excused: "nim/cmd/onMsg\tnobody sends it\n", report: "1 of 1 (100 %) +1 excused"},
		{name: "unknown", excused: "nim/cmd/gone\tnobody sends it\n", fault: "nim/cmd/gone: no such feature"},
		{name: "proven meanwhile", excused: "nim/cmd/login\ttoo hard\n", fault: "nim/cmd/login: is proven"},
		{name: "without a reason", excused: "nim/cmd/onMsg\t \n", fault: "without a reason"},
		{name: "twice", excused: "nim/cmd/onMsg\ta\nnim/cmd/onMsg\tb\n", fault: "twice"},
		{name: "no columns", excused: "nim/cmd/onMsg\n", fault: "1 columns"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := tree(t, login)
			if err := os.WriteFile(filepath.Join(root, excusedFile), []byte("feature\treason\n"+c.excused), 0o644); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			err := run(options{root: root, missing: "nim"}, &out)
			if c.fault == "" && err != nil || c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)) {
				t.Errorf("got %v, want %q", err, c.fault)
			}
			if text := strings.Join(strings.Fields(out.String()), " ") + " "; !strings.Contains(text, strings.TrimSpace(c.report)) {
				t.Errorf("report:\n%s", &out)
			}
			if c.name == "one" && !strings.Contains(out.String(), "nim/cmd/onMsg\texcused: nobody sends it\n") {
				t.Errorf("missing:\n%s", &out)
			}
		})
	}
}

func TestAddTakesWhatPassedEverywhere(t *testing.T) {
	root := tree(t, "rest/user/create\tgo:internal/x::TestCreate\n")
	file := filepath.Join(root, "results")
	text := "feature\tclient\tresult\ttest\nnim/cmd/login\tmini\tpass\ta.test.mjs::logs in\nnim/cmd/login\tuni\tpass\ta.test.mjs::logs in\n" +
		"nim/event/msg\tmini\tpass\ta.test.mjs::type image both ways\nnim/event/msg\tuni\tfail\ta.test.mjs::type image both ways\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(options{root: root, results: file, add: true}, &out); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, scoreFile))
	want := "feature\ttest\nnim/cmd/login\ttest/sdk/tests/a.test.mjs::logs in\nrest/user/create\tgo:internal/x::TestCreate\n"
	if err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	if !strings.Contains(out.String(), "nim        1 of 2 (50 %)") || !strings.Contains(out.String(), "1 of 1 (100 %)") {
		t.Errorf("report:\n%s", &out)
	}
}
