package cert

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// recheck is how long a certificate is used before its files are looked at again.
const recheck = 2 * time.Second

// files serves a certificate from a pair of files and follows their changes. The contents are compared, not the times:
// tools that deploy certificates keep times, swap symbolic links or write twice within one tick.
type files struct {
	certPath, keyPath string
	log               *slog.Logger
	now               func() time.Time

	current atomic.Pointer[tls.Certificate]
	checked atomic.Int64 // time of the last look, Unix nanoseconds

	mu     sync.Mutex // held while looking
	seen   [sha256.Size]byte
	unread bool // the last look could not read the files
}

func newFiles(certPath, keyPath string, log *slog.Logger, now func() time.Time) (*files, error) {
	f := &files{certPath: certPath, keyPath: keyPath, log: log, now: now}
	f.checked.Store(now().UnixNano())
	certPEM, keyPEM, err := f.read()
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	if err := f.use(certPEM, keyPEM); err != nil {
		return nil, fmt.Errorf("certificate %s: %w", certPath, err)
	}
	return f, nil
}

func (f *files) TLSConfig() *tls.Config {
	return baseTLS(func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		f.refresh()
		return f.current.Load(), nil
	})
}

func (f *files) HTTPHandler(next http.Handler) http.Handler { return next }
func (f *files) Start(context.Context) error                { return nil }
func (f *files) Stop(context.Context) error                 { return nil }

// refresh looks at the files if that was not done lately. Handshakes do not wait for one another here.
func (f *files) refresh() {
	now := f.now()
	if age := now.UnixNano() - f.checked.Load(); age >= 0 && age < int64(recheck) {
		return
	}
	if !f.mu.TryLock() {
		return
	}
	defer f.mu.Unlock()
	f.checked.Store(now.UnixNano())
	f.reload()
}

// reload takes a changed pair. A broken one, which may be half of a deployment under way, leaves the old certificate in
// use; it is logged once and tried again when the files change again.
func (f *files) reload() {
	certPEM, keyPEM, err := f.read()
	if err != nil {
		if !f.unread {
			f.log.Error("certificate files cannot be read; the old certificate stays in use", "err", err)
		}
		f.unread = true
		return
	}
	f.unread = false
	if digest(certPEM, keyPEM) == f.seen {
		return
	}
	if err := f.use(certPEM, keyPEM); err != nil {
		f.log.Error("new certificate is broken; the old one stays in use", "file", f.certPath, "err", err)
		return
	}
	f.log.Info("certificate reloaded", "file", f.certPath, "expires", f.current.Load().Leaf.NotAfter)
}

func (f *files) read() (certPEM, keyPEM []byte, err error) {
	if certPEM, err = os.ReadFile(f.certPath); err != nil {
		return nil, nil, err
	}
	keyPEM, err = os.ReadFile(f.keyPath)
	return certPEM, keyPEM, err
}

func (f *files) use(certPEM, keyPEM []byte) error {
	f.seen = digest(certPEM, keyPEM)
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return err
	}
	if left := pair.Leaf.NotAfter.Sub(f.now()); left < 14*24*time.Hour {
		f.log.Warn("certificate expires soon or has expired", "file", f.certPath, "expires", pair.Leaf.NotAfter)
	}
	f.current.Store(&pair)
	return nil
}

func digest(a, b []byte) [sha256.Size]byte {
	return sha256.Sum256(bytes.Join([][]byte{a, b}, []byte{0}))
}
