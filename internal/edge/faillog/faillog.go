// Package faillog owns the record of logins and signatures that were refused: a
// counter by reason, and lines in the log, at a bounded rate.
//
// It must not see a token, a password or a secret, and decides nothing.
package faillog

import (
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"hongyan/internal/im"
)

const (
	// linesPerSecond and lineBurst bound the log: a client that is refused comes
	// again for ever, and an attack must not fill the disk.
	linesPerSecond = 2
	lineBurst      = 20
	// maxField bounds what a line has of a caller's words, in characters.
	maxField = 64
)

// Log records refusals. A nil Log records nothing. It is safe for concurrent use.
type Log struct {
	log     *slog.Logger
	clock   im.Clock
	count   *prometheus.CounterVec
	lines   *rate.Limiter
	leftOut atomic.Int64 // lines since the last that was written
}

// New returns a Log.
func New(log *slog.Logger, registry prometheus.Registerer, clock im.Clock) *Log {
	l := &Log{log: log, clock: clock, lines: rate.NewLimiter(linesPerSecond, lineBurst),
		count: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hongyan_login_failures_total",
			Help: "Refused logins, requests for tokens and signatures of server calls, by API and reason."}, []string{"api", "reason"})}
	registry.MustRegister(l.count)
	return l
}

// Refusal is one login or signature that was refused.
type Refusal struct {
	API        string // nim, qchat, chatroom, easemob or rest
	App, Accid string // as the caller says; may name nothing
	Peer       string // address
	Reason     string // one of Reasons, else it is counted as "other"
	Code       int    // what the caller is answered
}

// Reasons are the reasons that have a series of their own; the log has every one.
func Reasons() []string {
	return []string{
		"no such app", "app disabled", "no such account", "account blocked", "wrong token", "wrong password", "dynamic token invalid or expired",
		"no login callback configured", "refused by the app's server", "login method not enabled", "login field too long", "too many failed logins",
		"another device has taken this account's place", "client_id does not match", "client_secret does not match",
		"bad header", "clock differs", "wrong signature", "too many wrong signatures", "address not allowed",
	}
}

// Add records a refusal.
func (l *Log) Add(r Refusal) {
	if l == nil {
		return
	}
	l.count.WithLabelValues(r.API, label(r.Reason)).Inc()
	if !l.lines.AllowN(l.clock(), 1) {
		l.leftOut.Add(1)
		return
	}
	l.log.Warn("login refused", "api", r.API, "app", clip(r.App), "accid", clip(r.Accid), "peer", r.Peer, "reason", clip(r.Reason), "code", r.Code,
		"left_out", l.leftOut.Swap(0))
}

func label(reason string) string {
	for _, known := range Reasons() {
		if reason == known {
			return reason
		}
	}
	return "other"
}

// clip bounds a caller's text; the handler of the log quotes what is in it.
func clip(s string) string {
	if r := []rune(s); len(s) > maxField && len(r) > maxField {
		s = string(r[:maxField])
	}
	return strings.ToValidUTF8(s, "?")
}
