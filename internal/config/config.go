// Package config owns the settings of a server process: their names, types, defaults, sources and rules.
//
// There is one table (settings.go). Flags, environment variables and keys of the TOML file are derived from it, and
// so are the defaults and the help texts; a setting is added by one row and one field. The precedence is flag, then
// environment, then file, then default. Anything unknown or wrong is a fault, and all faults are reported at once.
//
// The package knows no command line library and nothing about what the settings configure: it opens no socket and
// reads no file but the TOML file. Settings of an app (limits, callbacks, retention) are not here; they live in the
// database.
package config

import (
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"time"

	"hongyan/internal/obs"
)

// Names of environment variables that other packages read.
const (
	EnvPrefix    = "HONGYAN_"
	EnvConfig    = "HONGYAN_CONFIG"
	EnvMasterKey = "HONGYAN_MASTER_KEY"
	envTest      = "HONGYAN_TEST_"
)

// Config is the whole configuration of one process. The zero value is not usable: start from Default.
type Config struct {
	File string // the TOML file that was read, or empty

	Data   string // directory of everything the embedded default keeps
	Listen string // TLS address, empty when off
	HTTP   string // the same without TLS, empty when off
	Public string // what clients are told; empty: derived, see PublicAddr

	DB            string     // postgres URL, empty: SQLite in Data
	Bus           string     // nats URL, empty: embedded
	Cluster       string     // address of embedded routes, empty: one node
	Peers         []string   // addresses of other nodes' routes
	ClusterSecret obs.Secret // shared by the routes of all nodes
	Blob          string     // s3 URL, empty: directory in Data
	UploadS3      string     // s3 URL of the bucket that clients upload to themselves, empty: our own endpoint
	UploadS3Role  string     // ARN of the role that STS gives to clients
	UploadS3STS   string     // URL of the STS, empty: that of the region
	UploadS3Keys  obs.Secret // ID:SECRET that all clients get instead, without STS
	ThumbCache    int        // bytes, 0: none
	FFmpeg        string     // path, auto or off
	CommitSync    CommitSync
	Apps          []AppSpec

	HookPrivate    bool // callbacks, copies and pass-through may go to private addresses
	TrustedProxies []netip.Prefix
	TLS            TLS
	Gateway        Gateway
	DrainTimeout   time.Duration

	Metrics       string // private listener, empty when off
	MetricsPublic bool
	LogLevel      slog.Level
	LogFormat     string

	Faults Faults

	origins map[string]string // where each setting that is not a default came from
}

// AppSpec is one --app: an app that must exist after start.
type AppSpec struct {
	Key    string
	Secret obs.Secret
	Org    string // Easemob organisation, may be empty
	App    string // Easemob app, empty if Org is
}

// CommitSync says what the embedded database has done with a commit before it is acknowledged.
type CommitSync string

// Full survives the loss of power; Normal survives the loss of the process, and may lose the last commits with the power.
const (
	CommitFull   CommitSync = "full"
	CommitNormal CommitSync = "normal"
)

// TLS says where the certificate of the TLS listener comes from: files, ACME or (neither given) the own development CA.
type TLS struct {
	CertFile    string
	KeyFile     string
	ACMEDomains []string
	ACMEEmail   string
	ACMECA      string // directory URL
}

// Gateway bounds what one client, one address and all clients together may take. Zero means no limit where a field
// says so. Addresses on loopback are exempt from the limits per address.
type Gateway struct {
	MaxFrameBytes  int           // a longer frame closes the connection
	LoginTimeout   time.Duration // a connection without login is closed after this
	PacketRate     float64       // packets a second and connection, 0: no limit
	PacketBurst    int
	ConnectRate    float64 // connections a second and IP address, 0: no limit
	ConnectBurst   int
	MaxConnections int // 0: no limit
	SendQueueBytes int // a client that lets more than this wait is closed
}

// Faults are made on purpose, to measure and to test; none by default.
type Faults struct {
	CommitDelay time.Duration // added to every commit of the message store
}

// Default returns the configuration of a server that is given no setting at all.
func Default() *Config {
	c := &Config{}
	for _, s := range table() {
		if s.def == "" {
			continue
		}
		if errs := s.value.set(c, []string{s.def}); errs != nil {
			// A wrong default is a mistake in this package, found by its tests.
			panic("config: default of " + s.Name + ": " + errs[0].Error())
		}
	}
	return c
}

// Path returns a path inside the data directory.
func (c *Config) Path(elem ...string) string {
	return filepath.Join(append([]string{c.Data}, elem...)...)
}

// IsSet reports whether a setting was given by flag, environment or file.
func (c *Config) IsSet(setting string) bool {
	_, ok := c.origins[setting]
	return ok
}

// PublicAddr returns the HOST:PORT that clients are told: --public, else the TLS address, else the plain one. An
// unspecified host ("", 0.0.0.0, ::) becomes localhost, because no client can connect to it.
func (c *Config) PublicAddr() string {
	if c.Listen != "" {
		return c.PublicAddrOn(c.Listen)
	}
	return c.PublicAddrOn(c.HTTP)
}

// PublicAddrOn is PublicAddr for a listener whose actual address is known, which matters when port 0 was asked for.
func (c *Config) PublicAddrOn(bound string) string {
	if c.Public != "" {
		return c.Public
	}
	host, port, err := net.SplitHostPort(bound)
	if err != nil {
		return bound
	}
	if unspecified(host) {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// TrustsProxy reports whether X-Forwarded-* of a request from this address may be believed.
func (c *Config) TrustsProxy(addr netip.Addr) bool {
	addr = addr.Unmap()
	for _, p := range c.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// LogValue implements slog.LogValuer: what was set, without secrets.
func (c *Config) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, s := range table() {
		if c.IsSet(s.Name) {
			attrs = append(attrs, slog.Any(s.Name, s.Shown(c)))
		}
	}
	return slog.GroupValue(attrs...)
}

func unspecified(host string) bool {
	if host == "" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsUnspecified()
}

// Loopback reports whether an address (HOST:PORT) is reachable from this machine only. Names other than localhost
// are not looked up: what they resolve to may change.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
