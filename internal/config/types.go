package config

import (
	"log/slog"
	"net/netip"

	"hongyan/internal/obs"
)

// Short names that keep the rows of the table on one line.
type (
	netPrefix  = netip.Prefix
	logLevel   = slog.Level
	secretText = obs.Secret
)
