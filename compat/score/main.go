// Command score keeps the account of what Hongyan is proven to serve.
//
// It knows three lists. compat/features.tsv is every wire command, SDK event
// and REST endpoint; it is generated from docs/protocol/wire/*.json,
// docs/api/server-v1.json and the hand list compat/events.tsv. compat/score.tsv
// pairs a feature with a test that proves it. test/sdk/proves.tsv is what the
// SDK tests claim, proven or not, and with which clients. compat/excused.tsv names features that no test
// with an SDK can prove, each with its reason; they count as neither.
//
//	go run ./compat/score                 regenerate features.tsv, check score.tsv, print percentages
//	go run ./compat/score -check          the same, but fail instead of writing
//	go run ./compat/score -results FILE   and fail when a proven row failed or did not run (out/results.tsv)
//	go run ./compat/score -go FILE        the same for Go tests (output of go test -json)
//	go run ./compat/score -results FILE -add   add the rows of proves.tsv that passed with every client they claim
//	go run ./compat/score -missing nim    list the features of a product that nothing proves
//
// It must not know how a test works: a test proves what it says it proves, and
// a row counts only as long as the test exists and passes.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func main() {
	var o options
	flag.StringVar(&o.root, "C", ".", "root of the repository")
	flag.BoolVar(&o.check, "check", false, "fail when features.tsv is not what the tables say, instead of writing it")
	flag.StringVar(&o.results, "results", "", "results of the SDK tests: fail when a proven row failed or did not run")
	flag.StringVar(&o.goResults, "go", "", "output of go test -json: the same for rows of Go tests")
	flag.BoolVar(&o.add, "add", false, "with -results: add to score.tsv what passed with every client it claims")
	flag.StringVar(&o.missing, "missing", "", "list what nothing proves of this product (nim, qchat, chatroom, rest)")
	flag.Parse()
	if err := run(o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type options struct {
	root, results, goResults, missing string
	check, add                        bool
}

// Kinds of features.
const (
	command = "command"
	event   = "event"
	rest    = "rest"
)

// products in the order of the report; restProduct is the server API.
var products = []string{"nim", "qchat", "chatroom", restProduct}

const restProduct = "rest"

// versions are the SDK versions whose tables have the command. Events and REST
// endpoints have none here: every version counts as having them.
type feature struct {
	id, product, kind, name, note string
	versions                      []string
}

// row is one line of score.tsv.
type row struct{ feature, test string }

const (
	featuresFile = "compat/features.tsv"
	eventsFile   = "compat/events.tsv"
	scoreFile    = "compat/score.tsv"
	excusedFile  = "compat/excused.tsv"
	claimsFile   = "test/sdk/proves.tsv"
	sdkTests     = "test/sdk/tests/"
	goPrefix     = "go:"
)

func run(o options, out io.Writer) error {
	features, err := readFeatures(o.root)
	if err != nil {
		return err
	}
	if err := keepFeatures(o, features); err != nil {
		return err
	}
	rows, err := readScore(o.root)
	if err != nil {
		return err
	}
	claims, err := readClaims(o.root)
	if err != nil {
		return err
	}
	var results map[row]verdict
	if o.results != "" {
		if results, err = readResults(o.results); err != nil {
			return err
		}
	}
	if o.add {
		if results == nil {
			return errors.New("-add needs -results")
		}
		if rows, err = addPassed(o.root, rows, claims, results); err != nil {
			return err
		}
	}
	faults, err := checkRows(o, features, rows, claims, results)
	if err != nil {
		return err
	}
	have := provenWith(rows, claims)
	excused, bad, err := readExcused(o.root, features, have)
	if err != nil {
		return err
	}
	faults = append(faults, bad...)
	faults = append(faults, checkVersions(features, have, excused)...)
	report(out, features, rows, excused)
	reportClients(out, features, have, excused)
	if o.missing != "" {
		listMissing(out, o.missing, features, rows, excused)
	}
	return errors.Join(faults...)
}

// readFeatures makes the list from the tables.
func readFeatures(root string) ([]feature, error) {
	var out []feature
	for _, p := range products[:3] {
		cmds, err := readCommands(filepath.Join(root, "docs/protocol/wire", p+".json"), p)
		if err != nil {
			return nil, err
		}
		out = append(out, cmds...)
	}
	events, err := readTable(filepath.Join(root, eventsFile), "product\tevent\tnote")
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		if !slices.Contains(products[:3], e[0]) {
			return nil, fmt.Errorf("%s: no product %q", eventsFile, e[0])
		}
		out = append(out, feature{id: e[0] + "/event/" + e[1], product: e[0], kind: event, name: e[1], note: e[2]})
	}
	endpoints, err := readEndpoints(filepath.Join(root, "docs/api/server-v1.json"))
	if err != nil {
		return nil, err
	}
	out = append(out, endpoints...)
	seen := map[string]bool{}
	for _, f := range out {
		if seen[f.id] {
			return nil, fmt.Errorf("feature %s appears twice", f.id)
		}
		seen[f.id] = true
	}
	return out, nil
}

// readCommands reads a wire table in its own order, which JSON objects have in
// the file and lose in a map.
func readCommands(file, product string) ([]feature, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var out []feature
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		var c struct {
			Service  string   `json:"service"`
			SID      int      `json:"sid"`
			CID      int      `json:"cid"`
			Arrives  []string `json:"arrives_as"`
			Versions []string `json:"sdk_versions"`
		}
		if err := d.Decode(&c); err != nil {
			return nil, fmt.Errorf("%s: %v: %w", file, name, err)
		}
		id := strconv.Itoa(c.SID) + "-" + strconv.Itoa(c.CID)
		note := c.Service + " " + id
		if len(c.Arrives) > 0 && !slices.Equal(c.Arrives, []string{id}) {
			note += ", arrives as " + strings.Join(c.Arrives, " ")
		}
		if len(c.Versions) > 0 && c.Versions[0] != "0.8.5" {
			note += ", since " + c.Versions[0]
		}
		n := name.(string)
		out = append(out, feature{product + "/cmd/" + n, product, command, n, note, c.Versions})
	}
	return out, nil
}

func readEndpoints(file string) ([]feature, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Endpoints []struct{ Path, Group, Title string }
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var out []feature
	for _, e := range doc.Endpoints {
		name := strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(e.Path, "/nimserver"), ".action"), "/")
		out = append(out, feature{id: "rest/" + name, product: restProduct, kind: rest, name: name, note: e.Group + ": " + e.Title})
	}
	return out, nil
}

func keepFeatures(o options, features []feature) error {
	var b strings.Builder
	b.WriteString("id\tproduct\tkind\tname\tnote\n")
	for _, f := range features {
		b.WriteString(strings.Join([]string{f.id, f.product, f.kind, f.name, f.note}, "\t") + "\n")
	}
	file := filepath.Join(o.root, featuresFile)
	old, err := os.ReadFile(file)
	switch {
	case err == nil && string(old) == b.String():
		return nil
	case o.check:
		return fmt.Errorf("%s is not what the tables say: run go run ./compat/score and commit the difference", featuresFile)
	default:
		return os.WriteFile(file, []byte(b.String()), 0o644)
	}
}

// readTable reads a tab separated file with a header and as many columns.
func readTable(file, header string) ([][]string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	if lines[0] != header {
		return nil, fmt.Errorf("%s: the first line must be %q", file, header)
	}
	var out [][]string
	for i, l := range lines[1:] {
		cols := strings.Split(l, "\t")
		if len(cols) != strings.Count(header, "\t")+1 {
			return nil, fmt.Errorf("%s:%d: %d columns", file, i+2, len(cols))
		}
		out = append(out, cols)
	}
	return out, nil
}

func readRows(file string) ([]row, error) {
	t, err := readTable(file, "feature\ttest")
	if err != nil {
		return nil, err
	}
	var out []row
	for _, c := range t {
		out = append(out, row{c[0], c[1]})
	}
	return out, nil
}

func readScore(root string) ([]row, error) { return readRows(filepath.Join(root, scoreFile)) }

func writeScore(root string, rows []row) error {
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.feature+"\t"+a.test, b.feature+"\t"+b.test) })
	var b strings.Builder
	b.WriteString("feature\ttest\n")
	for _, r := range slices.Compact(rows) {
		b.WriteString(r.feature + "\t" + r.test + "\n")
	}
	return os.WriteFile(filepath.Join(root, scoreFile), []byte(b.String()), 0o644)
}

// checkRows finds what is wrong with score.tsv.
func checkRows(o options, features []feature, rows []row, claims map[row][]string, results map[row]verdict) ([]error, error) {
	var goPassed map[string]bool
	if o.goResults != "" {
		var err error
		if goPassed, err = readGoResults(o.goResults); err != nil {
			return nil, err
		}
	}
	known := map[string]bool{}
	for _, f := range features {
		known[f.id] = true
	}
	var faults []error
	fault := func(r row, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: %s: %s", r.feature, r.test, fmt.Sprintf(format, args...)))
	}
	for r := range claims {
		if !known[r.feature] {
			fault(r, "%s claims a feature that is not in %s", claimsFile, featuresFile)
		}
	}
	seen := map[row]bool{}
	for _, r := range rows {
		switch {
		case seen[r]:
			fault(r, "twice in %s", scoreFile)
			continue
		case !known[r.feature]:
			fault(r, "no such feature")
			continue
		}
		seen[r] = true
		if name, isGo := strings.CutPrefix(r.test, goPrefix); isGo {
			switch ok, err := goTestExists(o.root, name); {
			case err != nil:
				fault(r, "%v", err)
			case !ok:
				fault(r, "the test does not exist any more")
			case goPassed != nil && !goPassed[strings.ReplaceAll(name, " ", "_")]:
				fault(r, "the test failed or did not run")
			}
			continue
		}
		switch ok, err := sdkTestExists(o.root, r.test); {
		case err != nil:
			fault(r, "%v", err)
		case !ok:
			fault(r, "the test does not exist any more")
		case claims[r] == nil:
			fault(r, "the test does not claim it any more (%s)", claimsFile)
		case results != nil:
			if bad := results[r].faults(claims[r]); bad != "" {
				fault(r, "%s", bad)
			}
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return faults, nil
}

// goTestExists looks for package::TestName or package::TestName/subtest in the
// package's test files. A subtest must stand there as a quoted name.
func goTestExists(root, name string) (bool, error) {
	pkg, test, ok := strings.Cut(name, "::")
	if !ok {
		return false, errors.New("want go:package::TestName")
	}
	test, sub, _ := strings.Cut(test, "/")
	files, err := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
	if err != nil || len(files) == 0 {
		return false, err
	}
	decl := regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(test) + `\(\w+ \*testing\.T\)`)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return false, err
		}
		if decl.Match(b) && (sub == "" || bytes.Contains(b, []byte(strconv.Quote(sub)))) {
			return true, nil
		}
	}
	return false, nil
}

// sdkTestExists looks for file::name: a text that is the first argument of some
// call in the file, or that a template string there can make.
func sdkTestExists(root, test string) (bool, error) {
	file, name, ok := strings.Cut(test, "::")
	if !ok || !strings.HasPrefix(file, sdkTests) {
		return false, errors.New("want " + sdkTests + "FILE::NAME or go:package::TestName")
	}
	b, err := os.ReadFile(filepath.Join(root, file))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, m := range scenarioNames.FindAllSubmatch(b, -1) {
		text := string(m[1])
		quote, text := text[0], text[1:len(text)-1]
		if quote != '`' {
			if strings.ReplaceAll(text, `\`, "") == name {
				return true, nil
			}
			continue
		}
		var pattern strings.Builder
		for i, fixed := range placeholders.Split(text, -1) {
			if i > 0 {
				pattern.WriteString(".+")
			}
			pattern.WriteString(regexp.QuoteMeta(fixed))
		}
		if regexp.MustCompile("^" + pattern.String() + "$").MatchString(name) {
			return true, nil
		}
	}
	return false, nil
}

var (
	scenarioNames = regexp.MustCompile("\\w\\(\\s*('(?:[^'\\\\]|\\\\.)*'|\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`)")
	placeholders  = regexp.MustCompile(`\$\{[^}]*\}`)
)

// readGoResults returns the tests that passed, as package::TestName.
func readGoResults(file string) (map[string]bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := map[string]bool{}
	s := bufio.NewScanner(f)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var e struct{ Action, Package, Test string }
		if json.Unmarshal(s.Bytes(), &e) != nil || e.Test == "" {
			continue
		}
		_, pkg, _ := strings.Cut(e.Package, "/") // without the module's name
		switch e.Action {
		case "pass":
			out[pkg+"::"+e.Test] = true
		case "fail", "skip":
			out[pkg+"::"+e.Test] = false
		}
	}
	return out, s.Err()
}

// readExcused returns the reasons of what no test can prove. A reason has to name
// a feature, once, that nothing proves, or nothing with one of the versions.
func readExcused(root string, features []feature, have map[string][]string) (map[string]string, []error, error) {
	t, err := readTable(filepath.Join(root, excusedFile), "feature\treason")
	if err != nil {
		return nil, nil, err
	}
	known := map[string]feature{}
	for _, f := range features {
		known[f.id] = f
	}
	out := map[string]string{}
	var faults []error
	for _, c := range t {
		id, reason := c[0], c[1]
		fault := func(text string) { faults = append(faults, fmt.Errorf("%s: %s: %s", excusedFile, id, text)) }
		switch {
		case known[id].id == "":
			fault("no such feature")
		case have[id] != nil && len(lacking(known[id], have[id])) == 0:
			fault("is proven: remove the excuse")
		case out[id] != "":
			fault("twice")
		case strings.TrimSpace(reason) == "":
			fault("without a reason")
		default:
			out[id] = reason
		}
	}
	return out, faults, nil
}

func proven(rows []row) map[string]bool {
	out := map[string]bool{}
	for _, r := range rows {
		out[r.feature] = true
	}
	return out
}

// tally counts the features of one kind of one product.
type tally struct{ proven, excused, all int }

func (n tally) String() string {
	if n.all == 0 {
		return "-"
	}
	// Rounded down: 100 % is all of them.
	text := fmt.Sprintf("%d of %d (%d %%)", n.proven, n.all-n.excused, 100*n.proven/max(1, n.all-n.excused))
	if n.excused > 0 {
		text += fmt.Sprintf(" +%d excused", n.excused)
	}
	return text
}

func report(w io.Writer, features []feature, rows []row, excused map[string]string) {
	done := proven(rows)
	count := map[[2]string]tally{}
	for _, f := range features {
		for _, p := range []string{f.product, "all"} {
			k := [2]string{p, f.kind}
			n := count[k]
			n.all++
			if done[f.id] {
				n.proven++
			} else if excused[f.id] != "" {
				n.excused++
			}
			count[k] = n
		}
	}
	fmt.Fprintf(w, "%-10s %-32s %-32s %s\n", "PRODUCT", "COMMANDS", "EVENTS", "REST")
	for _, p := range append(slices.Clone(products), "all") {
		line := fmt.Sprintf("%-10s", p)
		for _, k := range []string{command, event, rest} {
			line += fmt.Sprintf(" %-32s", count[[2]string{p, k}])
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}

func listMissing(w io.Writer, product string, features []feature, rows []row, excused map[string]string) {
	done := proven(rows)
	for _, f := range features {
		switch {
		case f.product != product || done[f.id]:
		case excused[f.id] != "":
			fmt.Fprintf(w, "%s\texcused: %s\n", f.id, excused[f.id])
		default:
			fmt.Fprintf(w, "%s\t%s\n", f.id, f.note)
		}
	}
}
