package bench

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
)

// shelf is the upload and download host of the peer, and a plain one that takes
// PUT. It keeps no rule of the product.
type shelf struct {
	mu      sync.Mutex
	files   map[string][]byte
	tokens  int
	spoiled bool // give back other bytes
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	name := r.URL.Path
	switch {
	case r.Method == http.MethodPut:
		s.files[name] = body
	case r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/"):
		r.Body = io.NopCloser(bytes.NewReader(body))
		f, _, err := r.FormFile("file")
		if err != nil || r.FormValue("x-nos-token") != "token" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		content, _ := io.ReadAll(f)
		s.files[name+"/"+r.FormValue("Object")] = content
	case r.Method == http.MethodPost:
		if r.Header.Get("x-nos-token") != "token" || r.URL.Query().Get("offset") != fmt.Sprint(len(s.files[name])) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		s.files[name] = append(s.files[name], body...)
		fmt.Fprintf(w, `{"offset":%d,"context":"c"}`, len(s.files[name]))
	case r.URL.Query().Has("imageView"):
		_ = png.Encode(w, thumb256())
	default:
		if b := bytes.Clone(s.files[name]); len(b) > 0 {
			if s.spoiled {
				b[len(b)-1]++
			}
			_, _ = w.Write(b)
		}
	}
}

// grant answers 6-2.
func (s *shelf) grant() wire.REncoder {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens++
	return &nimwire.GetNosTokenResponse{NosToken: &nimwire.NosToken{ObjectName: wire.Str(fmt.Sprint("o", s.tokens)), Token: wire.Str("token"), Bucket: wire.Str("nos")}}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	for _, form := range []bool{false, true} {
		r, err := Files(t.Context(), testConfig(p), FilesConfig{Large: 5 << 20, Small: 100_001, Count: 30, Concurrency: 3, Chunk: 2 << 20, Form: form,
			Pictures: 2, Picture: filepath.Join(t.TempDir(), "a.jpg"), Width: 600, Height: 400, Memory: 30, MemorySize: 70_000, Peer: p.URL + "/dav", PeerPID: os.Getpid()})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range r.Figures.([]FileStep) {
			names = append(names, f.Server+" "+f.Step)
			if f.MBps <= 0 || f.Files == 0 {
				t.Errorf("%+v", f)
			}
		}
		want := "hongyan upload, one large;hongyan download, one large;hongyan upload, many small;hongyan download, many small;" +
			"peer upload, one large;peer download, one large;peer upload, many small;peer download, many small;hongyan thumbnails;hongyan upload, memory"
		if got := strings.Join(names, ";"); got != want {
			t.Errorf("steps %s", got)
		}
		var out bytes.Buffer
		if err := r.Write(&out, true); err != nil || strings.Count(out.String(), "\n|") != 11 {
			t.Errorf("%v\n%s", err, &out)
		}
	}
	p.shelf.spoiled = true
	if _, err := Files(t.Context(), testConfig(p), FilesConfig{Small: 1000, Count: 1, Concurrency: 1, Chunk: 1 << 20}); err == nil || !strings.Contains(err.Error(), "other bytes") {
		t.Errorf("other bytes: %v", err)
	}
}

func thumb256() image.Image { return image.NewGray(image.Rect(0, 0, 256, 128)) }

func TestPattern(t *testing.T) {
	shared := pattern()
	for i, size := range []int64{0, 1, patternBlock, 3*patternBlock + 7} {
		whole, err := io.ReadAll(patterned(shared, i)(0, size))
		if err != nil || int64(len(whole)) != size {
			t.Fatalf("%d bytes: %d, %v", size, len(whole), err)
		}
		from := size / 3
		if rest, _ := io.ReadAll(patterned(shared, i)(from, size-from)); !bytes.Equal(rest, whole[from:]) {
			t.Errorf("%d bytes: the end is another", size)
		}
		if n, err := patterned(shared, i)(0, size).(*patternReader).Write(whole); err != nil || int64(n) != size {
			t.Errorf("%d bytes do not compare: %v", size, err)
		}
	}
}
