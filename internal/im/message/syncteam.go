package message

import (
	"context"
	"sort"

	"hongyan/internal/im"
)

// withSpans gives the conversations of teams what their member may be sent. A
// conversation that is left counts as old as the leaving. Teams of which nothing
// is known any more are left out.
func withSpans(convs []ConvState, teams []Membership) []ConvState {
	byConv := make(map[im.ConvKey]*Span, len(teams))
	for i := range teams {
		byConv[teams[i].Conv] = &teams[i].Span
	}
	out, moved := convs[:0], false
	for _, c := range convs {
		if c.Conv.Scene() != im.SceneP2P {
			if c.Span = byConv[c.Conv]; c.Span == nil {
				continue
			}
			if c.Span.Left > 0 && c.Span.Left < c.LastSeq {
				c.LastSeq, c.LastTime, moved = c.Span.Left, min(c.LastTime, c.Span.LeftMs), true
			}
		}
		out = append(out, c)
	}
	if moved {
		sort.SliceStable(out, func(i, j int) bool { return out[i].LastTime > out[j].LastTime })
	}
	return out
}

// first is the first message the member may have been sent. It is no condition of
// a query: messages have an index by time, and a page that lacks a few would be
// looked for in all that was said before.
func (s *Span) first() int64 {
	if len(s.Past) > 0 {
		return s.Past[0].First
	}
	return s.Joined
}

// newestP2P keeps the newest most of the p2p messages and everything of teams,
// which are bounded per conversation only (docs/protocol/nim-core.md section 4.4).
// What is left out is returned as well.
func newestP2P(msgs []*Message, most int) (kept, left []*Message) {
	n := 0
	for _, m := range msgs {
		if m.Scene == im.SceneP2P {
			n++
		}
	}
	if n <= most {
		return msgs, nil
	}
	kept = msgs[:0]
	for _, m := range msgs {
		if m.Scene == im.SceneP2P && n > most {
			n--
			left = append(left, m)
			continue
		}
		kept = append(kept, m)
	}
	return kept, left
}

// superTeams computes the roaming of super teams: they have no offline queue
// and keep no delivery state (docs/protocol/nim-core.md section 4.4).
func (run *syncRun) superTeams(ctx context.Context, teams []Membership) error {
	if !run.r.SuperRoaming {
		return nil
	}
	set := &run.r.App.Settings
	var convs []ConvState
	for i := range teams {
		if t := &teams[i]; t.Conv.Scene() == im.SceneSuperTeam {
			convs = append(convs, ConvState{Conv: t.Conv, LastSeq: t.LastSeq, LastTime: t.LastTime})
		}
	}
	plain := *run
	plain.super = true
	plain.roamFrom, plain.r.Offline, plain.out = max(run.s.clock.NowMs()-set.RoamingDays*dayMs, run.r.SuperSinceMs+1), false, &SyncResult{}
	roamed := 0
	for _, c := range withSpans(convs, teams) {
		if c.LastTime < plain.roamFrom {
			continue
		}
		if roamed++; roamed > int(set.RoamingSessions) {
			break
		}
		if err := plain.conversation(ctx, c, false, true); err != nil {
			return err
		}
	}
	run.out.Super, run.out.More = plain.out.Roaming, append(run.out.More, plain.out.More...)
	return nil
}
