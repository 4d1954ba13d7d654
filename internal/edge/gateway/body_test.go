package gateway

import "testing"

// Some refusals have a body: it is sent with their code, at once or later.
func TestRefusalsWithABody(t *testing.T) {
	c := newBed(t).online("alice")
	for cid, name := range map[int]string{10: "at once", 11: "later"} {
		c.send(cid, 9, cid, name)
		if got, want := c.next(), map[int]string{
			10: `3:::{"sid":9,"cid":10,"ser":10,"code":7101,"r":["body"]}`,
			11: `3:::{"sid":9,"cid":11,"ser":11,"code":7101,"r":["body"]}`,
		}[cid]; got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
