package nimapi

import (
	"strings"
	"sync"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// limit says how often a bucket may be called by one app. A zero count means
// the app's settings rest_rate (per second) and rest_block decide; rest_limits
// goes before both.
type limit struct {
	bucket string // endpoints with the same bucket share one counter
	count  int64
	window time.Duration
	block  time.Duration
}

// Names of the buckets that several endpoints share.
const (
	teamBucket      = "team-operations"
	superTeamBucket = "superteam-operations"
)

// limitOf returns the limit of an endpoint, named by its path below
// /nimserver/ (docs/api/server-v1.md section 6).
func limitOf(path string) limit {
	switch path {
	case "msg/sendBatchMsg.action", "msg/sendBatchAttachMsg.action":
		return limit{path, 120, time.Minute, time.Minute}
	case "msg/broadcastMsg.action", "chatroom/broadcast.action":
		return limit{path, 10, time.Minute, time.Minute}
	case "history/queryChatroomMsg.action":
		return limit{path, 1200, time.Minute, time.Minute}
	case "job/nos/del.action":
		return limit{path, 5, 24 * time.Hour, 24 * time.Hour}
	case "superteam/sendMsg.action", "superteam/sendAttachMsg.action", "superteam/recallMsg.action",
		"superteam/queryHistoryMsg.action", "superteam/queryHistoryMsgByIds.action":
		return limit{bucket: path}
	}
	switch {
	case strings.HasPrefix(path, "team/"):
		return limit{bucket: teamBucket}
	case strings.HasPrefix(path, "superteam/"):
		return limit{bucket: superTeamBucket}
	}
	return limit{bucket: path}
}

// name is what rest_limits calls the bucket.
func (l limit) name() string {
	switch l.bucket {
	case teamBucket:
		return "team/*"
	case superTeamBucket:
		return "superteam/*"
	}
	return strings.TrimSuffix(l.bucket, ".action")
}

// CheckLimits refuses names that rest_limits has and no endpoint: a limit that is
// misspelt would limit nothing.
func CheckLimits(limits map[string]app.RESTLimit) error {
	known := map[string]bool{}
	for _, r := range New(Config{}).order {
		if r.handler.open == nil {
			known[r.limit.name()] = true
		}
	}
	for name := range limits {
		if !known[name] {
			return im.Errorf(im.CodeBadParam, "rest_limits: %s is no endpoint with a limit of its own", name)
		}
	}
	return nil
}

// of returns the limit as the app has it; free says that there is none.
func (l limit) of(set *app.Settings) (_ limit, free bool) {
	own, ok := set.RESTLimits[l.name()]
	switch {
	case ok:
		l.count, l.window, l.block = own.Count, time.Duration(own.Seconds)*time.Second, time.Duration(own.Block)*time.Second
		return l, own.Count == 0
	case l.count == 0:
		l.count, l.window, l.block = set.RESTRate, time.Second, time.Duration(set.RESTBlock)*time.Second
	}
	return l, false
}

// limiter counts calls per app and bucket, on this node. Its memory is bounded
// by the number of apps times the number of buckets: only signed calls to known
// endpoints are counted.
type limiter struct {
	clock im.Clock

	mu      sync.Mutex // guards windows
	windows map[windowKey]*window
}

type windowKey struct{ app, bucket string }

// window is the state of one counter; times are ms since 1970.
type window struct {
	start, blockedUntil int64
	calls               int64
}

func newLimiter(clock im.Clock) *limiter {
	return &limiter{clock: clock, windows: map[windowKey]*window{}}
}

// allow counts one call and says whether it may go on, and if not, whether a
// block begins with it. The call that exceeds the limit blocks the bucket; calls
// during the block do not extend it.
func (l *limiter) allow(appKey string, lim limit, set *app.Settings) (ok, blocks bool) {
	lim, free := lim.of(set)
	if free {
		return true, false
	}
	now := l.clock.NowMs()
	l.mu.Lock()
	defer l.mu.Unlock()
	k := windowKey{appKey, lim.bucket}
	w := l.windows[k]
	if w == nil {
		w = &window{start: now}
		l.windows[k] = w
	}
	// The second condition ends a block that a stepped-back clock would prolong.
	if now < w.blockedUntil && w.blockedUntil-now <= lim.block.Milliseconds() {
		return false, false
	}
	if now < w.start || now-w.start >= lim.window.Milliseconds() || w.blockedUntil != 0 {
		*w = window{start: now}
	}
	if w.calls < lim.count {
		w.calls++
		return true, false
	}
	if lim.block > 0 {
		w.blockedUntil = now + lim.block.Milliseconds()
	}
	return false, lim.block > 0
}
