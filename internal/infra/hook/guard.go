package hook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// guard keeps an app's URL from reaching what only this machine may reach. A
// name is resolved once and the connection goes to the address that was
// checked, so a name server cannot give another answer in between.
type guard struct {
	allowPrivate bool
	lookup       func(ctx context.Context, network, host string) ([]netip.Addr, error)
	dialer       net.Dialer
}

// dial connects to the first allowed address of a host that answers.
func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs := []netip.Addr{}
	if ip, err := netip.ParseAddr(host); err == nil {
		addrs = append(addrs, ip)
	} else if addrs, err = g.lookup(ctx, "ip", host); err != nil {
		return nil, err
	}
	var failed error
	for _, ip := range addrs {
		if !g.allowPrivate && !public(ip) {
			failed = errors.Join(failed, fmt.Errorf("%w: %s is not public", ErrRefused, ip))
			continue
		}
		conn, err := g.dialer.DialContext(ctx, network, net.JoinHostPort(ip.String(), port))
		if err == nil {
			return conn, nil
		}
		failed = errors.Join(failed, err)
	}
	if failed == nil {
		failed = errors.New("host has no address")
	}
	return nil, failed
}

// public says whether ip is an ordinary address of the Internet. An IPv4
// address inside an IPv6 one (mapped, NAT64, 6to4) is judged as what it leads to.
func public(ip netip.Addr) bool {
	ip = ip.Unmap()
	if ip.Zone() != "" {
		return false
	}
	if ip.Is6() {
		b := ip.As16()
		switch {
		case within(ip, "64:ff9b::/96"): // NAT64
			return public(netip.AddrFrom4([4]byte(b[12:16])))
		case within(ip, "2002::/16"): // 6to4
			return public(netip.AddrFrom4([4]byte(b[2:6])))
		}
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false // loopback, link-local, multicast, unspecified, private
	}
	return !within(ip,
		"0.0.0.0/8",        // this network
		"100.64.0.0/10",    // carrier NAT; clouds keep their metadata service here
		"192.0.0.0/24",     // protocol assignments
		"168.63.129.16/32", // the host's services in Azure
		"198.18.0.0/15",    // benchmarks
		"240.0.0.0/4",      // reserved
		"::/96",            // IPv4-compatible
		"64:ff9b:1::/48",   // NAT64 of a local network
		"100::/64",         // discard
		"2001::/32",        // Teredo
		"fec0::/10",        // site-local
	)
}

func within(ip netip.Addr, prefixes ...string) bool {
	for _, p := range prefixes {
		if netip.MustParsePrefix(p).Contains(ip) {
			return true
		}
	}
	return false
}
