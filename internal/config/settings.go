package config

import (
	"slices"
	"strings"
	"time"
)

// Setting is one row of the table: the flag --name, the variable HONGYAN_NAME and the key name of the TOML file.
type Setting struct {
	Name        string
	Placeholder string
	Group       string
	Help        string
	Secret      bool // its value is never shown

	def     string
	flagEnv bool // not a key of the file
	value   value
}

// Groups of the help text, in its order.
const (
	groupServe   = "Addresses"
	groupStore   = "Storage and cluster"
	groupTLS     = "TLS"
	groupLimits  = "Limits"
	groupObserve = "Observation"
)

// table returns the rows. It is a function so that the package keeps no mutable state.
func table() []Setting {
	str := func(at func(*Config) *string, c codec[string]) value { return scalar[string]{at, c} }
	strs := func(at func(*Config) *[]string, c codec[string]) value { return list[string]{at, c} }
	num := func(at func(*Config) *int, c codec[int]) value { return scalar[int]{at, c} }
	flag := func(at func(*Config) *bool) value { return scalar[bool]{at, boolean()} }
	dur := func(at func(*Config) *time.Duration, low, high time.Duration) value {
		return scalar[time.Duration]{at, duration(low, high)}
	}
	rate := func(at func(*Config) *float64) value { return scalar[float64]{at, number(0, 1e6)} }
	return []Setting{
		{Name: "config", Placeholder: "FILE", Group: groupServe, flagEnv: true,
			Help:  "TOML file with settings; its keys are the names of the flags.",
			value: str(func(c *Config) *string { return &c.File }, textOf("the path of a file", nil))},

		{Name: "data", Placeholder: "DIR", Group: groupStore, def: "./data",
			Help:  "Directory of everything the embedded default keeps.",
			value: str(func(c *Config) *string { return &c.Data }, textOf("the path of a directory", notEmpty))},
		{Name: "listen", Placeholder: "ADDR", Group: groupServe, def: "127.0.0.1:7443",
			Help:  "TLS address: SDK address service, sockets, REST, files and console on one port; or off.",
			value: str(func(c *Config) *string { return &c.Listen }, address(true, 0))},
		{Name: "http", Placeholder: "ADDR", Group: groupServe, def: "off",
			Help:  "The same without TLS, for curl and for proxies that end TLS.",
			value: str(func(c *Config) *string { return &c.HTTP }, address(true, 0))},
		{Name: "public", Placeholder: "HOST:PORT", Group: groupServe,
			Help:  "What SDKs are told (links, upload and download hosts, file URLs); the listen address if not given.",
			value: str(func(c *Config) *string { return &c.Public }, publicAddress())},
		{Name: "trusted-proxy", Placeholder: "CIDR", Group: groupServe,
			Help:  "X-Forwarded-* is believed from these networks only (repeatable).",
			value: list[netPrefix]{func(c *Config) *[]netPrefix { return &c.TrustedProxies }, network()}},
		{Name: "hook-private", Group: groupServe, def: "false",
			Help:  "Callback, copy and pass-through URLs may point to loopback and private addresses.",
			value: flag(func(c *Config) *bool { return &c.HookPrivate })},
		{Name: "app", Placeholder: "KEY:SECRET[:ORG/APP]", Group: groupServe, Secret: true,
			Help:  "Make sure that this app exists (repeatable); ORG/APP is its Easemob name.",
			value: list[AppSpec]{func(c *Config) *[]AppSpec { return &c.Apps }, app()}},

		{Name: "db", Placeholder: "URL", Group: groupStore, Secret: true,
			Help: "postgres://...; SQLite in the data directory if not given.",
			value: str(func(c *Config) *string { return &c.DB },
				link("postgres://USER:PASSWORD@HOST/NAME", "postgres", "postgresql"))},
		{Name: "blob", Placeholder: "URL", Group: groupStore, Secret: true,
			Help:  "s3://bucket?...; a directory in the data directory if not given.",
			value: str(func(c *Config) *string { return &c.Blob }, link("s3://BUCKET?region=...", "s3"))},
		{Name: "upload-s3", Placeholder: "URL", Group: groupStore, Secret: true,
			Help:  "s3://bucket?...: clients with an S3 class upload to this bucket themselves; to this server if not given.",
			value: str(func(c *Config) *string { return &c.UploadS3 }, link("s3://BUCKET?region=...", "s3"))},
		{Name: "upload-s3-role", Placeholder: "ARN", Group: groupStore,
			Help:  "Role whose credentials clients get, for one object each, by AssumeRole.",
			value: str(func(c *Config) *string { return &c.UploadS3Role }, textOf("the ARN of a role", nil))},
		{Name: "upload-s3-sts", Placeholder: "URL", Group: groupStore,
			Help:  "Where AssumeRole is asked for; the region's own service if not given.",
			value: str(func(c *Config) *string { return &c.UploadS3STS }, link("https://HOST", "http", "https"))},
		{Name: "upload-s3-keys", Placeholder: "ID:SECRET", Group: groupStore, Secret: true,
			Help:  "For a store without AssumeRole: every client gets these keys. Let them write to this bucket and do nothing else.",
			value: scalar[secretText]{func(c *Config) *secretText { return &c.UploadS3Keys }, secret()}},
		{Name: "thumb-cache", Placeholder: "SIZE", Group: groupStore, def: "512MiB",
			Help:  "Thumbnails that this node keeps in DATA/thumbs; 0: none.",
			value: num(func(c *Config) *int { return &c.ThumbCache }, size(0, 1<<40))},
		{Name: "ffmpeg", Placeholder: "PATH", Group: groupStore, def: "auto",
			Help:  "Makes pictures of films (vframe) and knows their durations; auto: from the search path, if it is there; or off.",
			value: str(func(c *Config) *string { return &c.FFmpeg }, textOf("the path of a program, auto or off", notEmpty))},
		{Name: "commit-sync", Placeholder: "MODE", Group: groupStore, def: string(CommitFull),
			Help:  "full: a commit of SQLite is on disk before it is acknowledged; normal: the last ones may go with the power.",
			value: scalar[CommitSync]{func(c *Config) *CommitSync { return &c.CommitSync }, oneOf(CommitFull, CommitNormal)}},
		{Name: "bus", Placeholder: "URL", Group: groupStore, Secret: true,
			Help:  "nats://... of an external NATS; embedded if not given.",
			value: str(func(c *Config) *string { return &c.Bus }, link("nats://HOST:PORT", "nats", "tls"))},
		{Name: "cluster", Placeholder: "ADDR", Group: groupStore, def: "off",
			Help:  "Address for the routes of other nodes to the embedded bus.",
			value: str(func(c *Config) *string { return &c.Cluster }, address(true, 0))},
		{Name: "peer", Placeholder: "ADDR", Group: groupStore,
			Help:  "Route address of another node (repeatable).",
			value: strs(func(c *Config) *[]string { return &c.Peers }, peerAddress())},
		{Name: "cluster-secret", Placeholder: "TEXT", Group: groupStore, Secret: true,
			Help:  "Shared by all nodes; authenticates the routes. Better given by environment or file than by flag.",
			value: scalar[secretText]{func(c *Config) *secretText { return &c.ClusterSecret }, secret()}},

		{Name: "tls-cert", Placeholder: "FILE", Group: groupTLS,
			Help:  "Certificate chain (PEM), reloaded when it changes; own development CA if not given.",
			value: str(func(c *Config) *string { return &c.TLS.CertFile }, textOf("the path of a file", nil))},
		{Name: "tls-key", Placeholder: "FILE", Group: groupTLS,
			Help:  "Private key (PEM) of --tls-cert.",
			value: str(func(c *Config) *string { return &c.TLS.KeyFile }, textOf("the path of a file", nil))},
		{Name: "acme-domain", Placeholder: "NAME", Group: groupTLS,
			Help:  "Get a certificate for this name by ACME (repeatable); implies agreement to the authority's terms.",
			value: strs(func(c *Config) *[]string { return &c.TLS.ACMEDomains }, textOf("a domain name", domain))},
		{Name: "acme-email", Placeholder: "ADDR", Group: groupTLS,
			Help:  "Contact for the ACME authority.",
			value: str(func(c *Config) *string { return &c.TLS.ACMEEmail }, textOf("an email address", nil))},
		{Name: "acme-ca", Placeholder: "URL", Group: groupTLS, def: "https://acme-v02.api.letsencrypt.org/directory",
			Help:  "Directory URL of the ACME authority.",
			value: str(func(c *Config) *string { return &c.TLS.ACMECA }, link("https://HOST/directory", "https"))},

		{Name: "max-frame-bytes", Placeholder: "SIZE", Group: groupLimits, def: "512KiB",
			Help:  "Longest frame a client may send.",
			value: num(func(c *Config) *int { return &c.Gateway.MaxFrameBytes }, size(4<<10, 64<<20))},
		{Name: "login-timeout", Placeholder: "DURATION", Group: groupLimits, def: "30s",
			Help:  "A connection without login is closed after this.",
			value: dur(func(c *Config) *time.Duration { return &c.Gateway.LoginTimeout }, time.Second, time.Hour)},
		{Name: "packet-rate", Placeholder: "N", Group: groupLimits, def: "500",
			Help:  "Packets a second from one connection; 0: no limit.",
			value: rate(func(c *Config) *float64 { return &c.Gateway.PacketRate })},
		{Name: "packet-burst", Placeholder: "N", Group: groupLimits, def: "1000",
			Help:  "Packets that one connection may send at once.",
			value: num(func(c *Config) *int { return &c.Gateway.PacketBurst }, integer(1, 1e6))},
		{Name: "connect-rate", Placeholder: "N", Group: groupLimits, def: "100",
			Help:  "Connections a second from one IP address other than loopback; 0: no limit.",
			value: rate(func(c *Config) *float64 { return &c.Gateway.ConnectRate })},
		{Name: "connect-burst", Placeholder: "N", Group: groupLimits, def: "500",
			Help:  "Connections that one IP address may open at once.",
			value: num(func(c *Config) *int { return &c.Gateway.ConnectBurst }, integer(1, 1e6))},
		{Name: "max-connections", Placeholder: "N", Group: groupLimits, def: "0",
			Help:  "Connections of this node; 0: no limit.",
			value: num(func(c *Config) *int { return &c.Gateway.MaxConnections }, integer(0, 1e8))},
		{Name: "send-queue-bytes", Placeholder: "SIZE", Group: groupLimits, def: "4MiB",
			Help:  "A client that lets more than this of what others send it wait is closed.",
			value: num(func(c *Config) *int { return &c.Gateway.SendQueueBytes }, size(64<<10, 1<<30))},
		{Name: "drain-timeout", Placeholder: "DURATION", Group: groupLimits, def: "8s",
			Help:  "Longest time between SIGTERM and the end of the process.",
			value: dur(func(c *Config) *time.Duration { return &c.DrainTimeout }, time.Second, time.Hour)},

		{Name: "metrics", Placeholder: "ADDR", Group: groupObserve, def: "127.0.0.1:7090",
			Help:  "Private listener: Prometheus metrics, profiler, health; or off.",
			value: str(func(c *Config) *string { return &c.Metrics }, address(true, 0))},
		{Name: "metrics-public", Group: groupObserve, def: "false",
			Help:  "Let --metrics listen beyond loopback: whoever reaches it can read memory through the profiler.",
			value: flag(func(c *Config) *bool { return &c.MetricsPublic })},
		{Name: "log-level", Placeholder: "LEVEL", Group: groupObserve, def: "info",
			Help:  "debug, info, warn or error.",
			value: scalar[logLevel]{func(c *Config) *logLevel { return &c.LogLevel }, level()}},
		{Name: "log-format", Placeholder: "FORMAT", Group: groupObserve, def: "text",
			Help:  "text or json.",
			value: str(func(c *Config) *string { return &c.LogFormat }, oneOf("text", "json"))},
		{Name: "fault", Placeholder: "NAME=VALUE", Group: groupObserve,
			Help:  "Make a fault on purpose, to measure and to test (repeatable): commit-delay=2ms.",
			value: faults{}},
	}
}

// Settings returns the table, or the named rows of it in the table's order.
func Settings(names ...string) []Setting {
	rows := table()
	if len(names) == 0 {
		return rows
	}
	return slices.DeleteFunc(rows, func(s Setting) bool { return !slices.Contains(names, s.Name) })
}

// Env returns the name of the environment variable.
func (s Setting) Env() string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
}

// Default returns the text of the default value, empty if there is none.
func (s Setting) Default() string { return s.def }

// Allowed says which values there are.
func (s Setting) Allowed() string { return s.value.allowed() }

// Repeatable reports whether the flag may be given several times; the environment separates values by commas, the
// file has an array.
func (s Setting) Repeatable() bool { return s.value.repeatable() }

// Bool reports whether the flag needs no value.
func (s Setting) Bool() bool { return s.value.boolean() }

// Shown returns the text of the current value for logs: secrets and parts of URLs that may hold one are left out.
func (s Setting) Shown(c *Config) string { return strings.Join(s.value.text(c), ",") }
