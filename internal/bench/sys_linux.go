package bench

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sleeper sleeps by a timer of the kernel that the poller of the Go runtime waits
// for: late by some ten microseconds, where the timers of the runtime are late by
// up to a millisecond, and without a thread of its own.
type sleeper struct{ file *os.File }

func newSleeper() (*sleeper, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &sleeper{os.NewFile(uintptr(fd), "timerfd")}, nil
}

func (s *sleeper) close() error { return s.file.Close() }

func (s *sleeper) sleep(d time.Duration) {
	// Zero would disarm the timer.
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(d, 1)))}
	raw, err := s.file.SyscallConn()
	if err == nil {
		fault := raw.Control(func(fd uintptr) { err = unix.TimerfdSettime(int(fd), 0, &spec, nil) })
		err = errors.Join(err, fault)
	}
	if err == nil {
		var expired [8]byte
		_, err = s.file.Read(expired[:])
	}
	if err != nil {
		time.Sleep(d)
	}
}

// dialControl lets the kernel choose the local port when the destination is
// known: the same port then serves several destinations.
func dialControl(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		// Only an optimisation: a kernel without it binds early.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
}

// ownCPU returns the processor time this process has used.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// openFiles returns the limit of open files; the Go runtime has raised the soft
// one to the hard one.
func openFiles() (uint64, error) {
	var r syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r)
	return r.Max, err
}

// terminate asks a process to end.
const terminate = syscall.SIGTERM

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return runtime.GOOS
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}

// busy returns the processor time that all processes of this machine have used.
func busy() (time.Duration, bool) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, false
	}
	line, _, _ := strings.Cut(string(b), "\n")
	f := strings.Fields(line)
	if len(f) < 8 || f[0] != "cpu" {
		return 0, false
	}
	var ticks int64
	for i, text := range f[1:8] {
		if i == 3 || i == 4 { // idle, waiting for a disk
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, false
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, true
}
