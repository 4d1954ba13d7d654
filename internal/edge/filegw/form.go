package filegw

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"os"

	"hongyan/internal/im"
	"hongyan/internal/im/file"
)

const (
	// maxField bounds one field of a form, in bytes; a token is the longest.
	maxField = 8 << 10
	// maxParts bounds the parts of a form.
	maxParts = 20
	// maxSpool bounds a file that comes before its token, in bytes, and maxSpools
	// how many may lie on the disk so: nobody has vouched for them yet.
	maxSpool  = 32 << 20
	maxSpools = 8
)

// form is the upload of mini-app and uni-app builds
// (docs/protocol/storage.md section 6).
func (h *Handler) form(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	mr, err := r.MultipartReader()
	if err != nil {
		return im.Errorf(im.CodeBadParam, "multipart/form-data is needed")
	}
	f := &formUpload{h: h, token: r.Header.Get("x-nos-token")}
	defer f.drop()
	for n := 0; ; n++ {
		part, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || n >= maxParts {
			return brokenForm(err)
		}
		if err := f.part(ctx, part); err != nil {
			return err
		}
	}
	if f.stored == nil && f.spool != nil {
		if err := f.store(ctx, file.Source{Body: f.spool, Size: f.size, Type: f.kind}); err != nil {
			return err
		}
	}
	if f.stored == nil {
		return im.Errorf(im.CodeBadParam, "no file in the form")
	}
	writeText(w, http.StatusOK, h.returnBody(ctx, f.policy, f.stored))
	return nil
}

func brokenForm(err error) error {
	var known *im.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, os.ErrDeadlineExceeded):
		return file.ErrBroken
	}
	return im.Errorf(im.CodeBadParam, "malformed form")
}

// formUpload is a form that is being read. Fields come in any order.
type formUpload struct {
	h      *Handler
	token  string
	object string
	policy *file.Policy
	stored *file.File

	spool *os.File // the file, when it came before the token; has no name any more
	size  int64
	kind  string
}

func (f *formUpload) part(ctx context.Context, p *multipart.Part) error {
	if p.FileName() == "" && (p.FormName() == "x-nos-token" || p.FormName() == "Object" || p.FormName() == "x-nos-entity-type") {
		b, err := io.ReadAll(io.LimitReader(p, maxField+1))
		if err != nil {
			return brokenForm(err)
		}
		if len(b) > maxField {
			return im.Errorf(im.CodeBadParam, "field too long")
		}
		switch p.FormName() {
		case "x-nos-token":
			f.token = string(b)
		case "Object":
			f.object = string(b)
		}
		return nil
	}
	if p.FileName() == "" && p.FormName() != "file" {
		_, err := io.Copy(io.Discard, io.LimitReader(p, maxField))
		if err != nil {
			return brokenForm(err)
		}
		return nil
	}
	if f.stored != nil || f.spool != nil {
		return im.Errorf(im.CodeBadParam, "more than one file in the form")
	}
	kind := p.Header.Get("Content-Type")
	if f.token == "" {
		return f.keep(p, kind)
	}
	return f.store(ctx, file.Source{Body: p, Size: -1, Type: kind})
}

// store gives the file to the domain.
func (f *formUpload) store(ctx context.Context, src file.Source) error {
	p, err := f.h.files.Verify(f.token)
	if err != nil {
		return err
	}
	if f.object != "" && f.object != p.Object {
		return file.ErrToken
	}
	f.policy = p
	f.stored, err = f.h.files.PutWhole(ctx, p, src)
	return err
}

// keep puts a file that came before its token aside. The name is removed at
// once, so that nothing is left of it whatever happens.
func (f *formUpload) keep(p *multipart.Part, kind string) error {
	select {
	case f.h.spools <- struct{}{}:
	default:
		return im.Errorf(im.CodeTooFrequent, "too many uploads at a time")
	}
	tmp, err := os.CreateTemp("", "hongyan-form-*")
	if err != nil {
		<-f.h.spools
		return err
	}
	f.spool, f.kind = tmp, kind
	if err := os.Remove(tmp.Name()); err != nil {
		return err
	}
	if f.size, err = io.Copy(tmp, io.LimitReader(p, maxSpool+1)); err != nil {
		return brokenForm(err)
	}
	if f.size > maxSpool {
		return file.ErrTooLarge
	}
	_, err = tmp.Seek(0, io.SeekStart)
	return err
}

func (f *formUpload) drop() {
	if f.spool != nil {
		f.spool.Close()
		<-f.h.spools
	}
}

// returnBody fills the template of the token; what it asks of the content is
// looked up now.
func (h *Handler) returnBody(ctx context.Context, p *file.Policy, f *file.File) string {
	var pic *file.Picture
	var film *file.Film
	if file.WantsPicture(p.ReturnBody) {
		if x, err := h.picture(ctx, f); err == nil {
			pic = &x
		}
	}
	if file.WantsFilm(p.ReturnBody) {
		if x, err := h.film(ctx, f); err == nil {
			film = &x
		}
	}
	return file.FillReturnBody(p.ReturnBody, f, pic, film)
}

func (h *Handler) picture(ctx context.Context, f *file.File) (file.Picture, error) {
	r := h.files.Open(ctx, f)
	defer r.Close()
	return h.media.Look(r)
}

// film looks with our own eyes first: it costs nothing.
func (h *Handler) film(ctx context.Context, f *file.File) (file.Film, error) {
	r := h.files.Open(ctx, f)
	defer r.Close()
	v, err := h.media.Watch(r, f.Size)
	if err == nil || h.films == nil || !isFilm(f.Type) {
		return v, err
	}
	ctx, cancel := context.WithTimeout(ctx, renderWait)
	defer cancel()
	leave, err := h.turn(ctx)
	if err != nil {
		return file.Film{}, file.ErrNoMedia
	}
	defer leave()
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return file.Film{}, err
	}
	return h.films.Probe(ctx, r)
}
