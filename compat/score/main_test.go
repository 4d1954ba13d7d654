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
	table := `{"login":{"service":"auth","sid":2,"cid":3,"arrives_as":["2-3"],"sdk_versions":["0.8.5","0.15.0","0.17.2"]},
		"onMsg":{"service":"msg","sid":7,"cid":2,"arrives_as":["7-101","7-2"],"sdk_versions":["0.15.0","0.17.2"]}}`
	for name, text := range map[string]string{
		"docs/protocol/wire/nim.json":      table,
		"docs/protocol/wire/qchat.json":    `{}`,
		"docs/protocol/wire/chatroom.json": `{}`,
		"docs/api/server-v1.json":          `{"endpoints":[{"path":"/nimserver/user/create.action","group":"account","title":"Register"}]}`,
		"compat/events.tsv":                "product\tevent\tnote\nnim\tmsg\t\n",
		"compat/score.tsv":                 "feature\ttest\n" + score,
		"compat/excused.tsv":               "feature\treason\n",
		"test/sdk/proves.tsv": "feature\ttest\tclients\n" +
			"nim/cmd/login\ta.test.mjs::logs in\tmini-0.15.0 uni-0.17.2\n" +
			"nim/event/msg\ta.test.mjs::type image both ways\tmini-0.15.0 mini-0.17.2\n",
		"test/sdk/tests/a.test.mjs": "scenario('logs in', {});\nscenario(`type ${label} both ways`, {});\n",
		"internal/x/x_test.go":      "package x\n\nfunc TestCreate(t *testing.T) {\n\tt.Run(\"twice\", nil)\n}\n",
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
		{name: "passed", score: login,
			results: "nim/cmd/login\tmini-0.15.0\tpass\ta.test.mjs::logs in\nnim/cmd/login\tuni-0.17.2\tpass\ta.test.mjs::logs in\n"},
		{name: "did not run with one client", score: login,
			results: "nim/cmd/login\tmini-0.15.0\tpass\ta.test.mjs::logs in\n", fault: "did not run with uni-0.17.2"},
		{name: "did not run", score: login, results: "nim/event/msg\tmini-0.15.0\tpass\ta.test.mjs::type image both ways\n", fault: "did not run"},
		{name: "failed on one client", score: login,
			results: "nim/cmd/login\tmini-0.15.0\tpass\ta.test.mjs::logs in\nnim/cmd/login\tuni-0.17.2\tfail\ta.test.mjs::logs in\n", fault: "failed on 1 of 2"},
		{name: "pending is no proof", score: login, results: "nim/cmd/login\tmini-0.15.0\tpending\ta.test.mjs::logs in\n", fault: "failed on 1 of 1"},
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

func TestVersions(t *testing.T) {
	const test = "test/sdk/tests/a.test.mjs::logs in"
	for _, c := range []struct {
		name, has, clients, excused string
		fault, report               string // fault "" = none
	}{
		{name: "both", has: `"0.15.0","0.17.2"`, clients: "mini-0.15.0 browser-0.17.2",
			report: "nim commands by the SDK: on 0.15.0 1 of 1, on 0.17.2 1 of 1, in Chromium 1\n"},
		{name: "in a browser only", has: `"0.15.0","0.17.2"`, clients: "browser-0.15.0 browser-0.17.2",
			report: "on 0.15.0 1 of 1, on 0.17.2 1 of 1, in Chromium 1\n"},
		{name: "the old one is missing", has: `"0.15.0","0.17.2"`, clients: "mini-0.17.2 uni-0.17.2",
			fault: "nim/cmd/login: nothing proves it with 0.15.0:", report: "on 0.15.0 0 of 1, on 0.17.2 1 of 1, in Chromium 0\n"},
		{name: "the new one is missing", has: `"0.15.0","0.17.2"`, clients: "mini-0.15.0", fault: "nothing proves it with 0.17.2:"},
		{name: "it is in the new one only", has: `"0.17.2"`, clients: "mini-0.17.2",
			report: "on 0.15.0 0 of 0, on 0.17.2 1 of 1, in Chromium 0\n"},
		{name: "excused", has: `"0.15.0","0.17.2"`, clients: "mini-0.17.2", excused: "nim/cmd/login\t0.15.0 has no call\n",
			report: "on 0.15.0 0 of 0, on 0.17.2 1 of 1, in Chromium 0\n"},
		{name: "excused, but proven with both", has: `"0.15.0","0.17.2"`, clients: "mini-0.15.0 mini-0.17.2",
			excused: "nim/cmd/login\t0.15.0 has no call\n", fault: "is proven: remove the excuse"},
		{name: "no clients", has: `"0.17.2"`, fault: "no clients"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := tree(t, "nim/cmd/login\t"+test+"\n")
			for name, text := range map[string]string{
				"docs/protocol/wire/nim.json": `{"login":{"sid":2,"cid":3,"sdk_versions":[` + c.has + `]}}`,
				claimsFile:                    "feature\ttest\tclients\nnim/cmd/login\ta.test.mjs::logs in\t" + c.clients + "\n",
				excusedFile:                   "feature\treason\n" + c.excused,
			} {
				if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			var out bytes.Buffer
			err := run(options{root: root}, &out)
			if c.fault == "" && err != nil || c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)) {
				t.Errorf("got %v, want %q", err, c.fault)
			}
			if !strings.Contains(out.String(), c.report) {
				t.Errorf("report:\n%s", &out)
			}
		})
	}
}

// A feature that only a Go test proves is not proven with any SDK.
func TestGoTestIsNoClient(t *testing.T) {
	err := run(options{root: tree(t, "nim/cmd/login\tgo:internal/x::TestCreate\n")}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "nothing proves it with 0.15.0 and 0.17.2") {
		t.Errorf("got %v", err)
	}
}

func TestAddTakesWhatPassedEverywhere(t *testing.T) {
	root := tree(t, "rest/user/create\tgo:internal/x::TestCreate\n")
	file := filepath.Join(root, "results")
	text := "feature\tclient\tresult\ttest\nnim/cmd/login\tmini-0.15.0\tpass\ta.test.mjs::logs in\nnim/cmd/login\tuni-0.17.2\tpass\ta.test.mjs::logs in\n" +
		"nim/event/msg\tmini-0.15.0\tpass\ta.test.mjs::type image both ways\nnim/event/msg\tmini-0.17.2\tfail\ta.test.mjs::type image both ways\n"
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
