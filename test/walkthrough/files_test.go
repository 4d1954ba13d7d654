// Package walkthrough runs what the pages of docs let their readers do, with
// the programs that the pages name, against the real binary.
package walkthrough

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"image"
	"image/png"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im/app"
	"hongyan/internal/im/file"
	"hongyan/internal/infra/seal"
	"hongyan/test/kill/proc"
)

func TestMain(m *testing.M) {
	code := m.Run()
	proc.CleanUp()
	os.Exit(code)
}

const account = "alice"

// bed is a server with an account and what the variables of a page stand for.
type bed struct {
	t      *testing.T
	server *proc.Server
	dir    string
	env    map[string]string
}

func newBed(t *testing.T) *bed {
	t.Helper()
	for _, program := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			hytest.LeaveOut(t, "the pages of docs: there is no "+program)
		}
	}
	b := &bed{t: t, server: proc.New(t), dir: t.TempDir()}
	b.server.Start()
	if code, answer, err := b.server.REST().Call(t.Context(), "user/create.action", url.Values{"accid": {account}, "token": {"token"}}); err != nil || code != 200 {
		t.Fatalf("%s %v", answer, err)
	}
	if err := os.Symlink(proc.Binary(t), filepath.Join(b.dir, "hongyan")); err != nil {
		t.Fatal(err)
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	sum := sha1.Sum([]byte(proc.Secret + "4tgggergigwow323t23t" + now))
	b.env = map[string]string{
		"PATH": b.dir + ":" + os.Getenv("PATH"), "DIR": b.dir, "DATA": b.server.Data, "HOST": "http://" + b.server.Addr, "ACCOUNT": account,
		"APP_KEY": proc.Key, "APP_SECRET": proc.Secret, "NONCE": "4tgggergigwow323t23t", "CUR_TIME": now, "CHECK_SUM": hex.EncodeToString(sum[:]),
		"PICTURE": filepath.Join(b.dir, "a.png"),
	}
	var pic bytes.Buffer
	if err := png.Encode(&pic, image.NewGray(image.Rect(0, 0, 64, 48))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.env["PICTURE"], pic.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	b.tokens()
	return b
}

// tokens makes what a client gets over its socket (6-2, 6-30).
func (b *bed) tokens() {
	b.t.Helper()
	keys, err := seal.Load(b.server.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	signer := file.New(file.Config{Clock: time.Now, Key: keys.FileKey()})
	a := &app.App{Key: proc.Key, Settings: hytest.Settings(b.t)}
	g, err := signer.Grant(a, file.Ask{Accid: account,
		ReturnBody: `{"md5":"$(Etag)","size":"$(ObjectSize)","w":"$(ImageInfo.Width)","h":"$(ImageInfo.Height)"}`})
	if err != nil {
		b.t.Fatal(err)
	}
	b.env["OBJECT"], b.env["UPLOAD_TOKEN"] = g.Object, g.Token
	b.env["FILE_TOKEN"], _ = signer.DownloadToken(a, account)
}

// run runs all blocks of a page in one shell, so that a variable of one is there
// in the next, and compares what each prints.
func (b *bed) run(page []block) {
	b.t.Helper()
	var script strings.Builder
	script.WriteString("set -eu\n")
	out := func(i int) string { return filepath.Join(b.dir, "out-"+strconv.Itoa(i)) }
	for i, x := range page {
		script.WriteString("{\n" + x.script + "\n} >" + out(i) + "\n")
	}
	cmd := exec.CommandContext(b.t.Context(), "bash", "-c", script.String())
	cmd.Dir = b.dir
	for k, v := range b.env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	said, err := cmd.CombinedOutput()
	for i, x := range page {
		got, rerr := os.ReadFile(out(i))
		if rerr != nil {
			b.t.Fatalf("line %d was not reached: %v\n%s", x.line, err, said)
		}
		if d := x.differs(string(got)); d != nil {
			b.t.Errorf("line %d: %v\n%s", x.line, d, x.script)
		}
	}
	if err != nil {
		b.t.Errorf("%v\n%s", err, said)
	}
}

func TestFiles(t *testing.T) {
	page, err := os.ReadFile("../../docs/walkthrough-files.md")
	if err != nil {
		t.Fatal(err)
	}
	b := newBed(t)
	list := blocks(string(page))
	if len(list) < 8 {
		t.Fatalf("only %d blocks on the page", len(list))
	}
	b.run(list)
}

func TestBlocks(t *testing.T) {
	page := "a\n```sh\necho 1\necho 2\n```\n```text\n1\n...\n```\n```js\nx\n```\n```sh\ntrue\n```\nwords\n```json\n{}\n```\n"
	got := blocks(page)
	if len(got) != 2 || got[0].script != "echo 1\necho 2" || got[0].kind != "text" || got[1].kind != "" || got[0].line != 2 {
		t.Fatalf("%+v", got)
	}
	for _, c := range []struct {
		name, kind, answer, got string
		same                    bool
	}{
		{"text", "text", "1\n2", "1\n2\n", true},
		{"other text", "text", "1\n2", "1\n3\n", false},
		{"anything between", "text", "a ... z", "a b\nc z\n", true},
		{"more than the page says", "text", "a", "a b", false},
		{"json", "json", `{"a": 1, "b": "..."}`, `{"b":"x","a":1}`, true},
		{"a member too many", "json", `{"a": 1}`, `{"b":"x","a":1}`, false},
		{"an empty value", "json", `{"a": "..."}`, `{"a":""}`, false},
		{"another value", "json", `{"a": [1, {"b": true}]}`, `{"a":[1,{"b":false}]}`, false},
		{"no json", "json", `{}`, `<html>`, false},
		{"anything", "", "", "x", true},
	} {
		if err := (block{kind: c.kind, answer: c.answer}).differs(c.got); (err == nil) != c.same {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
