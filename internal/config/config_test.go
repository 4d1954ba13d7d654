package config

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// write puts text in a file named hongyan.toml and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hongyan.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, flags map[string][]string, environ []string, file string) (*Config, error) {
	t.Helper()
	if file != "" {
		environ = append(environ, "HONGYAN_CONFIG="+write(t, file))
	}
	return Load(Sources{Flags: flags, Environ: environ})
}

func TestDefault(t *testing.T) {
	c := Default()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if c.Data != "./data" || c.Listen != "127.0.0.1:7443" || c.HTTP != "" || c.Metrics != "127.0.0.1:7090" {
		t.Errorf("%+v", c)
	}
	if c.PublicAddr() != "127.0.0.1:7443" || c.CommitSync != CommitFull || c.Gateway.MaxFrameBytes != 512<<10 {
		t.Errorf("%+v", c)
	}
	if c.Gateway.LoginTimeout != 30*time.Second || c.LogLevel != slog.LevelInfo || c.LogFormat != "text" {
		t.Errorf("%+v", c)
	}
	if w := c.Warnings(); w != nil {
		t.Errorf("warnings about the default: %v", w)
	}
}

// Every row must read what it writes, be documented, and have a name that is good in all three sources.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Settings() {
		t.Run(s.Name, func(t *testing.T) {
			if s.Help == "" || s.Group == "" || s.Allowed() == "" || !s.Bool() && s.Placeholder == "" {
				t.Errorf("incomplete: %+v", s)
			}
			if seen[s.Name] || s.Name != strings.ToLower(s.Name) {
				t.Error("bad name")
			}
			seen[s.Name] = true
			if s.Default() == "" {
				return
			}
			c := Default()
			if got := s.value.text(c)[0]; got != s.Default() {
				t.Errorf("default %q is written as %q", s.Default(), got)
			}
		})
	}
	if got := Settings("db", "data"); len(got) != 2 || got[0].Name != "data" {
		t.Errorf("subset: %v", got)
	}
}

func TestPrecedence(t *testing.T) {
	const file = "listen = '127.0.0.1:1'\npeer = ['a:1', 'b:1']\nhook-private = true\nmax-connections = 7\n"
	tests := []struct {
		name    string
		flags   map[string][]string
		environ []string
		file    string
		setting string
		want    string
	}{
		{"default", nil, nil, "", "listen", "127.0.0.1:7443"},
		{"file over default", nil, nil, file, "listen", "127.0.0.1:1"},
		{"environment over file", nil, []string{"HONGYAN_LISTEN=127.0.0.1:2"}, file, "listen", "127.0.0.1:2"},
		{"flag over environment", map[string][]string{"listen": {"127.0.0.1:3"}}, []string{"HONGYAN_LISTEN=127.0.0.1:2"}, file,
			"listen", "127.0.0.1:3"},
		{"number from the file", nil, nil, file, "max-connections", "7"},
		{"true from the file", nil, nil, file, "hook-private", "true"},
		{"false from a flag", map[string][]string{"hook-private": {"false"}}, nil, file, "hook-private", "false"},
		{"empty variable is not set", nil, []string{"HONGYAN_LISTEN="}, file, "listen", "127.0.0.1:1"},
		{"off", map[string][]string{"metrics": {"off"}}, nil, "", "metrics", "off"},
		{"list from the environment", nil, []string{"HONGYAN_TRUSTED_PROXY=10.0.0.0/8, 192.0.2.1"}, "",
			"trusted-proxy", "10.0.0.0/8,192.0.2.1/32"},
		{"a list replaces, it does not add", map[string][]string{"trusted-proxy": {"10.0.0.0/8"}},
			[]string{"HONGYAN_TRUSTED_PROXY=192.0.2.1"}, "", "trusted-proxy", "10.0.0.0/8"},
		{"an array of the file", nil, nil, "acme-domain = ['a.example', 'b.example']", "acme-domain", "a.example,b.example"},
		{"one value where the file may have an array", nil, nil, "acme-domain = 'a.example'", "acme-domain", "a.example"},
		{"a comma in a flag does not separate", map[string][]string{"app": {"k:s,e,c,r,e,t"}}, nil, "", "app", "k:[redacted]"},
		{"size", nil, nil, "max-frame-bytes = '1MiB'", "max-frame-bytes", "1MiB"},
		{"size without unit", nil, nil, "max-frame-bytes = 65536", "max-frame-bytes", "64KiB"},
		{"rate", nil, nil, "packet-rate = 2.5", "packet-rate", "2.5"},
		{"duration", nil, []string{"HONGYAN_DRAIN_TIMEOUT=1m30s"}, "", "drain-timeout", "1m30s"},
		{"fault", map[string][]string{"fault": {"commit-delay=2ms"}}, nil, "", "fault", "commit-delay=2ms"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.file
			if strings.Contains(f, "peer") {
				f += "cluster = '127.0.0.1:9'\ncluster-secret = 'long enough for routes'\ndb = 'postgres://h/d'\n"
			}
			c, err := load(t, tt.flags, tt.environ, f)
			if err != nil {
				t.Fatal(err)
			}
			if got := Settings(tt.setting)[0].Shown(c); got != tt.want {
				t.Errorf("%s = %q, want %q", tt.setting, got, tt.want)
			}
		})
	}
}

func TestConfigFlagBeatsEnvironment(t *testing.T) {
	c, err := Load(Sources{
		Flags:   map[string][]string{"config": {write(t, "max-connections = 1")}},
		Environ: []string{"HONGYAN_CONFIG=" + write(t, "max-connections = 2")},
	})
	if err != nil || c.Gateway.MaxConnections != 1 {
		t.Errorf("%v %v", c, err)
	}
	if !c.IsSet("max-connections") || c.IsSet("listen") {
		t.Error("IsSet")
	}
}

func TestApps(t *testing.T) {
	c, err := load(t, map[string][]string{"app": {"k1:secret-1", "k2:secret-2:org/app"}}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	want := []AppSpec{{Key: "k1", Secret: "secret-1"}, {Key: "k2", Secret: "secret-2", Org: "org", App: "app"}}
	if !reflect.DeepEqual(c.Apps, want) {
		t.Errorf("got %v", c.Apps)
	}
}

// TestAllFaultsAtOnce is the text an operator sees.
func TestAllFaultsAtOnce(t *testing.T) {
	path := write(t, "# hongyan\ncomit-sync = 'full'\n\nlog-level = 'loud'\napp = [{key = 'x'}]\ndb = 'mysql://u:hunter2@h/d'\n[gateway]\n")
	_, err := Load(Sources{
		Flags: map[string][]string{"config": {path}, "listen": {"7443"}, "fault": {"disk-fire=1s"}},
		Environ: []string{
			"PATH=/bin", "HONGYAN_LISTN=x", "HONGYAN_MAX_CONNECTIONS=-99", "HONGYAN_MASTER_KEY=k", "HONGYAN_TEST_PG=x",
			"HONGYAN_METRICS=0.0.0.0:7090", "HONGYAN_PEER=h:1", "HONGYAN_TLS_CERT=c.pem",
		},
	})
	want := strings.ReplaceAll(`12 configuration faults:
  environment HONGYAN_LISTN: there is no such setting; did you mean HONGYAN_LISTEN?
  FILE:5 app: has an array with something else than plain values; allowed: KEY:SECRET or KEY:SECRET:ORG/APP
  FILE:2 comit-sync: there is no such setting; did you mean commit-sync?
  FILE:7 gateway: there is no such setting
  flag --listen "7443": is not HOST:PORT; allowed: HOST:PORT, or off
  FILE:6 db: has the scheme "mysql"; allowed: postgres://USER:PASSWORD@HOST/NAME
  FILE:4 log-level "loud": is not a level; allowed: debug, info, warn, error
  flag --fault "disk-fire=1s": names the unknown fault "disk-fire"; allowed: commit-delay=DURATION
  environment HONGYAN_MAX_CONNECTIONS "-99": is out of range; allowed: a whole number from 0 to 100000000
  environment HONGYAN_METRICS "0.0.0.0:7090": would show the profiler beyond this machine; allowed: a loopback address, or metrics-public
  environment HONGYAN_PEER "h:1": is given without cluster; allowed: together with cluster
  environment HONGYAN_TLS_CERT "c.pem": needs tls-key, and tls-key needs it; allowed: tls-cert and tls-key together`, "FILE", path)
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	var e *Error
	if !errors.As(err, &e) || len(e.Problems) != 12 {
		t.Errorf("%T", err)
	}
}

func TestFaultyFile(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"syntax", "max-connections = 1\nlisten = = \n", ":2: is not TOML"},
		{"secret in a broken line", "db = \"postgres://u:hunter2\n", ":1: is not TOML"},
		{"array for one value", "max-connections = [1, 2]", "has an array"},
		{"table for a value", "[listen]\na = 1", ":1 listen: has a table"},
		{"dotted key", "listen.a = 1", ":1 listen: has a table"},
		{"config in the file", "config = 'other.toml'", "no such setting"},
		{"wrong type", "max-connections = true", `"true": is not a whole number`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(t, nil, nil, tt.file)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := Load(Sources{Environ: []string{"HONGYAN_CONFIG=/nonexistent/x.toml"}}); err == nil ||
		!strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("missing file: %v", err)
	}
}

func TestEnvironmentIsStrict(t *testing.T) {
	tests := []struct {
		env string
		ok  bool
	}{
		{"HONGYAN_MASTER_KEY=x", true}, {"HONGYAN_TEST_ANYTHING=x", true}, {"HONGYANG=x", true}, {"HOME=/", true},
		{"HONGYAN_HTTP=127.0.0.1:1", true}, {"HONGYAN_=x", false}, {"HONGYAN_HTTPS=127.0.0.1:1", false},
		{"HONGYAN_listen=127.0.0.1:1", false}, {"HONGYAN_MASTER_KEYS=x", false}, {"HONGYAN_UNKNOWN=", false},
	}
	for _, tt := range tests {
		if _, err := Load(Sources{Environ: []string{tt.env}}); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.env, err)
		}
	}
}

func TestUnknownFlag(t *testing.T) {
	if _, err := Load(Sources{Flags: map[string][]string{"lisen": {"x"}}}); err == nil ||
		!strings.Contains(err.Error(), "did you mean --listen?") {
		t.Errorf("%v", err)
	}
}

func TestValidate(t *testing.T) {
	apps := func(secret string) []AppSpec { return []AppSpec{{Key: "k", Secret: secretText(secret)}} }
	cluster := func(c *Config) {
		c.Cluster, c.DB, c.ClusterSecret = "10.0.0.1:6222", "postgres://u:p@h/d", "0123456789abcdef"
	}
	tests := []struct {
		name string
		edit func(c *Config)
		want string // part of the error, empty: valid
	}{
		{"demo secret on loopback", func(c *Config) { c.Apps = apps("secret") }, ""},
		{"demo secret beyond", func(c *Config) { c.Apps, c.Listen = apps("Demo-Secret"), "0.0.0.0:7443" }, "has a well-known secret"},
		{"demo secret beyond, plain", func(c *Config) { c.Apps, c.HTTP = apps("changeme"), ":8080" }, "has a well-known secret"},
		{"short secret beyond", func(c *Config) { c.Apps, c.Listen = apps("x7!kq"), "im.example:443" }, "less than 8"},
		{"good secret beyond", func(c *Config) { c.Apps, c.Listen = apps("q8Zr0vT3mW5y"), ":7443" }, ""},
		{"demo secret on IPv6 loopback", func(c *Config) { c.Apps, c.Listen = apps("secret"), "[::1]:7443" }, ""},
		{"no secret", func(c *Config) { c.Apps = apps("") }, "has no SECRET"},
		{"same app twice", func(c *Config) { c.Apps = append(apps("aaaaaaaaa"), apps("bbbbbbbbb")...) }, "k is given twice"},
		{"bad org", func(c *Config) { c.Apps = []AppSpec{{Key: "k", Secret: "s", Org: "a/b", App: "c"}} }, "no valid ORG/APP"},
		{"nothing to serve", func(c *Config) { c.Listen = "" }, "nothing would be served"},
		{"plain only", func(c *Config) { c.Listen, c.HTTP = "", "127.0.0.1:80" }, ""},
		{"same address", func(c *Config) { c.HTTP = ":7443" }, "is the address of listen"},
		{"metrics on the public port", func(c *Config) { c.Metrics = "127.0.0.1:7443" }, "address of a public listener"},
		{"port 0 everywhere", func(c *Config) { c.Listen, c.HTTP, c.Metrics = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0" }, ""},
		{"metrics beyond", func(c *Config) { c.Metrics = ":7090" }, "beyond this machine"},
		{"metrics beyond, meant", func(c *Config) { c.Metrics, c.MetricsPublic = ":7090", true }, ""},
		{"metrics off", func(c *Config) { c.Metrics = "" }, ""},
		{"cluster", cluster, ""},
		{"cluster on SQLite", func(c *Config) { cluster(c); c.DB = "" }, "a database that all nodes share"},
		{"cluster without secret", func(c *Config) { cluster(c); c.ClusterSecret = "" }, "missing or too short"},
		{"cluster and bus", func(c *Config) { cluster(c); c.Bus = "nats://h:4222" }, "bus names an external one"},
		{"peer alone", func(c *Config) { c.Peers = []string{"h:1"} }, "without cluster"},
		{"public without port", func(c *Config) { c.Public = "im.example" }, "is not HOST:PORT"},
		{"public without host", func(c *Config) { c.Public = ":443" }, "no host that a client"},
		{"public URL", func(c *Config) { c.Public = "https://im.example:443" }, "is not HOST:PORT"},
		{"key without certificate", func(c *Config) { c.TLS.KeyFile = "k" }, "tls-cert and tls-key together"},
		{"ACME", func(c *Config) { c.TLS.ACMEDomains = []string{"im.example.com"} }, ""},
		{"ACME and files", func(c *Config) {
			c.TLS = TLS{CertFile: "c", KeyFile: "k", ACMEDomains: []string{"im.example.com"}}
		}, "are both given"},
		{"ACME wildcard", func(c *Config) { c.TLS.ACMEDomains = []string{"*.example.com"} }, "DNS challenge"},
		{"ACME for an address", func(c *Config) { c.TLS.ACMEDomains = []string{"10.0.0.1:443"} }, "is not a domain name"},
		{"commit-sync", func(c *Config) { c.CommitSync = "never" }, "is not known"},
		{"no data", func(c *Config) { c.Data = "" }, "is empty"},
		{"frame too small", func(c *Config) { c.Gateway.MaxFrameBytes = 1 }, "is out of range"},
		{"bad port", func(c *Config) { c.Listen = "127.0.0.1:99999" }, "has no port"},
		{"S3", func(c *Config) { c.Blob = "s3://bucket?region=x" }, ""},
		{"blob of another kind", func(c *Config) { c.Blob = "ftp://h/x" }, `scheme "ftp"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Default()
			tt.edit(c)
			err := c.Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestPublicAddr(t *testing.T) {
	tests := []struct{ listen, http, public, want string }{
		{"127.0.0.1:7443", "", "", "127.0.0.1:7443"},
		{"0.0.0.0:7443", "", "", "localhost:7443"},
		{"[::]:7443", "", "", "localhost:7443"},
		{":7443", "", "im.example:443", "im.example:443"},
		{"", "127.0.0.1:80", "", "127.0.0.1:80"},
		{"[::1]:7443", "", "", "[::1]:7443"},
	}
	for _, tt := range tests {
		c := Default()
		c.Listen, c.HTTP, c.Public = tt.listen, tt.http, tt.public
		if got := c.PublicAddr(); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
	if got := Default().PublicAddrOn("127.0.0.1:41234"); got != "127.0.0.1:41234" {
		t.Errorf("bound: %s", got)
	}
}

func TestTrustsProxy(t *testing.T) {
	c := Default()
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for addr, want := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "192.0.2.1": false, "::1": false} {
		if got := c.TrustsProxy(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}

// Nothing that is logged or printed may hold a secret.
func TestSecretsAreNotShown(t *testing.T) {
	c, err := load(t, map[string][]string{"app": {"k:hunter2hunter2"}},
		[]string{"HONGYAN_DB=postgres://u:hunter2@h/d", "HONGYAN_BLOB=s3://b?secret=hunter2",
			"HONGYAN_BUS=nats://u:hunter2@h:4222"}, "cluster-secret = 'hunter2hunter2hunter2'")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "config", c, "apps", c.Apps)
	fmt.Fprintf(&b, "%v %+v %#v", c.Apps, c.ClusterSecret, c.Apps)
	if strings.Contains(b.String(), "hunter2") || !strings.Contains(b.String(), "postgres://u:xxxxx@h/d") {
		t.Errorf("%s", b.String())
	}
	_, err = load(t, map[string][]string{"app": {"k:hunter2:x"}, "db": {"postgres://u:hunter2@h:port/d"}}, nil, "")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

func TestWarnings(t *testing.T) {
	c := Default()
	c.Listen, c.CommitSync, c.Faults.CommitDelay, c.HookPrivate = ":7443", CommitNormal, time.Millisecond, true
	if w := c.Warnings(); len(w) != 4 {
		t.Errorf("%q", w)
	}
	c = Default()
	c.Public, c.Apps = "im.example:443", []AppSpec{{Key: "k", Secret: "secret"}}
	if w := c.Warnings(); len(w) != 1 {
		t.Errorf("%q", w)
	}
}
