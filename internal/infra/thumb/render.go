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
	"math"

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
	// maxScans bounds the passes over a progressive JPEG: each goes over all pixels
	// however few bytes it has, and encoders make some ten.
	maxScans = 100
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
	// A small buffer: a decoder that works long on few bytes asks often.
	img, _, err := image.Decode(bufio.NewReaderSize(&cancelled{ctx: ctx, r: r, jpeg: head.Format == "jpeg"}, 8<<10))
	if err != nil {
		return nil, "", file.ErrNoMedia
	}
	turns := shape.Rotate / 90
	shape = asStored(shape, img.Bounds().Dx(), img.Bounds().Dy(), head.Orientation)
	img = scale(img, shape, head.Orientation >= 5 != (turns%2 == 1))
	img = orient(img, head.Orientation)
	for range turns {
		img = orient(img, 6)
	}
	return encode(blur(img, shape.Blur), head.Format, shape)
}

// cancelled ends reading with its context, and when a JPEG has too many scans.
type cancelled struct {
	ctx   context.Context // of one Render
	r     io.Reader
	jpeg  bool
	scans int
	half  bool // the last byte read may begin a marker
}

// Read implements io.Reader.
func (c *cancelled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	if !c.jpeg || n == 0 {
		return n, err
	}
	// Within the data of a scan this pair of bytes does not occur.
	c.scans += bytes.Count(p[:n], []byte{0xff, 0xda})
	if c.half && p[0] == 0xda {
		c.scans++
	}
	if c.half = p[n-1] == 0xff; c.scans > maxScans {
		return 0, file.ErrNoMedia
	}
	return n, err
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

// scale cuts a part out and fits it into the box; sideways says that it will be
// turned afterwards, so that the box has to be.
func scale(img image.Image, s file.Shape, sideways bool) image.Image {
	b := img.Bounds()
	if sideways {
		s.Width, s.Height = s.Height, s.Width
	}
	part := image.Rect(0, 0, b.Dx(), b.Dy())
	if s.CropWidth > 0 {
		part = image.Rect(s.CropX, s.CropY, s.CropX+s.CropWidth, s.CropY+s.CropHeight).Intersect(part)
	}
	src, w, h := plan(part.Dx(), part.Dy(), s)
	src = src.Add(part.Min)
	if w == b.Dx() && h == b.Dy() && src == image.Rect(0, 0, w, h) {
		return img
	}
	src = src.Add(b.Min)
	// Most of the way by averages, which are cheap and forget no pixel.
	if k := min(src.Dx()/w/2, src.Dy()/h/2, maxShrink); k > 1 {
		if small := shrink(img, src, k); small != nil {
			img, src = small, small.Bounds()
		}
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	kernel := draw.Interpolator(draw.CatmullRom)
	if src.Dx()*src.Dy() > 4<<20 {
		kernel = draw.ApproxBiLinear
	}
	kernel.Scale(out, out.Bounds(), img, src, draw.Src, nil)
	return out
}

// plan says which part of a w×h picture becomes how large.
func plan(w, h int, s file.Shape) (src image.Rectangle, ow, oh int) {
	src = image.Rect(0, 0, w, h)
	most := maxOut
	if s.Pixels > 0 {
		most = min(most, s.Pixels)
	}
	bw, bh := min(s.Width, MaxSide), min(s.Height, MaxSide)
	f := 1.0
	if bw > 0 || bh > 0 {
		fw, fh := float64(bw)/float64(w), float64(bh)/float64(h)
		f = min(fw, fh)
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
	} else if s.Pixels == 0 {
		return src, w, h
	}
	side := func(n int) int { return max(1, int(float64(n)*f+0.5)) }
	if s.Fit == file.FitCrop && bw > 0 && bh > 0 {
		ow, oh = min(bw, side(w)), min(bh, side(h))
		cw, ch := min(w, max(1, int(float64(ow)/f+0.5))), min(h, max(1, int(float64(oh)/f+0.5)))
		x, y := (w-cw)*(5+s.AxisX)/10, (h-ch)*(5+s.AxisY)/10
		return image.Rect(x, y, x+cw, y+ch), ow, oh
	}
	if all := float64(w) * f * float64(h) * f; all > float64(most) {
		f *= math.Sqrt(float64(most) / all)
		f -= f / float64(max(w, h)) // rounding must not pass the limit
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
			to := seen(image.Pt(x, y), w, h, o)
			out.Set(to.X, to.Y, img.At(b.Min.X+x, b.Min.Y+y))
		}
	}
	return out
}

// seen is where a pixel of a stored w×h picture is when it is looked at.
func seen(p image.Point, w, h, o int) image.Point {
	x, y := p.X, p.Y
	switch o {
	case 2:
		return image.Pt(w-1-x, y)
	case 3:
		return image.Pt(w-1-x, h-1-y)
	case 4:
		return image.Pt(x, h-1-y)
	case 5:
		return image.Pt(y, x)
	case 6:
		return image.Pt(h-1-y, x)
	case 7:
		return image.Pt(h-1-y, w-1-x)
	case 8:
		return image.Pt(y, w-1-x)
	}
	return p
}

// asStored turns what a shape says of the picture as it is seen into what it
// means for the stored w×h one.
func asStored(s file.Shape, w, h, o int) file.Shape {
	back := o // most are their own inverse
	switch o {
	case 6:
		back = 8
	case 8:
		back = 6
	}
	vw, vh := w, h
	if o >= 5 {
		vw, vh = h, w
	}
	if s.CropWidth > 0 {
		r := image.Rect(s.CropX, s.CropY, s.CropX+s.CropWidth, s.CropY+max(s.CropHeight, 0)).Intersect(image.Rect(0, 0, vw, vh))
		if r.Empty() { // nothing of the picture: all of it
			s.CropWidth = 0
		} else {
			a, b := seen(r.Min, vw, vh, back), seen(r.Max.Sub(image.Pt(1, 1)), vw, vh, back)
			r = image.Rectangle{a, b}.Canon()
			s.CropX, s.CropY, s.CropWidth, s.CropHeight = r.Min.X, r.Min.Y, r.Dx()+1, r.Dy()+1
		}
	}
	// The same for a direction, which is a position on an 11×11 board.
	axis := seen(image.Pt(5+s.AxisX, 5+s.AxisY), 11, 11, back)
	s.AxisX, s.AxisY = axis.X-5, axis.Y-5
	return s
}
