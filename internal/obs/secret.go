package obs

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is text that must never appear in a log, an error or an API answer. Every formatting verb, slog and
// encoding/json print "[redacted]"; the text is available through Reveal only, so that each use can be found.
type Secret string

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// String implements fmt.Stringer.
func (s Secret) String() string { return redacted }

// Format implements fmt.Formatter, because %x, %q and %#v would pass a plain Stringer by.
func (s Secret) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, redacted) }

// MarshalText implements encoding.TextMarshaler, which JSON and the text log handler use for nested values.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
