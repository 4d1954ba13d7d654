package gateway

import (
	"context"
	"errors"
	"time"

	"hongyan/internal/edge/wire"
	"hongyan/internal/im"
)

// handlerTimeout bounds a request; the SDK gives up after 8 s.
const handlerTimeout = 7 * time.Second

// Row is one line of a dispatch table: a command and what the server does with
// it. Every command of the wire tables has one.
type Row struct {
	Command wire.Command
	run     func(ctx context.Context, s *Session, p *packet)
	// BeforeLogin: the command is legal on a connection without login.
	BeforeLogin bool
	// Reason is set for commands that are answered 514.
	Reason string
	// Push: the server sends it and no client does.
	Push bool
}

// Handle makes a row of a handler that returns its answer. PReq and PResp are
// the generated pointer types; a nil answer is `r:[]`. An answer beside an error
// is sent with the error's code: some refusals have a body, and some codes
// beyond 200 are successes (docs/protocol/nim-social.md section 1.2).
func Handle[Req any, PReq interface {
	*Req
	wire.QCodec
}, PResp interface {
	comparable
	wire.REncoder
}](c wire.Command, fn func(ctx context.Context, s *Session, req PReq) (PResp, error)) Row {
	return Row{Command: c, run: func(ctx context.Context, s *Session, p *packet) {
		req := PReq(new(Req))
		if err := req.DecodeQ(p.req.Q); err != nil {
			s.fail(c, p.req.ID(), p.req.SER, im.Errorf(im.CodeBadParam, "%w", err), nil)
			return
		}
		resp, err := fn(ctx, s, req)
		var body wire.REncoder // a nil pointer in it would be no nil
		var zero PResp
		if resp != zero {
			body = resp
		}
		switch {
		case err != nil:
			s.fail(c, p.req.ID(), p.req.SER, err, body)
		case !c.NoAnswer:
			s.answer(p.req.ID(), p.req.SER, im.CodeOK, body)
		}
	}}
}

// Submit makes a row of a handler that answers later, from another goroutine:
// requests that wait for a commit do not make the next one wait for theirs.
// reply must be called exactly once, unless an error is returned; an answer
// beside an error is sent with the error's code.
func Submit[Req any, PReq interface {
	*Req
	wire.QCodec
}](c wire.Command, fn func(ctx context.Context, s *Session, req PReq, reply func(wire.REncoder, error)) error) Row {
	return Row{Command: c, run: func(ctx context.Context, s *Session, p *packet) {
		id, ser := p.req.ID(), p.req.SER
		req := PReq(new(Req))
		if err := req.DecodeQ(p.req.Q); err != nil {
			s.fail(c, id, ser, im.Errorf(im.CodeBadParam, "%w", err), nil)
			return
		}
		s.pending(1)
		returned := false
		defer func() {
			if !returned { // it panicked, and nobody will answer
				s.pending(-1)
			}
		}()
		err := fn(ctx, s, req, func(r wire.REncoder, err error) {
			if err != nil {
				s.fail(c, id, ser, err, r)
			} else {
				s.Reply(id, ser, im.CodeOK, r)
			}
			s.pending(-1)
		})
		returned = true
		if err != nil {
			s.fail(c, id, ser, err, nil)
			s.pending(-1)
		}
	}}
}

func (s *Session) pending(n int) {
	s.inMu.Lock()
	s.submitted += n
	s.inMu.Unlock()
}

// Unsupported makes a row that answers 514 and says why.
func Unsupported(c wire.Command, reason string) Row {
	return Row{Command: c, Reason: reason, run: func(_ context.Context, s *Session, p *packet) {
		if !c.NoAnswer {
			s.Reply(p.req.ID(), p.req.SER, im.CodeUnavailable, nil)
		}
	}}
}

// Push makes a row for a command that only the server sends.
func Push(c wire.Command) Row { return Row{Command: c, Push: true} }

// First marks a row as legal before login.
func First(r Row) Row { r.BeforeLogin = true; return r }

// Table is the dispatch table of one product.
type Table struct {
	Product string
	Rows    []Row
}

// dispatch runs the row of a packet.
func (g *Gateway) dispatch(s *Session, p *packet) {
	if s.room() != nil {
		return // closed
	}
	row, ok := g.row(s, p.req.ID())
	switch {
	case !ok || row.Push:
		g.metrics.requests.WithLabelValues("unknown", "404").Inc()
		s.Reply(p.req.ID(), p.req.SER, im.CodeNotFound, nil)
		return
	case (s.login.Load() == nil || s.leaveMs.Load() != 0) && !row.BeforeLogin:
		g.metrics.requests.WithLabelValues(row.Command.Name, "403").Inc()
		s.Reply(p.req.ID(), p.req.SER, im.CodeForbidden, nil)
		return
	}
	defer func() {
		// One bad request must not end the process: everyone else is on it too.
		if r := recover(); r != nil {
			g.metrics.panics.Inc()
			s.log().Error("handler panicked", "command", row.Command.Name, "panic", r)
			s.Reply(p.req.ID(), p.req.SER, im.CodeInternal, nil)
		}
	}()
	row.count.Inc()
	row.Row.run(g.deadlines.context(), s, p)
}

// fail answers with the code of err. An error without a code is logged once
// and reaches the client as 500 without its text.
func (s *Session) fail(c wire.Command, id wire.ID, ser int64, err error, body wire.REncoder) {
	code := im.CodeOf(err)
	if errors.Is(err, context.DeadlineExceeded) {
		code = im.CodeTimeout
	}
	if code == im.CodeInternal {
		s.log().Error("request failed", "command", c.Name, "ser", ser, "err", err)
	}
	s.gw.metrics.refused.WithLabelValues(c.Name, codeText(code)).Inc()
	if c.NoAnswer {
		return
	}
	s.Reply(id, ser, code, body)
}

// Complete adds to rows what the command table has beyond them: a Push row for
// what only the server sends, an Unsupported row with its reason for the rest.
func Complete(rows []Row, commands []wire.Command, reason func(wire.Command) string) []Row {
	have := map[string]bool{}
	for _, r := range rows {
		have[r.Command.Name] = true
	}
	for _, c := range commands {
		switch {
		case have[c.Name]:
		case !c.FromClient:
			rows = append(rows, Push(c))
		default:
			rows = append(rows, Unsupported(c, reason(c)))
		}
	}
	return rows
}

// None is the request of a command without parameters and the answer of one
// without results.
type None struct{}

// AppendQ implements wire.QEncoder.
func (*None) AppendQ(dst []byte) []byte { return append(dst, "[]"...) }

// DecodeQ implements wire.QCodec: what is there is ignored.
func (*None) DecodeQ([]wire.Param) error { return nil }

// AppendR implements wire.REncoder.
func (*None) AppendR(dst []byte) []byte { return append(dst, "[]"...) }
