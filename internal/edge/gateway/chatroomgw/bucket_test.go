package chatroomgw

import "testing"

func TestBucket(t *testing.T) {
	for _, c := range []struct {
		name      string
		perSecond int64
		at        []int64 // ms
		want      string
	}{
		{"as many as a second has", 2, []int64{1, 1, 1, 1}, "yynn"},
		{"they come back", 2, []int64{1, 1, 1, 501, 502, 9001, 9001, 9001}, "yynynyyn"},
		{"a clock that steps back", 1, []int64{1000, 500, 1400, 1600}, "ynny"},
		{"without limit", 0, []int64{1, 1, 1}, "yyy"},
	} {
		b, got := bucket{}, ""
		for _, ms := range c.at {
			if b.allow(ms, c.perSecond) {
				got += "y"
			} else {
				got += "n"
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
