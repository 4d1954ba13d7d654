package sqlstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/message"
)

// BenchmarkSearch searches two-character words in a generated Chinese corpus:
// HONGYAN_BENCH_MESSAGES messages (20,000 if not set) of 200 accounts, of which
// one took part in a fifth. It reports the time to index a message and the
// quantiles of a search's time in ms, by the clock and of the processor: the latter
// does not depend on what else the machine does.
func BenchmarkSearch(b *testing.B) {
	size := 20_000
	if v := os.Getenv("HONGYAN_BENCH_MESSAGES"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			b.Fatal(err)
		}
		size = n
	}
	s := hytest.Store(b)
	a := hytest.App(b, s)
	rnd := rand.New(rand.NewPCG(1, 2))
	chars := rand.NewZipf(rnd, 1.1, 20, 2999)
	word := func(n int) string {
		r := make([]rune, n)
		for i := range r {
			r[i] = rune(0x4e00 + chars.Uint64())
		}
		return string(r)
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, 1000)
	var words []string
	for i := range size {
		from, to := fmt.Sprintf("a%d", rnd.IntN(200)), fmt.Sprintf("a%d", rnd.IntN(200))
		if i%5 == 0 {
			from = "a0"
		}
		body := word(8 + rnd.IntN(25))
		if i%(size/500+1) == 0 {
			words = append(words, string([]rune(body)[2:4]))
		}
		slots <- struct{}{}
		wg.Add(1)
		m := &message.Message{App: a.Key, From: from, To: to, Conv: im.P2PKey(from, to), IDClient: strconv.Itoa(i), Content: message.Content{Body: body}}
		if err := s.Append(&message.Pending{Msg: m, Done: func(_ bool, err error) {
			if err != nil {
				b.Error(err)
			}
			<-slots
			wg.Done()
		}}); err != nil {
			b.Fatal(err)
		}
	}
	wg.Wait()
	time.Sleep(6 * time.Second) // what follows is not new any more
	wg.Add(1)
	last := &message.Message{App: a.Key, From: "z1", To: "z2", Conv: "p|z1|z2", Content: message.Content{Body: "end"}}
	if err := s.Append(&message.Pending{Msg: last, Done: func(bool, error) { wg.Done() }}); err != nil {
		b.Fatal(err)
	}
	wg.Wait()
	begun := time.Now()
	for {
		n, err := s.IndexMessages(context.Background(), a.Key, 1<<62, 200)
		if err != nil {
			b.Fatal(err)
		}
		if n < 200 {
			break
		}
	}
	b.ReportMetric(float64(time.Since(begun).Microseconds())/float64(size), "µs/indexed")
	svc := message.New(s, account.New(account.Config{Store: s, Clock: time.Now, TokenKey: hytest.Keys(b).TokenKey()}), &hytest.Bus{}, time.Now)
	for _, who := range []string{"a0", "a7"} {
		b.Run(map[string]string{"a0": "busy", "a7": "ordinary"}[who], func(b *testing.B) {
			var took, cpu []time.Duration
			hits := 0
			for i := 0; b.Loop(); i++ {
				at, used := time.Now(), processCPU(b)
				found, err := svc.Search(context.Background(), message.SearchQuery{App: a, Accid: who, Keyword: words[i%len(words)], Limit: 10})
				if err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(at))
				cpu = append(cpu, processCPU(b)-used)
				hits += len(found)
			}
			slices.Sort(took)
			slices.Sort(cpu)
			b.ReportMetric(float64(cpu[len(cpu)/2].Microseconds())/1000, "cpu-p50-ms")
			b.ReportMetric(float64(cpu[len(cpu)*99/100].Microseconds())/1000, "cpu-p99-ms")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(hits)/float64(len(took)), "hits")
		})
	}
}

// processCPU returns the processor time this process has used.
func processCPU(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
