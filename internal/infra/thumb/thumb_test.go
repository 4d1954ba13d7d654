package thumb

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"

	"hongyan/internal/im/file"
)

func picture(w, h int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, color.RGBA{255, 0, 0, 255})
		}
	}
	m.Set(0, 0, color.RGBA{0, 0, 255, 255})
	return m
}

func pngOf(t testing.TB, w, h int) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, picture(w, h)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// jpegOf is a JPEG with an EXIF orientation.
func jpegOf(t testing.TB, w, h, orientation int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture(w, h), nil); err != nil {
		t.Fatal(err)
	}
	tiff := []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00")
	binary.BigEndian.PutUint16(tiff[24:], uint16(orientation))
	seg := append([]byte{0xff, 0xe1, 0, 0}, tiff...)
	binary.BigEndian.PutUint16(seg[2:], uint16(len(tiff)+2))
	return append(append([]byte{0xff, 0xd8}, seg...), b.Bytes()[2:]...)
}

// bomb is a PNG that says it is as large as w×h and holds nothing.
func bomb(w, h uint32) []byte {
	head := []byte("IHDR\x00\x00\x00\x00\x00\x00\x00\x00\x08\x06\x00\x00\x00")
	binary.BigEndian.PutUint32(head[4:], w)
	binary.BigEndian.PutUint32(head[8:], h)
	b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), head...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(head))
}

func TestLook(t *testing.T) {
	for _, c := range []struct {
		name    string
		content []byte
		want    file.Picture
		err     error
	}{
		{"png", pngOf(t, 30, 20), file.Picture{Format: "png", Width: 30, Height: 20}, nil},
		{"jpeg turned", jpegOf(t, 30, 20, 6), file.Picture{Format: "jpeg", Width: 30, Height: 20, Orientation: 6}, nil},
		{"jpeg, bad orientation", jpegOf(t, 30, 20, 9), file.Picture{Format: "jpeg", Width: 30, Height: 20}, nil},
		{"bomb", bomb(60000, 60000), file.Picture{Format: "png", Width: 60000, Height: 60000}, nil},
		{"text", []byte("hello"), file.Picture{}, file.ErrNoMedia},
		{"empty", nil, file.Picture{}, file.ErrNoMedia},
	} {
		got, err := Studio{}.Look(bytes.NewReader(c.content))
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestRender(t *testing.T) {
	for _, c := range []struct {
		name    string
		content []byte
		shape   file.Shape
		w, h    int
		kind    string
	}{
		{"inside", pngOf(t, 400, 200), file.Shape{Width: 100, Height: 100, Fit: 'x'}, 100, 50, "image/png"},
		{"crop", pngOf(t, 400, 200), file.Shape{Width: 100, Height: 100, Fit: 'y'}, 100, 100, "image/png"},
		{"cover", pngOf(t, 400, 200), file.Shape{Width: 100, Height: 100, Fit: 'z'}, 200, 100, "image/png"},
		{"width alone", pngOf(t, 400, 200), file.Shape{Width: 100, Fit: 'x'}, 100, 50, "image/png"},
		{"height alone", pngOf(t, 400, 200), file.Shape{Height: 100, Fit: 'x'}, 200, 100, "image/png"},
		{"no larger", pngOf(t, 40, 20), file.Shape{Width: 100, Height: 100, Fit: 'x'}, 40, 20, "image/png"},
		{"larger", pngOf(t, 40, 20), file.Shape{Width: 100, Height: 100, Fit: 'x', Enlarge: true}, 100, 50, "image/png"},
		{"crop, no larger", pngOf(t, 40, 20), file.Shape{Width: 100, Height: 10, Fit: 'y'}, 40, 10, "image/png"},
		{"thin", pngOf(t, 3000, 1), file.Shape{Width: 10, Height: 10, Fit: 'x'}, 10, 1, "image/png"},
		{"to jpeg", pngOf(t, 40, 20), file.Shape{Format: "jpeg"}, 40, 20, "image/jpeg"},
		{"turned by EXIF", jpegOf(t, 400, 200, 6), file.Shape{Width: 100, Height: 100, Fit: 'x'}, 50, 100, "image/jpeg"},
		{"turned twice", jpegOf(t, 400, 200, 6), file.Shape{Width: 100, Fit: 'x', Rotate: 90}, 100, 50, "image/jpeg"},
	} {
		out, kind, err := Studio{}.Render(context.Background(), bytes.NewReader(c.content), c.shape)
		if err != nil || kind != c.kind {
			t.Errorf("%s: %s, %v", c.name, kind, err)
			continue
		}
		if got, _, err := image.DecodeConfig(bytes.NewReader(out)); err != nil || got.Width != c.w || got.Height != c.h {
			t.Errorf("%s: %dx%d, want %dx%d (%v)", c.name, got.Width, got.Height, c.w, c.h, err)
		}
	}
	if _, _, err := (Studio{}).Render(context.Background(), bytes.NewReader(bomb(60000, 60000)), file.Shape{Width: 10}); !errors.Is(err, file.ErrNoMedia) {
		t.Errorf("a bomb: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := (Studio{}).Render(ctx, bytes.NewReader(pngOf(t, 40, 20)), file.Shape{Width: 10}); err == nil {
		t.Error("rendered for nobody")
	}
}

func TestOrient(t *testing.T) {
	// The blue corner begins at the top left of a 3×2 picture.
	for o, want := range map[int]image.Point{1: {0, 0}, 2: {2, 0}, 3: {2, 1}, 4: {0, 1}, 5: {0, 0}, 6: {1, 0}, 7: {1, 2}, 8: {0, 2}} {
		m := orient(picture(3, 2), o)
		if _, _, b, _ := m.At(want.X, want.Y).RGBA(); b == 0 {
			t.Errorf("orientation %d: no corner at %v of %v", o, want, m.Bounds())
		}
	}
}

// box makes an MP4 box.
func box(kind string, body ...[]byte) []byte {
	b := bytes.Join(body, nil)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b)+8)), append([]byte(kind), b...)...)
}

func film() []byte {
	mvhd := make([]byte, 100)
	binary.BigEndian.PutUint32(mvhd[12:], 600)
	binary.BigEndian.PutUint32(mvhd[16:], 1500)
	tkhd := make([]byte, 84)
	binary.BigEndian.PutUint32(tkhd[40:], 1<<16)
	binary.BigEndian.PutUint16(tkhd[76:], 640)
	binary.BigEndian.PutUint16(tkhd[80:], 480)
	trak := func(kind, codec string) []byte {
		return box("trak", box("tkhd", tkhd), box("mdia", box("hdlr", make([]byte, 8), []byte(kind), make([]byte, 12)),
			box("minf", box("stbl", box("stsd", make([]byte, 12), []byte(codec))))))
	}
	return bytes.Join([][]byte{box("ftyp", []byte("isom0000")), box("mdat", make([]byte, 50)), box("moov", box("mvhd", mvhd), trak("vide", "avc1"), trak("soun", "mp4a"))}, nil)
}

func TestWatch(t *testing.T) {
	b := film()
	got, err := Studio{}.Watch(bytes.NewReader(b), int64(len(b)))
	want := file.Film{Width: 640, Height: 480, DurationMs: 2500, Audio: true, Video: true, AudioCodec: "mp4a", VideoCodec: "avc1", Container: "mp4"}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	wav := append([]byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data\xa0\x0f\x00\x00"), make([]byte, 4000)...)
	if got, err := (Studio{}).Watch(bytes.NewReader(wav), int64(len(wav))); err != nil || got.DurationMs != 500 {
		t.Errorf("wav: %+v, %v", got, err)
	}
	for name, c := range map[string][]byte{"text": []byte("hello, this is a text"), "cut off": b[:len(b)/3], "empty": nil} {
		if _, err := (Studio{}).Watch(bytes.NewReader(c), int64(len(c))); !errors.Is(err, file.ErrNoMedia) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSniff(t *testing.T) {
	for want, c := range map[string]string{
		"image/png": string(pngOf(t, 1, 1)), "text/html": "<html><script>1</script>", "image/svg+xml": `<svg xmlns="http://www.w3.org/2000/svg"/>`,
		"text/plain": "hello", "application/pdf": "%PDF-1.4", "application/octet-stream": "\x00\x01\x02",
	} {
		if got := Sniff([]byte(c)); got != want {
			t.Errorf("%q: %s, want %s", c[:min(len(c), 10)], got, want)
		}
	}
}

// FuzzMedia: hostile contents never break the process.
func FuzzMedia(f *testing.F) {
	f.Add(pngOf(f, 3, 2))
	f.Add(jpegOf(f, 3, 2, 6))
	f.Add(film())
	f.Add(bomb(1<<31, 1<<31))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = Studio{}.Watch(bytes.NewReader(b), int64(len(b)))
		p, err := Studio{}.Look(bytes.NewReader(b))
		if err == nil && p.Width*p.Height < 1<<16 {
			_, _, _ = Studio{}.Render(context.Background(), bytes.NewReader(b), file.Shape{Width: 8, Height: 8, Fit: file.FitCrop})
		}
	})
}
