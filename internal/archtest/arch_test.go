package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "hongyan"

// maxLines is the longest file a person writes.
const maxLines = 800

// domainOrder is the declared order of the domain's packages: each may import
// the root and those before it (ARCHITECTURE.md section 1). A new package takes
// its place here first.
var domainOrder = []string{"app", "eventcopy", "account", "access", "notice", "friend", "presence", "device", "proxy", "translation", "subscription", "moderation", "message", "session", "team", "transfer", "signaling", "file", "chatroom", "qchat"}

// owners says which packages alone may import a library, by prefix. Test support
// that makes databases or plays a client is named with them.
var owners = []struct {
	library []string
	allowed []string
	why     string
}{
	{[]string{"database/sql", "github.com/jackc/pgx", "modernc.org/sqlite", "github.com/pressly/goose", "github.com/mattn/go-sqlite3"},
		[]string{"internal/infra/sqlstore", "internal/hytest"}, "only sqlstore has SQL"},
	{[]string{"github.com/nats-io/"}, []string{"internal/infra/bus"}, "only bus knows NATS"},
	{[]string{"github.com/lxzan/gws", "github.com/coder/websocket", "github.com/gorilla/websocket", "github.com/gobwas/ws", "nhooyr.io/websocket"},
		[]string{"internal/edge/gateway", "internal/bench", "test/"}, "only gateway and its load generator know a WebSocket library"},
	{[]string{"gocloud.dev/", "github.com/aws/"}, []string{"internal/infra/blobstore"}, "only blobstore knows a storage SDK"},
	{[]string{"hongyan/internal/hytest", "hongyan/internal/infra/sqlstore/storetest"},
		[]string{"internal/infra/sqlstore/storetest"}, "test support belongs in tests"},
	{[]string{"pgregory.net/rapid", "go.uber.org/goleak", "github.com/google/go-cmp", "github.com/getkin/kin-openapi", "github.com/santhosh-tekuri/jsonschema"},
		[]string{"internal/infra/sqlstore/storetest", "internal/hytest"}, "a test library belongs in tests"},
}

// floors says what the packages under a prefix may import of this module. The
// first prefix that fits counts; "im" is held to domainOrder besides.
var floors = []struct {
	of  string
	may []string
}{
	{"internal/im", []string{"internal/im"}},
	{"internal/edge/wire", []string{"internal/edge/wire"}},
	{"internal/edge/gateway", []string{"internal/edge", "internal/im", "internal/obs"}},
	{"internal/edge", []string{"internal/edge", "internal/im", "internal/obs"}},
	{"internal/infra/sqlstore/storetest", []string{"internal/infra", "internal/im", "internal/hytest"}},
	{"internal/infra/cert", []string{"internal/infra/cert", "internal/config", "internal/obs"}},
	{"internal/infra", []string{"internal/infra", "internal/im", "internal/obs"}},
	{"internal/obs", []string{"internal/obs"}},
	{"internal/config", []string{"internal/config", "internal/obs"}},
	{"internal/lifecycle", []string{"internal/lifecycle", "internal/obs"}},
	{"internal/hytest", []string{"internal/hytest", "internal/im", "internal/infra"}},
	{"internal/bench", []string{"internal/bench", "internal/edge/wire", "internal/obs"}},
	{"internal/move", []string{"internal/move", "internal/im"}},
	{"internal/server", []string{"internal"}},
	{"cmd", []string{"cmd", "internal"}},
	{"compat", []string{"compat"}},
	{"test", []string{"test", "internal"}},
	{"tools", []string{"tools"}},
}

// mutable lists package variables that look mutable and are not: name, and why
// it may stay.
var mutable = map[string]string{
	"internal/im/app.reservedSegments": "a set that is only read",
	"internal/config.wellKnownSecrets": "a table that is only read",
	"internal/config.units":            "a table that is only read",
}

// file is one parsed Go file.
type file struct {
	path string // slash path inside the repository
	pkg  string // its directory
	test bool
	gen  bool
	text string
	ast  *ast.File
}

func parse(t *testing.T) []file {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var out []file
	set := token.NewFileSet()
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata" || name == "bin" || name == "data" || name == "web") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		a, err := parser.ParseFile(set, path, b, parser.ParseComments)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		out = append(out, file{path: rel, pkg: strings.TrimSuffix(rel, "/"+name), test: strings.HasSuffix(name, "_test.go"),
			gen: strings.HasSuffix(name, "_gen.go"), text: string(b), ast: a})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 50 {
		t.Fatalf("only %d files found", len(out))
	}
	return out
}

func imports(f file) (out []string) {
	for _, i := range f.ast.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		out = append(out, p)
	}
	return out
}

// under says whether path is prefix or lies below it.
func under(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/")
}

func TestImportsGoDown(t *testing.T) {
	for _, f := range parse(t) {
		if f.test {
			continue // a test may use the real neighbours
		}
		i := slices.IndexFunc(floors, func(x struct {
			of  string
			may []string
		}) bool {
			return under(f.pkg, x.of)
		})
		if i < 0 {
			if under(f.pkg, "internal/archtest") {
				continue
			}
			t.Errorf("%s: package %s has no floor: give it one in archtest", f.path, f.pkg)
			continue
		}
		for _, p := range imports(f) {
			local, ours := strings.CutPrefix(p, module+"/")
			if ours && !slices.ContainsFunc(floors[i].may, func(m string) bool { return under(local, m) }) {
				t.Errorf("%s imports %s; packages under %s may import %s", f.path, p, floors[i].of, strings.Join(floors[i].may, ", "))
			}
		}
	}
}

func TestTheDomainImportsItselfInOrder(t *testing.T) {
	for _, f := range parse(t) {
		if f.test || !under(f.pkg, "internal/im") {
			continue
		}
		own := strings.TrimPrefix(strings.TrimPrefix(f.pkg, "internal/im"), "/")
		at := slices.Index(domainOrder, own)
		if own != "" && at < 0 {
			t.Errorf("%s: package %s is not in the declared order: give it a place in archtest", f.path, own)
			continue
		}
		for _, p := range imports(f) {
			local, ours := strings.CutPrefix(p, module+"/internal/im")
			switch {
			case !ours && strings.Contains(strings.Split(p, "/")[0], "."):
				t.Errorf("%s imports %s: the domain has the standard library and itself", f.path, p)
			case p == "net/http" || p == "database/sql" || p == "net":
				t.Errorf("%s imports %s: the domain knows no HTTP, no SQL and no sockets", f.path, p)
			case ours && local != "" && slices.Index(domainOrder, local[1:]) >= max(at, 0):
				t.Errorf("%s imports %s, which does not come before %q", f.path, p, own)
			}
		}
	}
}

func TestLibrariesHaveOneOwner(t *testing.T) {
	for _, f := range parse(t) {
		for _, p := range imports(f) {
			for _, o := range owners {
				ours := slices.ContainsFunc(o.library, func(l string) bool { return under(p, l) })
				tests := strings.HasPrefix(o.why, "test support") || strings.HasPrefix(o.why, "a test library")
				if ours && !(tests && f.test) && !slices.ContainsFunc(o.allowed, func(a string) bool { return under(f.pkg, a) }) {
					t.Errorf("%s imports %s: %s", f.path, p, o.why)
				}
			}
		}
	}
}

// limits is how a package comment says what the package leaves to others.
var limits = regexp.MustCompile(`(?i)must (not|never|hold no)|knows no|may not|owns? no|never (knows|decides)|imports? nothing|nothing else|holds no|stays? an outsider`)

func TestEveryPackageSaysWhatItMustNotKnow(t *testing.T) {
	docs, seen := map[string]string{}, map[string]bool{}
	for _, f := range parse(t) {
		if f.test || !under(f.pkg, "internal") || under(f.pkg, "internal/archtest") {
			continue
		}
		seen[f.pkg] = true
		if f.ast.Doc != nil && !f.gen {
			docs[f.pkg] += f.ast.Doc.Text()
		}
	}
	for pkg := range seen {
		if under(pkg, "internal/edge/wire") && pkg != "internal/edge/wire" {
			continue // generated, and the generator
		}
		switch doc := strings.Join(strings.Fields(docs[pkg]), " "); {
		case doc == "":
			t.Errorf("%s has no package comment", pkg)
		case !limits.MatchString(doc):
			t.Errorf("%s: its comment does not say what it must not know: %q", pkg, doc)
		}
	}
}

func TestFilesStayShortAndFinished(t *testing.T) {
	open := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)
	for _, f := range parse(t) {
		if n := strings.Count(f.text, "\n"); n > maxLines && !f.gen {
			t.Errorf("%s has %d lines, at most %d", f.path, n, maxLines)
		}
		for i, line := range strings.Split(f.text, "\n") {
			if m := open.FindString(line); m != "" && !f.gen {
				t.Errorf("%s:%d: %s: finish it or open an issue", f.path, i+1, m)
			}
		}
	}
}

// Package state is shared by everything in the process, tests included; what
// may change belongs in a value somebody owns.
func TestPackageVariablesDoNotChange(t *testing.T) {
	for _, f := range parse(t) {
		if f.test || f.gen || f.ast.Name.Name == "main" && under(f.pkg, "internal") || under(f.pkg, "internal/archtest") || !under(f.pkg, "internal") && !under(f.pkg, "cmd") {
			continue
		}
		for _, d := range f.ast.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				for i, name := range v.Names {
					if name.Name == "_" || mutable[f.pkg+"."+name.Name] != "" {
						continue
					}
					if why := changes(v, i); why != "" {
						t.Errorf("%s: var %s is %s: make it a value somebody owns, or list it in archtest", f.path, name.Name, why)
					}
				}
			}
		}
	}
}

// changes says why the i-th variable of a declaration looks mutable, "" if it
// does not.
func changes(v *ast.ValueSpec, i int) string {
	if i >= len(v.Values) {
		switch x := v.Type.(type) {
		case *ast.MapType, *ast.ArrayType, *ast.StarExpr, *ast.ChanType:
			return "declared to be filled later"
		case *ast.SelectorExpr:
			if p, ok := x.X.(*ast.Ident); ok && (p.Name == "sync" || p.Name == "atomic") {
				return "a " + p.Name + "." + x.Sel.Name
			}
		}
		return ""
	}
	switch x := v.Values[i].(type) {
	case *ast.CompositeLit:
		if _, ok := x.Type.(*ast.MapType); ok {
			return "a map"
		}
		if a, ok := x.Type.(*ast.ArrayType); ok && a.Len == nil {
			return "a slice"
		}
	case *ast.CallExpr:
		if fn, ok := x.Fun.(*ast.Ident); ok && (fn.Name == "make" || fn.Name == "new") {
			return "made empty, to be filled later"
		}
	case *ast.UnaryExpr:
		if x.Op == token.AND {
			return "a pointer to shared data"
		}
	}
	return ""
}

// Lock files name no machine's registry: who installs says where from.
func TestLockFilesNameNoRegistry(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if n := d.Name(); n != "package-lock.json" && n != "npm-shrinkwrap.json" && n != "yarn.lock" && n != "pnpm-lock.yaml" {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(b), "\n") {
			if strings.Contains(line, `"resolved": "http`) || strings.Contains(line, "resolved http") || strings.Contains(line, "tarball: http") {
				t.Errorf("%s:%d names a registry: %s", path, i+1, strings.TrimSpace(line))
				break
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
