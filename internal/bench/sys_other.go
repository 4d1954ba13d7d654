//go:build !linux

package bench

import (
	"os"
	"runtime"
	"syscall"
	"time"
)

type sleeper struct{}

func newSleeper() (*sleeper, error) { return &sleeper{}, nil }

func (*sleeper) close() error { return nil }

func (*sleeper) sleep(d time.Duration) { time.Sleep(d) }

func dialControl(_, _ string, _ syscall.RawConn) error { return nil }

func ownCPU() time.Duration { return 0 }

func openFiles() (uint64, error) { return 1 << 20, nil }

var terminate = os.Interrupt //nolint:gochecknoglobals // os.Interrupt is a variable

func kernel() string { return runtime.GOOS }

func busy() (time.Duration, bool) { return 0, false }
