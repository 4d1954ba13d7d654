package config

import (
	"fmt"
	"net"
	"slices"
	"strings"
)

// wellKnownSecrets are those of examples and habits; whoever scans the net knows them too.
var wellKnownSecrets = []string{
	"demo-secret", "demosecret", "demo_secret", "secret", "app-secret", "appsecret", "app_secret", "your-secret",
	"changeme", "change-me", "password", "passw0rd", "example", "example-secret", "test-secret", "testsecret",
	"hongyan-secret", "hongyansecret", "12345678", "123456789", "1234567890", "123456", "00000000", "abcdefgh",
}

const (
	minSecret        = 8
	minClusterSecret = 16
)

// weakSecret says why a secret must not be used beyond loopback, or nothing.
func weakSecret(s string) string {
	switch {
	case len(s) < minSecret:
		return fmt.Sprintf("has a secret of less than %d characters", minSecret)
	case slices.Contains(wellKnownSecrets, strings.ToLower(s)):
		return "has a well-known secret"
	}
	return ""
}

// rule is a condition on several settings. It is skipped when one of them is faulty already.
type rule struct {
	about   string   // the setting that the problem is reported for
	with    []string // other settings it looks at
	allowed string
	broken  func(c *Config) []string // reasons
}

func yields(broken bool, reason string) []string {
	if broken {
		return []string{reason}
	}
	return nil
}

func rules() []rule {
	return []rule{
		{about: "listen", with: []string{"http"}, broken: func(c *Config) []string {
			return yields(c.Listen == "" && c.HTTP == "", "is off and so is http: nothing would be served")
		}},
		{about: "http", with: []string{"listen"}, allowed: "another address", broken: func(c *Config) []string {
			return yields(clash(c.HTTP, c.Listen), "is the address of listen")
		}},
		{about: "metrics", with: []string{"listen", "http"}, allowed: "another address", broken: func(c *Config) []string {
			return yields(clash(c.Metrics, c.Listen) || clash(c.Metrics, c.HTTP), "is the address of a public listener")
		}},
		{about: "metrics", with: []string{"metrics-public"}, allowed: "a loopback address, or metrics-public",
			broken: func(c *Config) []string {
				return yields(c.Metrics != "" && !Loopback(c.Metrics) && !c.MetricsPublic,
					"would show the profiler beyond this machine")
			}},
		{about: "app", with: []string{"listen", "http"}, broken: weakApps,
			allowed: "a generated secret, or loopback addresses only"},
		{about: "app", broken: doubleApps},
		{about: "cluster", with: []string{"db"}, allowed: "together with db postgres://...", broken: func(c *Config) []string {
			return yields(c.Cluster != "" && c.DB == "", "needs a database that all nodes share")
		}},
		{about: "cluster", with: []string{"bus"}, allowed: "one of cluster and bus", broken: func(c *Config) []string {
			return yields(c.Cluster != "" && c.Bus != "", "is for the embedded bus, and bus names an external one")
		}},
		{about: "cluster-secret", with: []string{"cluster"}, allowed: fmt.Sprintf("at least %d characters", minClusterSecret),
			broken: func(c *Config) []string {
				return yields(c.Cluster != "" && len(c.ClusterSecret) < minClusterSecret,
					"is missing or too short, and cluster needs it")
			}},
		{about: "upload-s3", with: []string{"upload-s3-role", "upload-s3-keys"}, allowed: "together with one of upload-s3-role and upload-s3-keys",
			broken: func(c *Config) []string {
				return yields((c.UploadS3 != "") != ((c.UploadS3Role != "") != (c.UploadS3Keys != "")), "needs upload-s3-role or upload-s3-keys, and they need it")
			}},
		{about: "upload-s3-keys", allowed: "ID:SECRET", broken: func(c *Config) []string {
			id, key, ok := strings.Cut(c.UploadS3Keys.Reveal(), ":")
			return yields(c.UploadS3Keys != "" && (!ok || id == "" || key == ""), "is not ID:SECRET")
		}},
		{about: "peer", with: []string{"cluster"}, allowed: "together with cluster", broken: func(c *Config) []string {
			return yields(len(c.Peers) > 0 && c.Cluster == "", "is given without cluster")
		}},
		{about: "tls-cert", with: []string{"tls-key"}, allowed: "tls-cert and tls-key together", broken: func(c *Config) []string {
			return yields((c.TLS.CertFile == "") != (c.TLS.KeyFile == ""), "needs tls-key, and tls-key needs it")
		}},
		{about: "acme-domain", with: []string{"tls-cert"}, allowed: "one of acme-domain and tls-cert", broken: func(c *Config) []string {
			return yields(len(c.TLS.ACMEDomains) > 0 && c.TLS.CertFile != "", "and tls-cert are both given")
		}},
		{about: "acme-domain", with: []string{"listen"}, allowed: "together with listen", broken: func(c *Config) []string {
			return yields(len(c.TLS.ACMEDomains) > 0 && c.Listen == "", "is given, and listen is off")
		}},
		{about: "acme-domain", allowed: "names without *", broken: func(c *Config) []string {
			return yields(slices.ContainsFunc(c.TLS.ACMEDomains, func(d string) bool { return strings.HasPrefix(d, "*") }),
				"has a wildcard, which needs a DNS challenge")
		}},
	}
}

// clash reports whether two listeners cannot both be opened; port 0 never clashes.
func clash(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	return errA == nil && errB == nil && portA == portB && portA != "0" &&
		(hostA == hostB || unspecified(hostA) || unspecified(hostB))
}

func exposed(c *Config) bool {
	return c.Listen != "" && !Loopback(c.Listen) || c.HTTP != "" && !Loopback(c.HTTP)
}

func weakApps(c *Config) (reasons []string) {
	if !exposed(c) {
		return nil
	}
	for _, a := range c.Apps {
		if why := weakSecret(a.Secret.Reveal()); why != "" {
			reasons = append(reasons, fmt.Sprintf("%s %s, and the server listens beyond loopback", a.Key, why))
		}
	}
	return reasons
}

func doubleApps(c *Config) (reasons []string) {
	keys, names := map[string]bool{}, map[string]bool{}
	for _, a := range c.Apps {
		name := a.Org + "/" + a.App
		switch {
		case keys[a.Key]:
			reasons = append(reasons, a.Key+" is given twice")
		case a.Org != "" && names[name]:
			reasons = append(reasons, name+" is the name of two apps")
		}
		keys[a.Key], names[name] = true, true
	}
	return reasons
}

// Validate checks every value and every rule and returns an *Error with all that is wrong, or nil.
func (c *Config) Validate() error {
	if ps := c.problems(map[string]bool{}); ps != nil {
		return &Error{Problems: ps}
	}
	return nil
}

// problems adds to faulty the settings it finds wrong.
func (c *Config) problems(faulty map[string]bool) (ps []Problem) {
	byName := map[string]Setting{}
	for _, row := range table() {
		byName[row.Name] = row
		if faulty[row.Name] {
			continue
		}
		for _, err := range row.value.check(c) {
			ps = append(ps, row.problem(c.origin(row), row.Shown(c), err))
			faulty[row.Name] = true
		}
	}
	for _, r := range rules() {
		if faulty[r.about] || slices.ContainsFunc(r.with, func(name string) bool { return faulty[name] }) {
			continue
		}
		row := byName[r.about]
		for _, reason := range r.broken(c) {
			p := Problem{Setting: r.about, Origin: c.origin(row), Reason: reason, Allowed: r.allowed}
			if !row.Secret {
				p.Value = row.Shown(c)
			}
			ps = append(ps, p)
		}
	}
	return ps
}

// origin names the place where the operator can change a setting.
func (c *Config) origin(s Setting) string {
	if o := c.origins[s.Name]; o != "" {
		return o
	}
	return "setting " + s.Name + " (default)"
}

// Warnings returns what is allowed but seldom meant.
func (c *Config) Warnings() (ws []string) {
	warn := func(cond bool, text string) {
		if cond {
			ws = append(ws, text)
		}
	}
	host, _, _ := net.SplitHostPort(c.Listen)
	warn(c.Public == "" && c.Listen != "" && unspecified(host),
		"clients are told "+c.PublicAddr()+": give --public when they come from other machines")
	warn(c.Public != "" && !Loopback(c.Public) && !exposed(c) && slices.ContainsFunc(c.Apps, func(a AppSpec) bool {
		return weakSecret(a.Secret.Reveal()) != ""
	}), "an app has a well-known or short secret, and --public suggests that others can reach this server")
	warn(c.CommitSync == CommitNormal, "commit-sync is normal: a power failure may lose acknowledged messages")
	warn(c.Faults != Faults{}, "faults are made on purpose: "+faults{}.describe(c))
	warn(c.HookPrivate && exposed(c), "hook-private is on: whoever sets a callback URL can reach private addresses from here")
	return ws
}

func (f faults) describe(c *Config) string { return strings.Join(f.text(c), ", ") }
