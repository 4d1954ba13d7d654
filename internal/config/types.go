package config

import (
	"errors"
	"log/slog"
	"net/netip"
	"regexp"

	"hongyan/internal/obs"
)

// Short names that keep the rows of the table on one line.
type (
	netPrefix  = netip.Prefix
	logLevel   = slog.Level
	secretText = obs.Secret
)

var domainName = regexp.MustCompile(`^(\*\.)?([0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?\.)+[0-9A-Za-z-]{2,63}$`)

func domain(s string) error {
	if !domainName.MatchString(s) {
		return errors.New("is not a domain name")
	}
	return nil
}
