package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hongyan/internal/edge/easemob"
	"hongyan/internal/edge/faillog"
	"hongyan/internal/edge/filegw"
	"hongyan/internal/edge/s3gw"
	"hongyan/internal/edge/spool"
	"hongyan/internal/im/access"
	"hongyan/internal/im/file"
	"hongyan/internal/im/presence"
	"hongyan/internal/infra/blobstore"
	"hongyan/internal/infra/film"
	"hongyan/internal/infra/seal"
	"hongyan/internal/infra/thumb"
	"hongyan/internal/lifecycle"
)

// files is what serves files: the domain's service and its HTTP side.
type files struct {
	blobs   *blobstore.Store
	service *file.Service
	spool   *spool.Dir
	handler *filegw.Handler
	s3      *s3gw.Handler
	thumbs  *thumb.Cache // nil when nothing is kept
}

// openFiles opens the blob store and builds the file service on it.
func (s *Server) openFiles(ctx context.Context, keys *seal.Keyring, public string, registry *prometheus.Registry, ip func(*http.Request) string) error {
	blobs, err := blobstore.Open(ctx, s.cfg.Blob, s.cfg.Path("files"))
	if err != nil {
		return err
	}
	var thumbs *thumb.Cache
	serve := filegw.Config{Media: thumb.Studio{}, Log: s.log, ClientIP: ip}
	if s.cfg.FFmpeg != "off" {
		if tool, err := film.Find(s.cfg.FFmpeg); err == nil {
			serve.Films = tool
		} else if s.cfg.IsSet("ffmpeg") {
			return errors.Join(fmt.Errorf("--ffmpeg: %w", err), blobs.Close())
		}
	}
	removed := func(string) {}
	if s.cfg.ThumbCache > 0 {
		if thumbs, err = thumb.OpenCache(s.cfg.Path("thumbs"), int64(s.cfg.ThumbCache), time.Now, s.log); err != nil {
			return errors.Join(err, blobs.Close())
		}
		serve.Cache, removed = thumbs, thumbs.Drop
	}
	direct, err := s.openDirect(ctx)
	if err != nil {
		return errors.Join(err, blobs.Close())
	}
	if serve.Spool, err = spool.Open(s.cfg.Path("spool"), s.log); err != nil {
		return errors.Join(err, blobs.Close())
	}
	svc := file.New(file.Config{Removed: removed, Store: s.store, Blobs: blobs, Direct: direct, Apps: s.apps, Accounts: s.accounts, Clock: time.Now, Log: s.log,
		Key: keys.FileKey(), Sniff: thumb.Sniff, Host: public + "/" + file.Bucket, Keys: newKeyCount(registry)})
	s.health.AddCheck("blob store", blobs.Ping)
	serve.Files = svc
	handler := filegw.New(serve)
	s.files = files{blobs: blobs, service: svc, spool: serve.Spool, handler: handler, thumbs: thumbs,
		s3: s3gw.New(s3gw.Config{Files: svc, Transfers: handler, Clock: time.Now, Log: s.log})}
	return nil
}

// openDirect opens the operator's bucket that clients upload to themselves; nil
// when there is none.
func (s *Server) openDirect(ctx context.Context) (file.Direct, error) {
	if s.cfg.UploadS3 == "" {
		return nil, nil
	}
	d, err := blobstore.OpenDirect(ctx, blobstore.DirectConfig{URL: s.cfg.UploadS3, Role: s.cfg.UploadS3Role, STS: s.cfg.UploadS3STS, Keys: s.cfg.UploadS3Keys.Reveal()})
	if err != nil {
		return nil, fmt.Errorf("--upload-s3: %w", err)
	}
	if s.cfg.UploadS3Keys != "" {
		s.log.Warn("every client is given the keys of the upload bucket and can overwrite what others have uploaded; give --upload-s3-role where the store has AssumeRole")
	}
	s.health.AddCheck("upload bucket", d.Ping)
	s.life.Add(lifecycle.Component{Name: "upload bucket", Stop: func(context.Context) error { return d.Close() }})
	return d, nil
}

// newKeyCount counts how asking for credentials of the operator's bucket ended.
func newKeyCount(registry *prometheus.Registry) func(result string) {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hongyan_upload_credentials_total",
		Help: "Requests for credentials of the upload bucket by result; all but ok send the client the other way."}, []string{"result"})
	registry.MustRegister(v)
	return func(result string) { v.WithLabelValues(result).Inc() }
}

// newRoundTrip makes the histogram of what clients measure (setting
// latency_probe).
func newRoundTrip(registry *prometheus.Registry) func(time.Duration) {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hongyan_client_round_trip_seconds",
		Help: "Time from a push to the client's answer, as measured by 6-31 and 6-32.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 15)})
	registry.MustRegister(h)
	return func(d time.Duration) { h.Observe(d.Seconds()) }
}

// compose declares the clean-up; the blob store is closed after it and after
// everything that serves files.
func (f files) compose(life *lifecycle.Manager) {
	life.Add(lifecycle.Component{Name: "blob store", Stop: func(context.Context) error { return f.blobs.Close() }})
	life.AddService("file clean-up", newLoop(f.service.Run), 0)
	if f.thumbs != nil {
		life.AddService("thumbnail cache", newLoop(f.thumbs.Run), 0)
	}
}

// drain declares that transfers end before the listeners wait for them; it
// comes after the listeners.
func (f files) drain(life *lifecycle.Manager) {
	life.Add(lifecycle.Component{Name: "file transfers", Stop: func(context.Context) error { f.handler.Close(); return nil }})
}

// newEasemob builds the other façade of files: it shares the transfers of this one.
func (s *Server) newEasemob(keys *seal.Keyring, dir *presence.Directory, registry *prometheus.Registry, refused *faillog.Log, ip func(*http.Request) string) http.Handler {
	return easemob.New(easemob.Config{Apps: s.apps, Accounts: s.accounts, Tokens: access.New(s.accounts, time.Now, keys.AccessKey()),
		Files: s.files.service, Transfers: s.files.handler, Presence: dir, Bus: s.bus, Clock: time.Now, Log: s.log, Metrics: registry, Refused: refused,
		ClientIP: ip, PublicURL: "https://" + s.cfg.PublicAddr()})
}
