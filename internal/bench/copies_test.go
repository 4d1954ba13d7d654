package bench

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"
)

func TestCopyReceiverSeesGapsAndDisorder(t *testing.T) {
	p := newPair(0, "abcdefgh", 100)
	other := newPair(1, "abcdefgh", 100)
	pairs := []*pair{p, other}
	r, err := newCopyReceiver(pairs)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.close(); err != nil {
			t.Error(err)
		}
	}()
	for range 4 {
		p.messages = append(p.messages, message{state: acked})
	}
	p.messages = append(p.messages, message{state: refused}) // not copied
	copied := func(to, run string, n int) []byte {
		return fmt.Appendf(nil, `{"eventType":"1","to":"%s","msgTimestamp":"%d","body":"%s %08d the quick"}`, to, time.Now().UnixMilli(), run, n)
	}
	for _, body := range [][]byte{
		copied(p.to, "abcdefgh", 0), copied(p.to, "abcdefgh", 2), copied(p.to, "abcdefgh", 1), copied(p.to, "abcdefgh", 2), // disorder, again
		copied(other.to, "ijklmnop", 0), copied("stranger", "abcdefgh", 0), []byte("{}"),
	} {
		r.take(body, time.Now())
	}
	var s CopiesStep
	r.figures(&s, pairs)
	if s.Copies != 3 || s.Missing != 1 || s.Duplicate != 1 || s.Disorder != 1 || s.Foreign != 3 || s.Lag.Count != 3 {
		t.Errorf("%+v", s)
	}
	if report := copiesReport(CopiesConfig{}, []CopiesStep{s}, []span{{}}); !report.Failed {
		t.Error("a run that lost copies counts")
	}
}

func TestCopyReceiverHolds(t *testing.T) {
	p := newPair(0, "abcdefgh", 100)
	p.messages = []message{{state: acked}}
	r, err := newCopyReceiver([]*pair{p})
	if err != nil {
		t.Fatal(err)
	}
	r.hold()
	done := make(chan error, 1)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	go func() {
		res, err := client.Post(r.url(), "application/json", bytes.NewReader(fmt.Appendf(nil, `{"to":"%s","msgTimestamp":"5","body":"abcdefgh 00000000 x"}`, p.to)))
		if err == nil {
			err = res.Body.Close()
		}
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("it was taken: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	r.release()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	p.sender, p.receiver = &Client{done: make(chan struct{})}, &Client{done: make(chan struct{})}
	if err := r.wait(ctx, []*pair{p}); err != nil {
		t.Error(err)
	}
	if err := r.close(); err != nil {
		t.Error(err)
	}
}
