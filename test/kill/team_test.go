package kill

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"hongyan/internal/bench"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/hytest"
	"hongyan/test/kill/proc"
)

// TestTeamChangesSurviveKill: an invitation, the notification that tells of it
// and its copy are there together or not at all, wherever the kill comes.
func TestTeamChangesSurviveKill(t *testing.T) {
	hytest.NoLeaks(t)
	const invited = 24
	var mu sync.Mutex
	taking, copied := false, map[string]int{} // invitations by whom they ask
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var c struct {
			Type    string `json:"msgType"`
			Members string `json:"tMembers"`
		}
		_ = json.NewDecoder(req.Body).Decode(&c)
		mu.Lock()
		defer mu.Unlock()
		if !taking {
			http.Error(w, "not yet", http.StatusServiceUnavailable)
			return
		}
		if c.Type == "TEAM_INVITE" {
			copied[strings.Trim(c.Members, "[]")]++
		}
	}))
	defer app.Close()
	s := proc.New(t, "--hook-private")
	s.Start()
	s.Tool([]string{"app", "set"}, "--key", proc.Key, "rest_rate=100000", "copy_url="+app.URL, "copy_events=1", "copy_retry="+strings.TrimSuffix(strings.Repeat("1,", 90), ","))
	rest := s.REST()
	names := []string{"owner"}
	for i := range invited {
		names = append(names, fmt.Sprint("guest", i))
	}
	for _, name := range names {
		if code, body, err := rest.Call(hytest.Context(t), "user/create.action", url.Values{"accid": {name}, "token": {"token"}}); err != nil || code != 200 {
			t.Fatalf("create %s: %s, %v", name, body, err)
		}
	}
	s.Kill() // it starts anew with the settings
	s.Start()
	owner := member(t, s, "owner", "owner", nil)
	reply, err := owner.Call(hytest.Context(t), nimwire.CreateTeam.ID(), &nimwire.CreateTeamRequest{Team: nimwire.Team{Name: wire.Str("crew"), Type: wire.Int(1)}})
	if err != nil {
		t.Fatal(err)
	}
	var made nimwire.CreateTeamResponse
	if err := made.DecodeR(reply.R); err != nil {
		t.Fatal(err)
	}
	tid := made.Team.TeamId.Int()
	answered := make(chan string, invited)
	ended := make(chan struct{})
	go func() { // until the connection breaks
		defer close(ended)
		for _, guest := range names[1:] {
			reply, _ := owner.Call(hytest.Context(t), nimwire.AddTeamMembers.ID(), &nimwire.AddTeamMembersRequest{TeamId: tid, Accounts: []string{guest}, Ps: "come"})
			if reply == nil {
				return
			}
			if reply.Code == 810 {
				answered <- guest
			}
		}
	}()
	hytest.Eventually(t, "invitations are answered", func() bool { return len(answered) >= invited/2 })
	s.Kill()
	owner.Drop()
	<-ended
	close(answered)
	asked := map[string]bool{}
	for guest := range answered {
		asked[guest] = true
	}
	mu.Lock()
	taking = true
	mu.Unlock()
	s.Start()
	hytest.Eventually(t, "every answered invitation is copied", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for guest := range asked {
			if copied[guest] == 0 {
				return false
			}
		}
		return true
	})
	for _, guest := range names[1:] {
		told := 0 // under mu
		c := member(t, s, guest, guest, func(p *bench.Packet) {
			if (p.ID() == wire.ID{SID: 4, CID: 6}) {
				mu.Lock()
				defer mu.Unlock()
				told += strings.Count(string(p.R[0]), `"4":"come"`)
			}
		})
		if _, err := c.Sync(hytest.Context(t)); err != nil {
			t.Fatal(err)
		}
		reply, _ := c.Call(hytest.Context(t), nimwire.AcceptTeamInvite.ID(), &nimwire.AcceptTeamInviteRequest{TeamId: tid, From: "owner"})
		if reply == nil {
			t.Fatal("no answer")
		}
		stored := reply.Code == 200
		if stored {
			hytest.Eventually(t, guest+"'s invitation is copied", func() bool { mu.Lock(); defer mu.Unlock(); return copied[guest] > 0 })
		}
		mu.Lock()
		switch {
		case asked[guest] && !stored:
			t.Errorf("%s was invited and cannot accept: %d", guest, reply.Code)
		case stored && told != 1, !stored && told+copied[guest] > 0:
			t.Errorf("%s: stored %v, told %d times, copied %d times", guest, stored, told, copied[guest])
		}
		mu.Unlock()
		c.Drop()
	}
	t.Logf("%d of %d invitations were answered before the kill", len(asked), invited)
}
