// Package obs owns what is seen of a running server from outside its protocols: the logger, the type of secrets and the
// health answers; its package metrics adds the registry and the private listener.
//
// It must not know any domain type or the configuration: values are handed in, so that every other package may
// import it.
package obs

import (
	"fmt"
	"io"
	"log/slog"
)

// Log formats.
const (
	FormatText = "text"
	FormatJSON = "json"
)

// NewLogger returns a logger that writes lines of the given format to w. A *slog.LevelVar as level makes it
// adjustable at run time.
func NewLogger(w io.Writer, level slog.Leveler, format string) (*slog.Logger, error) {
	opts := &slog.HandlerOptions{Level: level}
	switch format {
	case FormatText:
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case FormatJSON:
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, fmt.Errorf("log format %q is neither %s nor %s", format, FormatText, FormatJSON)
}

// Discard returns a logger that writes nothing, for tests and tools.
func Discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
