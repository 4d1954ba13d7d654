// Package server is the composition root: it builds every part of the process and starts and stops them in order.
package server

import (
	"context"
	"errors"

	"hongyan/internal/config"
)

// Run serves until ctx ends.
func Run(context.Context, *config.Config) error { return errors.New("server: not built yet") }
