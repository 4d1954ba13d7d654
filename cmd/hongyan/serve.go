package main

import (
	"context"
	"log/slog"

	"hongyan/internal/obs"
	"hongyan/internal/server"
)

type serveCmd struct {
	settingFlags `embed:""`
}

// Help implements kong.HelpProvider.
func (serveCmd) Help() string {
	return "SIGTERM or SIGINT drains and ends the server with exit code 0; a second one ends it at once. " +
		"Exit code 2 means that the configuration is wrong."
}

// Run implements the command.
func (c *serveCmd) Run(ctx context.Context, out output) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	log, err := obs.NewLogger(out.Err, cfg.LogLevel, cfg.LogFormat)
	if err != nil {
		return err
	}
	// The composition root and libraries take the default logger.
	slog.SetDefault(log)
	for _, w := range cfg.Warnings() {
		log.Warn(w)
	}
	return server.Run(ctx, cfg)
}
