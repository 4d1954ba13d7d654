package hytest_test

import (
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/infra/sqlstore"
)

func TestClockRunsFromWhereItWasSet(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	c := hytest.NewClock(at)
	if d := c.Now().Sub(at); d < 0 || d > time.Minute {
		t.Fatalf("%v after it was set", d)
	}
	before := c.Now()
	c.Advance(time.Hour)
	if d := c.Now().Sub(before); d < time.Hour || d > time.Hour+time.Minute {
		t.Fatalf("an hour was %v", d)
	}
}

func TestPostgresDatabasesAreSeparate(t *testing.T) {
	a, b := hytest.Open(t, hytest.PostgreSQL(t)), hytest.Open(t, hytest.PostgreSQL(t))
	hytest.App(t, a)
	for s, want := range map[*sqlstore.Store]int{a: 1, b: 0} {
		apps, err := s.Apps(hytest.Context(t))
		if err != nil || len(apps) != want {
			t.Errorf("%d apps, %v; want %d", len(apps), err, want)
		}
	}
}
