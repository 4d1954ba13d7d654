package cluster

import (
	"fmt"
	"net/url"
	"testing"

	"hongyan/internal/hytest"
)

// TestRequestIDs: a call that one node has carried out is not carried out again
// at the other, as an SDK repeats it there. The news may be slower than a call on
// loopback: one of several is enough.
func TestRequestIDs(t *testing.T) {
	b := newBed(t)
	b.account("alice", "bob")
	tries := 0
	hytest.Eventually(t, "a repetition is refused at the other node", func() bool {
		tries++
		id, text := fmt.Sprint("id-", tries), fmt.Sprint("text ", tries)
		send := func(node int) int {
			code, body, err := b.rest[node].Repeatable(hytest.Context(t), id, "msg/sendMsg.action",
				url.Values{"from": {"alice"}, "to": {"bob"}, "ope": {"0"}, "type": {"0"}, "body": {`{"msg":"` + text + `"}`}})
			if err != nil {
				t.Fatalf("%s, %v", body, err)
			}
			return code
		}
		if code := send(0); code != 200 {
			t.Fatalf("the first call is answered %d", code)
		}
		return send(1) == 431
	})
	t.Logf("after %d calls", tries)
}
