package cert

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"hongyan/internal/config"
)

// Info describes a certificate on disk.
type Info struct {
	Role        string // "development CA", "server"
	Path        string
	Subject     string
	Issuer      string
	Names       []string // hosts it covers
	NotBefore   time.Time
	NotAfter    time.Time
	Fingerprint string // SHA-256, hexadecimal pairs between colons, as browsers show it
}

// Expired reports whether the certificate is past its time.
func (i Info) Expired(now time.Time) bool { return now.After(i.NotAfter) }

// Describe returns the certificates that the configuration names, as they are on disk; it makes none. For the
// development CA it begins with the CA.
func Describe(cfg *config.Config) ([]Info, error) {
	type file struct{ role, path string }
	var list []file
	switch {
	case len(cfg.TLS.ACMEDomains) > 0:
		paths, err := acmeFiles(cfg)
		if err != nil {
			return nil, err
		}
		for _, p := range paths {
			list = append(list, file{"server", p})
		}
	case cfg.TLS.CertFile != "":
		list = []file{{"server", cfg.TLS.CertFile}}
	default:
		list = []file{{"development CA", cfg.Path("tls", caFile)}, {"server", cfg.Path("tls", leafFile)}}
	}
	var infos []Info
	for _, f := range list {
		c, err := readCert(f.path)
		if err != nil {
			return infos, err
		}
		names := c.DNSNames
		for _, ip := range c.IPAddresses {
			names = append(names, ip.String())
		}
		infos = append(infos, Info{
			Role: f.role, Path: f.path, Subject: c.Subject.String(), Issuer: c.Issuer.String(), Names: names,
			NotBefore: c.NotBefore, NotAfter: c.NotAfter, Fingerprint: fingerprint(c.Raw),
		})
	}
	return infos, nil
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = hex.EncodeToString([]byte{b})
	}
	return strings.ToUpper(strings.Join(pairs, ":"))
}
