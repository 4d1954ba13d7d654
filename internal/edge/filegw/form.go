package filegw

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/netip"
	"os"
	"time"

	"hongyan/internal/edge/multiform"
	"hongyan/internal/edge/spool"
	"hongyan/internal/im"
	"hongyan/internal/im/file"
)

const (
	// maxField bounds one field of a form, in bytes; a token is the longest.
	maxField = 8 << 10
	// maxParts bounds the parts of a form.
	maxParts = 20
)

// form is the upload of mini-app and uni-app builds
// (docs/protocol/storage.md section 6).
func (h *Handler) form(w http.ResponseWriter, r *http.Request) error {
	kind, args, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || args["boundary"] == "" {
		return im.Errorf(im.CodeBadParam, "multipart/form-data is needed")
	}
	ctx, cancel := context.WithTimeout(r.Context(), uploadTime)
	defer cancel()
	f := &formUpload{h: h, from: h.address(r), body: h.patient(w, r, uploadTime), token: r.Header.Get("x-nos-token")}
	f.meter = multiform.Meter{R: f.body, Left: guestBytes, Err: file.ErrTooLarge}
	f.parts = multiform.NewReader(&f.meter, args["boundary"])
	defer f.drop()
	if err := f.begin(); err != nil {
		return err
	}
	if err := f.rest(ctx); err != nil {
		return err
	}
	if f.stored == nil && f.spool != nil {
		if err := f.store(ctx, file.Source{Body: f.spool, Size: f.spool.Size(), Type: f.kind}); err != nil {
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
	case errors.Is(err, multiform.ErrCut), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, os.ErrDeadlineExceeded):
		return file.ErrBroken
	}
	return im.Errorf(im.CodeBadParam, "malformed form")
}

// formUpload is a form that is being read. Fields come in any order.
type formUpload struct {
	h      *Handler
	from   netip.Addr
	body   *patient
	meter  multiform.Meter
	parts  *multiform.Reader
	seen   int    // parts
	guest  func() // what counts it out of those whose token is not known; nil = it is
	slot   func() // what gives back its place among the uploads; nil = none
	token  string
	object string
	file   bool // its part has come
	policy *file.Policy
	stored *file.File

	spool   *spool.File // the file, when it came before the token
	unspool func()      // counts it out
	kind    string
}

// begin admits a form: as an upload when its token is in the header, else as a
// guest until the token has come.
func (f *formUpload) begin() error {
	f.body.until = time.Now().Add(f.h.formWait)
	if f.token != "" {
		p, err := f.h.files.Verify(f.token)
		if err != nil {
			return err
		}
		return f.admit(p)
	}
	var ok bool
	if f.guest, ok = f.h.guests.enter(f.from); !ok {
		return ErrUploads
	}
	return nil
}

// admit makes an upload of a form whose token is known.
func (f *formUpload) admit(p *file.Policy) (err error) {
	f.policy = p
	if f.slot != nil {
		return nil
	}
	if f.slot, err = f.h.slot(); err != nil {
		return err
	}
	if f.guest != nil {
		f.guest()
	}
	f.meter.Left += besideFile - guestBytes
	return nil
}

// rest reads what is left of the form.
func (f *formUpload) rest(ctx context.Context) error {
	for {
		part, err := f.parts.Next(false)
		if err == io.EOF { //nolint:errorlint // a wrapped one is no end
			return nil
		}
		if f.seen++; err != nil || f.seen > maxParts {
			return brokenForm(err)
		}
		if err := f.part(ctx, part); err != nil {
			return err
		}
	}
}

// toTheEnd is the file of a form. It ends when the whole form has been read and
// is in order, so that nothing of another one is stored.
type toTheEnd struct {
	f    *formUpload
	ctx  context.Context // of the request: a reader gets none
	part *multipart.Part
	done bool
}

// Read implements io.Reader.
func (r *toTheEnd) Read(p []byte) (int, error) {
	if r.done {
		return 0, io.EOF
	}
	n, err := r.part.Read(p)
	if err != io.EOF { //nolint:errorlint // a wrapped one is no end
		return n, err
	}
	r.f.meter.Left = besideFile
	if err := r.f.rest(r.ctx); err != nil {
		return n, err
	}
	if err := r.f.named(r.f.policy); err != nil {
		return n, err
	}
	r.done = true
	return n, io.EOF
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
	if f.file {
		return im.Errorf(im.CodeBadParam, "more than one file in the form")
	}
	f.file = true
	kind := p.Header.Get("Content-Type")
	if f.token == "" {
		return f.keep(p, kind)
	}
	f.body.until = time.Now().Add(uploadTime)
	return f.store(ctx, file.Source{Body: &toTheEnd{f: f, ctx: ctx, part: p}, Size: -1, Type: kind})
}

// store gives the file to the domain.
func (f *formUpload) store(ctx context.Context, src file.Source) error {
	p, err := f.h.files.Verify(f.token)
	if err != nil {
		return err
	}
	if err := f.named(p); err != nil {
		return err
	}
	if err := f.admit(p); err != nil {
		return err
	}
	if f.spool == nil {
		f.meter.Left += p.MaxSize + 1
	}
	f.stored, err = f.h.files.PutWhole(ctx, p, src)
	return err
}

// named refuses a form that names another object than its token.
func (f *formUpload) named(p *file.Policy) error {
	if f.object != "" && f.object != p.Object {
		return file.ErrToken
	}
	return nil
}

// keep puts a file that came before its token aside.
func (f *formUpload) keep(p *multipart.Part, kind string) error {
	var ok bool
	if f.unspool, ok = f.h.spools.enter(f.from); !ok {
		return ErrUploads
	}
	tmp, err := f.h.spool.New(maxSpool)
	if err != nil {
		return err
	}
	f.spool, f.kind = tmp, kind
	f.body.until = time.Now().Add(spoolTime)
	f.meter.Left += maxSpool + 1
	if _, err := io.Copy(tmp, p); err != nil {
		return brokenForm(err)
	}
	f.meter.Left = guestBytes
	return tmp.Rewind()
}

// drop gives back what the form holds.
func (f *formUpload) drop() {
	if f.spool != nil {
		f.spool.Close()
	}
	for _, leave := range []func(){f.unspool, f.guest, f.slot} {
		if leave != nil {
			leave()
		}
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
