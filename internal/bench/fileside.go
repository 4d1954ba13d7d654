package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
)

// content makes readers of what is uploaded.
type content func(from, n int64) io.Reader

// patterned is the content of file i; the same for everybody who measures.
func patterned(shared []byte, i int) content {
	return func(from, n int64) io.Reader {
		return &patternReader{b: shared, at: (int64(i)*4099 + from) % patternBlock, left: n}
	}
}

func bytesContent(b []byte) content {
	return func(from, n int64) io.Reader { return bytes.NewReader(b[from : from+n]) }
}

// patternReader gives left bytes of the pattern, round and round.
type patternReader struct {
	b    []byte
	at   int64
	left int64
}

// window is the next bytes, at most n.
func (p *patternReader) window(n int) []byte {
	n = int(min(int64(n), p.left, patternBlock))
	w := p.b[p.at : p.at+int64(n)]
	p.at, p.left = (p.at+int64(n))%patternBlock, p.left-int64(n)
	return w
}

// Read implements io.Reader.
func (p *patternReader) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	return copy(b, p.window(len(b))), nil
}

// Write implements io.Writer: it compares.
func (p *patternReader) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		w := p.window(len(rest))
		if len(w) == 0 || !bytes.Equal(w, rest[:len(w)]) {
			return 0, errors.New("other bytes came back")
		}
		rest = rest[len(w):]
	}
	return len(b), nil
}

// ours uploads as the SDKs do.
type ours struct{ x *filesRun }

func (o *ours) name() string { return "hongyan" }

func (o *ours) probe() Probe { return o.x.bed.probe }

func (o *ours) put(ctx context.Context, i int, size int64) (string, error) {
	return o.store(ctx, i, patterned(o.x.shared, i), size)
}

// store asks for a token over the socket and uploads.
func (o *ours) store(ctx context.Context, i int, c content, size int64) (string, error) {
	reply, err := o.x.clients[i%len(o.x.clients)].Call(ctx, nimwire.GetNosToken.ID(), &nimwire.GetNosTokenRequest{
		ResponseBody: `{\"md5\":\"$(Etag)\",\"size\":\"$(ObjectSize)\"}`, NosToken: nimwire.NosToken{Tag: wire.Str("nim")}})
	if err != nil {
		return "", err
	}
	var g nimwire.GetNosTokenResponse
	if err := g.DecodeR(reply.R); err != nil || g.NosToken == nil {
		return "", fmt.Errorf("no token: %w", err)
	}
	token, object := g.NosToken.Token.String(), g.NosToken.ObjectName.String()
	base := o.x.base() + "/" + g.NosToken.Bucket.String()
	if o.x.cfg.Form {
		err = o.form(ctx, base, object, token, c, size)
	} else {
		err = o.chunks(ctx, base+"/"+url.PathEscape(object), token, c, size)
	}
	return base + "/" + object, err
}

func (o *ours) chunks(ctx context.Context, base, token string, c content, size int64) error {
	session := ""
	for at := int64(0); ; {
		n := min(size-at, o.x.cfg.Chunk)
		last := at+n == size
		q := fmt.Sprintf("?offset=%d&complete=%v&context=%s&version=1.0", at, last, session)
		body, err := o.x.do(ctx, http.MethodPost, base+q, c(at, n), n, http.Header{"X-Nos-Token": {token}, "Content-Type": {"application/octet-stream"}})
		if err != nil {
			return err
		}
		var a struct {
			Offset  int64
			Context string
		}
		if err := json.Unmarshal(body, &a); err != nil || a.Offset != at+n {
			return fmt.Errorf("at %d: %.200s", at, body)
		}
		if at, session = a.Offset, a.Context; last {
			return nil
		}
	}
}

func (o *ours) form(ctx context.Context, base, object, token string, c content, size int64) error {
	var head bytes.Buffer
	w := multipart.NewWriter(&head)
	for k, v := range map[string]string{"Object": object, "x-nos-token": token, "x-nos-entity-type": "json"} {
		if err := w.WriteField(k, v); err != nil {
			return err
		}
	}
	if _, err := w.CreateFormFile("file", "a.bin"); err != nil {
		return err
	}
	tail := "\r\n--" + w.Boundary() + "--\r\n"
	length := int64(head.Len()) + size + int64(len(tail))
	_, err := o.x.do(ctx, http.MethodPost, base, io.MultiReader(&head, c(0, size), strings.NewReader(tail)), length, http.Header{"Content-Type": {w.FormDataContentType()}})
	return err
}

// peerSide is a plain web server that takes PUT.
type peerSide struct {
	x    *filesRun
	base string
}

func (p *peerSide) name() string { return "peer" }

func (p *peerSide) probe() Probe { return Probe{PID: p.x.cfg.PeerPID, Children: true} }

func (p *peerSide) put(ctx context.Context, i int, size int64) (string, error) {
	to := p.base + "/" + strconv.FormatInt(size, 10) + "-" + strconv.Itoa(i)
	_, err := p.x.do(ctx, http.MethodPut, to, patterned(p.x.shared, i)(0, size), size, nil)
	return to, err
}

func (x *filesRun) base() string {
	if x.bed.tls != nil {
		return "https://" + x.bed.cfg.Addr
	}
	return "http://" + x.bed.cfg.Addr
}

// do makes one request and returns its body; a status other than 2xx is an error.
func (x *filesRun) do(ctx context.Context, method, to string, body io.Reader, size int64, head http.Header) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, to, io.NopCloser(body))
	if err != nil {
		return nil, err
	}
	if req.ContentLength = size; size == 0 {
		req.Body = http.NoBody
	}
	if head != nil {
		req.Header = head
	}
	res, err := x.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // everything was read
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %.200s", res.Status, text)
	}
	return text, err
}

// get downloads file i and compares every byte.
func (x *filesRun) get(ctx context.Context, from string, i int, size int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return err
	}
	res, err := x.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // everything was read
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	want := patterned(x.shared, i)(0, size).(*patternReader)
	buf := x.buffers.Get().(*[256 << 10]byte)
	defer x.buffers.Put(buf)
	n, err := io.CopyBuffer(struct{ io.Writer }{want}, struct{ io.Reader }{res.Body}, buf[:])
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes came back", n)
	}
	return err
}

func (x *filesRun) getThumbnail(ctx context.Context, from string) error {
	body, err := x.do(ctx, http.MethodGet, from, http.NoBody, 0, nil)
	if err != nil {
		return err
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(body))
	if err == nil && max(c.Width, c.Height) != 256 {
		err = fmt.Errorf("%d × %d pixels", c.Width, c.Height)
	}
	return err
}

// samplePicture reads the picture, or makes one with the detail of a photograph.
func samplePicture(w FilesConfig) ([]byte, error) {
	if w.Picture != "" {
		b, err := os.ReadFile(w.Picture)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
	}
	m := image.NewRGBA(image.Rect(0, 0, w.Width, w.Height))
	noise := pattern()
	for y := range w.Height {
		for x := range w.Width {
			n := noise[(y*w.Width+x)%patternBlock] >> 3
			m.SetRGBA(x, y, color.RGBA{byte(x*200/w.Width) + n, byte(y*200/w.Height) + n, byte((x+y)%200) + n, 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 88}); err != nil {
		return nil, err
	}
	if w.Picture != "" {
		return b.Bytes(), os.WriteFile(w.Picture, b.Bytes(), 0o600)
	}
	return b.Bytes(), nil
}
