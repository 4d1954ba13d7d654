package account

import (
	"context"
	"strconv"
	"strings"

	"hongyan/internal/im"
)

// earliestToken is before any token that an app's server has signed: 2020.
const earliestToken = 1_577_836_800_000

// Shifted says whether a token signed over accid + curTime + ttl may have been
// signed for another account. Nothing stands between the three, so a token of
// "bob17" is one of "bob" too, with digits moved. It is refused for bob when
// what his digits begin with makes the name of an account that exists, and what
// is left reads as a time of the past and a life. unitMs is the unit of curTime
// in ms. Source: docs/protocol/nim-core.md section 3.3.
func (s *Service) Shifted(ctx context.Context, app, accid, curTime, ttl string, unitMs int64) (bool, error) {
	digits, width := curTime+ttl, len(strconv.FormatInt(earliestToken/unitMs, 10))
	latest := s.clock().UnixMilli()/unitMs + 86400_000/unitMs
	for n := 1; n+width < len(digits); n++ {
		cur, err := strconv.ParseInt(digits[n:n+width], 10, 64)
		if err != nil || cur < earliestToken/unitMs || cur > latest || digits[n+width] == '0' {
			continue
		}
		id, ok := im.NormalizeAccid(accid + digits[:n])
		if !ok {
			continue
		}
		switch _, err := s.Get(ctx, app, id); {
		case err == nil:
			return true, nil
		case im.CodeOf(err) != im.CodeNotFound:
			return false, err
		}
	}
	return false, nil
}

// plain says whether both are decimal numbers as a program writes them.
func plain(numbers ...string) bool {
	for _, n := range numbers {
		if n == "" || strings.Trim(n, "0123456789") != "" || len(n) > 1 && n[0] == '0' {
			return false
		}
	}
	return true
}
