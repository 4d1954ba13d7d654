package transcript

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// receiver is the app's own server of a script.
type receiver struct {
	*httptest.Server
	answer atomic.Pointer[string] // to callbacks
	asked  chan string            // callbacks, in the order they came
	copied chan string            // copies
}

// maxHooks bounds what a script leaves unread.
const maxHooks = 1000

func newReceiver(t *testing.T) *receiver {
	r := &receiver{asked: make(chan string, maxHooks), copied: make(chan string, maxHooks)}
	r.say(`{"errCode":0}`)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		to := r.asked
		if req.URL.Path == "/copy" {
			to = r.copied
			if strings.Contains(string(body), `"fromAccount":"fence"`) {
				return // how the line "A!" finds out that nothing else is on its way
			}
		}
		select {
		case to <- string(body):
		default:
		}
		fmt.Fprint(w, *r.answer.Load())
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) say(answer string) { r.answer.Store(&answer) }

// next waits for the next request of a kind.
func next(from chan string) (any, error) {
	select {
	case body := <-from:
		return parse(body)
	case <-time.After(patience):
		return nil, fmt.Errorf("nothing came in %v", patience)
	}
}
