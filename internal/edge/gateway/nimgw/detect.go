package nimgw

import (
	"context"
	"strconv"
	"strings"
	"time"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
)

const (
	// detectRoundTrip is the only kind of measurement this server asks for.
	detectRoundTrip = 1
	// detectMost is how long an answer may take before it tells nothing.
	detectMost = time.Minute
)

// detectRows are the commands of time measurements (docs/protocol/storage.md
// section 3.9). The push has no row of its own.
func (p *Product) detectRows() []gateway.Row {
	return []gateway.Row{gateway.Handle(nimwire.UploadDetect, p.uploadDetect)}
}

// detect asks a client that has just synchronised for its times (6-31), if the
// app wants to know and the client can answer.
func (p *Product) detect(s *gateway.Session) {
	if !s.App().Settings.LatencyProbe || !answersDetect(s.Login().SDK) {
		return
	}
	s.Push(nimwire.NotifyDetect.PushID(), &nimwire.NotifyDetectResponse{Data: &nimwire.Detect{
		Type: wire.Int(detectRoundTrip), T1: wire.Int(p.c.Clock.NowMs()),
	}})
}

// uploadDetect is 6-32: t1 is when 6-31 was sent, t3 and t4 are the client's
// clock when it came and when the answer left. Nothing is answered.
func (p *Product) uploadDetect(_ context.Context, s *gateway.Session, req *nimwire.UploadDetectRequest) (*gateway.None, error) {
	d := &req.Data
	if p.c.RoundTrip == nil || !s.App().Settings.LatencyProbe || d.Type.Int() != detectRoundTrip {
		return nil, nil
	}
	inside := min(max(d.T4.Int()-d.T3.Int(), 0), detectMost.Milliseconds())
	if took := p.c.Clock.NowMs() - d.T1.Int() - inside; took >= 0 && took < detectMost.Milliseconds() {
		p.c.RoundTrip(time.Duration(took) * time.Millisecond)
	}
	return nil, nil
}

// answersDetect says whether a client knows 6-31: the SDKs 0.17 and later. To
// others it is a packet that they complain about.
func answersDetect(sdk string) bool {
	major, rest, _ := strings.Cut(sdk, ".")
	minor, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(minor)
	return major == "0" && err == nil && n >= 17
}
