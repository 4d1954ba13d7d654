// Package cert owns the certificate of the TLS listener: where it comes from, how it is renewed and how a new one reaches
// running listeners without a restart. There are three sources: an own development CA (the default, because the client
// SDKs speak TLS only and no fresh machine has a certificate), files of the operator, and ACME.
//
// It must not know what is served over TLS.
package cert

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"time"

	"hongyan/internal/config"
)

// Source provides the certificate. Start and Stop make it a lifecycle component; TLSConfig may be called before Start,
// connections need it started.
type Source interface {
	// TLSConfig returns a configuration that always uses the newest certificate.
	TLSConfig() *tls.Config
	// HTTPHandler wraps the handler of the listener without TLS: the ACME source answers challenges there.
	HTTPHandler(next http.Handler) http.Handler
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
}

// New returns the source that the configuration names. The development CA and its leaf are made, and certificate files
// are read, before it returns, so that a mistake is reported before anything listens.
func New(cfg *config.Config, log *slog.Logger) (Source, error) {
	switch {
	case len(cfg.TLS.ACMEDomains) > 0:
		return newACME(cfg, log), nil
	case cfg.TLS.CertFile != "":
		return newFiles(cfg.TLS.CertFile, cfg.TLS.KeyFile, log, time.Now)
	}
	return newDevelopment(cfg, log)
}

// baseTLS is what all sources have in common. The only protocol offered is HTTP/1.1: a WebSocket begins with its
// Upgrade header, which HTTP/2 does not have, and a browser that negotiated h2 for the REST calls of the same origin would
// try to open the socket inside that connection.
func baseTLS(get func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: get,
	}
}
