package thumb

import (
	"bufio"
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/draw"

	"hongyan/internal/im/file"
)

const (
	// maxPixels bounds a picture that is decoded. A decoder needs up to 8 bytes
	// for each: 256 MiB.
	maxPixels = 32 << 20
	// maxSource is the longest file that is decoded, in bytes: some decoders read
	// all of it at once.
	maxSource = 48 << 20
	// MaxSide is the longest side of a box, in pixels.
	MaxSide = 4096
	// maxOut bounds a result, in pixels.
	maxOut = 16 << 20
)

// Render implements file.Media. It does not bound how many run: the caller does.
func (s Studio) Render(ctx context.Context, r io.ReadSeeker, shape file.Shape) (content []byte, mediaType string, err error) {
	defer func() {
		if recover() != nil { // a decoder that a hostile picture broke
			content, mediaType, err = nil, "", file.ErrNoMedia
		}
	}()
	head, err := s.Look(r)
	if err != nil {
		return nil, "", err
	}
	if int64(head.Width)*int64(head.Height) > maxPixels {
		return nil, "", file.ErrNoMedia
	}
	if n, err := r.Seek(0, io.SeekEnd); err != nil || n > maxSource {
		return nil, "", file.ErrNoMedia
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, "", err
	}
	img, _, err := image.Decode(bufio.NewReaderSize(&cancelled{ctx, r}, 64<<10))
	if err != nil {
		return nil, "", file.ErrNoMedia
	}
	turns := shape.Rotate / 90
	img = scale(img, shape, head.Orientation >= 5 != (turns%2 == 1))
	img = orient(img, head.Orientation)
	for range turns {
		img = orient(img, 6)
	}
	return encode(img, head.Format, shape)
}

// cancelled ends reading with its context.
type cancelled struct {
	ctx context.Context // of one Render
	r   io.Reader
}

// Read implements io.Reader.
func (c *cancelled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

func encode(img image.Image, format string, shape file.Shape) ([]byte, string, error) {
	if shape.Format != "" {
		format = shape.Format
	}
	var b bytes.Buffer
	if format == "jpeg" {
		q := shape.Quality
		if q == 0 {
			q = 75
		}
		err := jpeg.Encode(&b, flat(img), &jpeg.Options{Quality: q})
		return b.Bytes(), "image/jpeg", err
	}
	err := png.Encode(&b, img)
	return b.Bytes(), "image/png", err
}

// flat puts a picture that may be transparent on white: JPEG knows no
// transparency.
func flat(img image.Image) image.Image {
	if o, ok := img.(interface{ Opaque() bool }); ok && o.Opaque() {
		return img
	}
	out := image.NewRGBA(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	draw.Draw(out, out.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(out, out.Bounds(), img, img.Bounds().Min, draw.Over)
	return out
}

// scale fits a picture into the box; sideways says that it will be turned
// afterwards, so that the box has to be.
func scale(img image.Image, s file.Shape, sideways bool) image.Image {
	b := img.Bounds()
	if sideways {
		s.Width, s.Height = s.Height, s.Width
	}
	src, w, h := plan(b.Dx(), b.Dy(), s)
	if w == b.Dx() && h == b.Dy() && src == image.Rect(0, 0, w, h) {
		return img
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	kernel := draw.Interpolator(draw.CatmullRom)
	if src.Dx()*src.Dy() > 4<<20 {
		kernel = draw.ApproxBiLinear
	}
	kernel.Scale(out, out.Bounds(), img, src.Add(b.Min), draw.Src, nil)
	return out
}

// plan says which part of a w×h picture becomes how large.
func plan(w, h int, s file.Shape) (src image.Rectangle, ow, oh int) {
	src = image.Rect(0, 0, w, h)
	bw, bh := min(s.Width, MaxSide), min(s.Height, MaxSide)
	if bw <= 0 && bh <= 0 {
		return src, w, h
	}
	fw, fh := float64(bw)/float64(w), float64(bh)/float64(h)
	f := min(fw, fh)
	switch {
	case bw <= 0:
		f = fh
	case bh <= 0:
		f = fw
	case s.Fit == file.FitCrop, s.Fit == file.FitCover:
		f = max(fw, fh)
	}
	if f > 1 && !s.Enlarge {
		f = 1
	}
	for float64(w)*f*float64(h)*f > maxOut {
		f /= 2
	}
	side := func(n int) int { return max(1, int(float64(n)*f+0.5)) }
	if s.Fit == file.FitCrop && bw > 0 && bh > 0 {
		ow, oh = min(bw, side(w)), min(bh, side(h))
		cw, ch := min(w, max(1, int(float64(ow)/f+0.5))), min(h, max(1, int(float64(oh)/f+0.5)))
		x, y := (w-cw)/2, (h-ch)/2
		return image.Rect(x, y, x+cw, y+ch), ow, oh
	}
	return src, side(w), side(h)
}

// orient turns and mirrors a picture as its EXIF value says.
func orient(img image.Image, o int) image.Image {
	if o < 2 || o > 8 {
		return img
	}
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	ow, oh := w, h
	if o >= 5 {
		ow, oh = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, ow, oh))
	for y := range h {
		for x := range w {
			dx, dy := x, y
			switch o {
			case 2:
				dx = w - 1 - x
			case 3:
				dx, dy = w-1-x, h-1-y
			case 4:
				dy = h - 1 - y
			case 5:
				dx, dy = y, x
			case 6:
				dx, dy = h-1-y, x
			case 7:
				dx, dy = h-1-y, w-1-x
			case 8:
				dx, dy = y, w-1-x
			}
			out.Set(dx, dy, img.At(b.Min.X+x, b.Min.Y+y))
		}
	}
	return out
}
