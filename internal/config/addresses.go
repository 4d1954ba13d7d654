package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// address is HOST:PORT; off turns an optional one off, which is the empty string in Config.
func address(optional bool, lowPort int) codec[string] {
	allow := "HOST:PORT"
	if optional {
		allow += ", or off"
	}
	bound := func(s string) error {
		if s == "" && optional {
			return nil
		}
		return checkAddress(s, lowPort)
	}
	return codec[string]{
		allow: allow,
		parse: func(s string) (string, error) {
			if optional && s == "off" {
				return "", nil
			}
			return s, bound(s)
		},
		format: func(s string) string {
			if s == "" && optional {
				return "off"
			}
			return s
		},
		bound: bound,
	}
}

func checkAddress(s string, lowPort int) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return errors.New("is not HOST:PORT")
	}
	if n, err := strconv.Atoi(port); err != nil || n < lowPort || n > math.MaxUint16 {
		return fmt.Errorf("has no port from %d to 65535", lowPort)
	}
	if strings.ContainsAny(host, "/@?# \t") {
		return errors.New("has no valid host")
	}
	return nil
}

// publicAddress is an address that clients can use: its host must be named.
func publicAddress() codec[string] {
	c := address(false, 1)
	c.bound = func(s string) error {
		if s == "" {
			return nil
		}
		if err := checkAddress(s, 1); err != nil {
			return err
		}
		if host, _, _ := net.SplitHostPort(s); unspecified(host) {
			return errors.New("has no host that a client could connect to")
		}
		return nil
	}
	c.parse = func(s string) (string, error) { return s, c.bound(s) }
	return c
}

func peerAddress() codec[string] {
	c := address(false, 1)
	c.format = RedactURL
	return c
}

// link is a URL of one of the schemes, or empty.
func link(example string, schemes ...string) codec[string] {
	bound := func(s string) error {
		if s == "" {
			return nil
		}
		u, err := url.Parse(s)
		switch {
		case err != nil:
			return errors.New("is not a URL") // the parser's error repeats the URL and with it a password
		case !slices.Contains(schemes, u.Scheme):
			return fmt.Errorf("has the scheme %q", u.Scheme)
		case u.Host == "" && u.RawQuery == "":
			return errors.New("names no host")
		}
		return nil
	}
	return codec[string]{
		allow:  example,
		parse:  func(s string) (string, error) { return s, bound(s) },
		format: RedactURL,
		bound:  bound,
	}
}

// RedactURL returns a URL for logs: without its password and the values of its query.
func RedactURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "[unreadable URL]"
	}
	if u.RawQuery != "" {
		var names []string
		for name := range u.Query() {
			names = append(names, name)
		}
		slices.Sort(names)
		u.RawQuery = strings.Join(names, "&")
	}
	return u.Redacted()
}

func network() codec[netip.Prefix] {
	return codec[netip.Prefix]{
		allow: "a network such as 10.0.0.0/8, or one IP address",
		parse: func(s string) (netip.Prefix, error) {
			if addr, err := netip.ParseAddr(s); err == nil {
				addr = addr.Unmap()
				return netip.PrefixFrom(addr, addr.BitLen()), nil
			}
			p, err := netip.ParsePrefix(s)
			if err != nil {
				return p, errors.New("is not a network")
			}
			return p.Masked(), nil
		},
		format: netip.Prefix.String,
		bound: func(p netip.Prefix) error {
			if !p.IsValid() {
				return errors.New("is not a network")
			}
			return nil
		},
	}
}

var domainName = regexp.MustCompile(`^(\*\.)?([0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?\.)+[0-9A-Za-z-]{2,63}$`)

func domain(s string) error {
	if !domainName.MatchString(s) {
		return errors.New("is not a domain name")
	}
	return nil
}
