//go:build !linux

package bench

import (
	"os"
	"runtime"
	"syscall"
	"time"
)

func preciseSleep(d time.Duration) { time.Sleep(d) }

func dialControl(_, _ string, _ syscall.RawConn) error { return nil }

func ownCPU() time.Duration { return 0 }

func openFiles() (uint64, error) { return 1 << 20, nil }

var terminate = os.Interrupt //nolint:gochecknoglobals // os.Interrupt is a variable

func kernel() string { return runtime.GOOS }
