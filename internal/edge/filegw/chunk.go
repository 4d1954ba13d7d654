package filegw

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"

	"hongyan/internal/im"
	"hongyan/internal/im/file"
)

// chunk is one request of the chunk protocol (docs/protocol/storage.md section 5.1).
func (h *Handler) chunk(ctx context.Context, w http.ResponseWriter, r *http.Request, p *file.Policy) error {
	c, err := parseChunk(r.URL.Query())
	if err != nil {
		return err
	}
	c.Source = file.Source{Body: r.Body, Size: r.ContentLength, Type: r.Header.Get("Content-Type")}
	done, err := h.files.PutChunk(ctx, p, c)
	if err != nil {
		return err
	}
	answer := map[string]any{"requestId": requestID(), "offset": done.Offset, "context": done.Context}
	if done.File != nil {
		answer["callbackRetMsg"] = base64.StdEncoding.EncodeToString([]byte(h.returnBody(ctx, p, done.File)))
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// resume tells how much is stored (section 5.2). It never answers 5xx.
func (h *Handler) resume(w http.ResponseWriter, r *http.Request, object string) error {
	p, err := h.policy(r, object)
	if err != nil {
		return err
	}
	n, err := h.files.Resume(r.Context(), p, r.URL.Query().Get("context"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"requestId": requestID(), "offset": n})
	return nil
}

func (h *Handler) policy(r *http.Request, object string) (*file.Policy, error) {
	p, err := h.files.Verify(r.Header.Get("x-nos-token"))
	if err != nil {
		return nil, err
	}
	if p.Object != object {
		return nil, file.ErrToken
	}
	return p, nil
}

// parseChunk reads offset, complete and context.
func parseChunk(q url.Values) (file.Chunk, error) {
	c := file.Chunk{Context: q.Get("context")}
	var err error
	if c.Offset, err = strconv.ParseInt(q.Get("offset"), 10, 64); err != nil || c.Offset < 0 {
		return c, im.Errorf(im.CodeBadParam, "offset must be a number")
	}
	switch q.Get("complete") {
	case "true":
		c.Last = true
	case "false", "":
	default:
		return c, im.Errorf(im.CodeBadParam, "complete must be true or false")
	}
	if len(c.Context) > 64 {
		return c, file.ErrSession
	}
	return c, nil
}

func requestID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return hex.EncodeToString(b)
}
