package thumb

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"hongyan/internal/im/file"
)

// quarters is a picture whose four quarters are red, green, blue and white.
func quarters(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i, c := range []color.Color{color.RGBA{255, 0, 0, 255}, color.RGBA{0, 255, 0, 255}, color.RGBA{0, 0, 255, 255}, color.White} {
		x, y := i%2*(w/2), i/2*(h/2)
		draw.Draw(m, image.Rect(x, y, x+w/2, y+h/2), image.NewUniform(c), image.Point{}, draw.Src)
	}
	return m
}

// look names the colours at the middle of the four quarters.
func look(t *testing.T, b []byte) (kind string, w, h int, colours string) {
	t.Helper()
	m, kind, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	w, h = m.Bounds().Dx(), m.Bounds().Dy()
	for i := range 4 {
		r, g, bl, _ := m.At(w/4+i%2*(w/2), h/4+i/2*(h/2)).RGBA()
		name := ""
		for _, c := range []struct {
			v uint32
			n string
		}{{r, "r"}, {g, "g"}, {bl, "b"}} {
			if c.v > 0x8000 {
				name += c.n
			}
		}
		colours += name + " "
	}
	return kind, w, h, colours
}

// exif is EXIF data with an orientation.
func exif(o int) []byte {
	b := []byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00")
	binary.BigEndian.PutUint16(b[18:], uint16(o))
	return b
}

// withOrientation puts an orientation into a picture of the format.
func withOrientation(t *testing.T, format string, b []byte, o int) []byte {
	t.Helper()
	e := exif(o)
	switch format {
	case "jpeg":
		seg := append([]byte{0xff, 0xe1, 0, byte(len(e) + 8)}, append([]byte(exifMark), e...)...)
		return append(append([]byte{0xff, 0xd8}, seg...), b[2:]...)
	case "png":
		chunk := append([]byte("eXIf"), e...)
		out := append(bytes.Clone(b[:33]), 0, 0, 0, byte(len(e)))
		out = binary.BigEndian.AppendUint32(append(out, chunk...), crc32.ChecksumIEEE(chunk))
		return append(out, b[33:]...)
	case "webp":
		// VP8X with the flag of EXIF, the picture, EXIF.
		conf, _, err := image.DecodeConfig(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		body := []byte("WEBPVP8X\x0a\x00\x00\x00\x08\x00\x00\x00")
		body = append(body, byte(conf.Width-1), 0, 0, byte(conf.Height-1), 0, 0)
		body = append(body, b[12:]...)
		body = append(body, "EXIF"...)
		body = append(binary.LittleEndian.AppendUint32(body, uint32(len(e))), e...)
		return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
	case "tiff":
		// The directory again at the end, with one more entry at its right place.
		at := binary.LittleEndian.Uint32(b[4:])
		n := int(binary.LittleEndian.Uint16(b[at:]))
		var entries [][]byte
		for i := range n {
			entries = append(entries, b[int(at)+2+12*i:int(at)+14+12*i])
		}
		more := make([]byte, 12)
		for i, v := range []uint16{tagOrientation, 3, 1, 0, uint16(o)} {
			binary.LittleEndian.PutUint16(more[2*i:], v)
		}
		out := binary.LittleEndian.AppendUint16(bytes.Clone(b), uint16(n+1))
		done := false
		for _, x := range entries {
			if !done && binary.LittleEndian.Uint16(x) > tagOrientation {
				out, done = append(out, more...), true
			}
			out = append(out, x...)
		}
		out = append(out, 0, 0, 0, 0)
		binary.LittleEndian.PutUint32(out[4:], uint32(len(b)))
		return out
	}
	t.Fatalf("%s has no orientation", format)
	return nil
}

// webp of 8 by 6 pixels, lossy and lossless: a test picture of bars.
const (
	webpLossless = "UklGRloAAABXRUJQVlA4TE4AAAAvB0ABAG9gkG2kHtm/+pGdBoGkjY/+5CMQoKhnnvPM/AfkBkgIcIPSLV618ViCQtpWJItIMkjgK6SwIYRRs3CM3jhE9D8gaiDOv/o+ECc="
	webpLossy    = "UklGRpAAAABXRUJQVlA4IIQAAABwAgCdASoIAAYAAgA0JbACdDKJf2A+AAFpPdocAP72/2Ejim6pX/hhtRvMLW/M7/g1/nGx6Nm6N3IMc3o/IkNJB2F/P81/q+vl92RZkfIub2BVKvq/5x7eNkxjcNtcspG1/c3sa5vVw/sA/X/vVsDlX/5Y/Pf7ONz9KGD+Jj+5v/DQAAA="
)

func encoded(t *testing.T, w, h int) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	m := quarters(w, h)
	for name, enc := range map[string]func(*bytes.Buffer) error{
		"jpeg": func(b *bytes.Buffer) error { return jpeg.Encode(b, m, &jpeg.Options{Quality: 95}) },
		"gif":  func(b *bytes.Buffer) error { return gif.Encode(b, m, nil) },
		"bmp":  func(b *bytes.Buffer) error { return bmp.Encode(b, m) },
		"tiff": func(b *bytes.Buffer) error { return tiff.Encode(b, m, &tiff.Options{Compression: tiff.Deflate}) },
	} {
		var b bytes.Buffer
		if err := enc(&b); err != nil {
			t.Fatal(err)
		}
		out[name] = b.Bytes()
	}
	var err error
	if out["png"], _, err = encode(m, "png", file.Shape{}); err != nil {
		t.Fatal(err)
	}
	return out
}

// Every format becomes a thumbnail, upright.
func TestFormats(t *testing.T) {
	all := encoded(t, 64, 48)
	for name, want := range map[string]string{"jpeg": "jpeg", "png": "png", "gif": "png", "bmp": "png", "tiff": "png"} {
		out, _, err := Studio{}.Render(context.Background(), bytes.NewReader(all[name]), file.Shape{Width: 16, Height: 16, Fit: file.FitInside})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if kind, w, h, colours := look(t, out); kind != want || w != 16 || h != 12 || colours != "r g b rgb " {
			t.Errorf("%s: %s %dx%d %s", name, kind, w, h, colours)
		}
		if p, err := (Studio{}).Look(bytes.NewReader(all[name])); err != nil || p != (file.Picture{Format: name, Width: 64, Height: 48}) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	for _, text := range []string{webpLossless, webpLossy} {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []int{0, 6} {
			c, w, h := b, 4, 3
			if o != 0 {
				c, w, h = withOrientation(t, "webp", b, o), 2, 3 // 3 of 4 columns: 6 x 8 turned, at most 4 x 3
			}
			out, kind, err := Studio{}.Render(context.Background(), bytes.NewReader(c), file.Shape{Width: 4, Height: 3, Fit: file.FitInside})
			if err != nil {
				t.Errorf("webp, orientation %d: %v", o, err)
				continue
			}
			if _, gw, gh, _ := look(t, out); gw != w || gh != h || kind != "image/png" {
				t.Errorf("webp, orientation %d: %s %dx%d", o, kind, gw, gh)
			}
		}
	}
}

// What each orientation makes of the quarters, and of a part of them.
func TestOrientations(t *testing.T) {
	all := encoded(t, 64, 48)
	upright := map[int]string{1: "r g b rgb ", 2: "g r rgb b ", 3: "rgb b g r ", 4: "b rgb r g ", 5: "r b g rgb ", 6: "b r rgb g ", 7: "rgb g b r ", 8: "g rgb r b "}
	for _, format := range []string{"jpeg", "png", "tiff"} {
		for o, want := range upright {
			b := withOrientation(t, format, all[format], o)
			if p, err := (Studio{}).Look(bytes.NewReader(b)); err != nil || p.Orientation != o {
				t.Errorf("%s %d: %+v, %v", format, o, p, err)
				continue
			}
			render := func(s file.Shape) (int, int, string) {
				t.Helper()
				out, _, err := Studio{}.Render(context.Background(), bytes.NewReader(b), s)
				if err != nil {
					t.Fatalf("%s %d: %v", format, o, err)
				}
				_, w, h, colours := look(t, out)
				return w, h, colours
			}
			w, h, vw, vh := 16, 12, 64, 48
			if o >= 5 {
				w, h, vw, vh = 9, 12, 48, 64
			}
			if gw, gh, got := render(file.Shape{Width: 16, Height: 12, Fit: file.FitInside}); gw != w || gh != h || got != want {
				t.Errorf("%s %d: %dx%d %s, want %dx%d %s", format, o, gw, gh, got, w, h, want)
			}
			// The right lower quarter, as it is seen, is one colour.
			corner := fmt.Sprintf("%s %[1]s %[1]s %[1]s ", split(want)[3])
			if _, _, got := render(file.Shape{CropX: vw / 2, CropY: vh / 2, CropWidth: vw / 2, CropHeight: vh / 2}); got != corner {
				t.Errorf("%s %d: the corner is %s, want %s", format, o, got, corner)
			}
			// A narrow cut at the left, as it is seen.
			left := fmt.Sprintf("%s %[1]s %[2]s %[2]s ", split(want)[0], split(want)[2])
			if _, _, got := render(file.Shape{Width: 4, Height: 40, Fit: file.FitCrop, AxisX: -5}); got != left {
				t.Errorf("%s %d: at the left %s, want %s", format, o, got, left)
			}
		}
	}
}

func split(s string) (out []string) {
	for _, f := range bytes.Fields([]byte(s)) {
		out = append(out, string(f))
	}
	return out
}

func TestShapes(t *testing.T) {
	big := encoded(t, 1000, 800)
	for _, c := range []struct {
		name, format string
		shape        file.Shape
		w, h         int
		colours      string
	}{
		{"much smaller", "jpeg", file.Shape{Width: 100, Height: 100, Fit: 'x'}, 100, 80, "r g b rgb "},
		{"much smaller, png", "png", file.Shape{Width: 100, Height: 100, Fit: 'x'}, 100, 80, "r g b rgb "},
		{"much smaller, gif", "gif", file.Shape{Width: 100, Height: 100, Fit: 'x'}, 100, 80, "r g b rgb "},
		{"to a dot", "jpeg", file.Shape{Width: 1, Height: 1, Fit: 'x'}, 1, 1, ""},
		{"pixels", "jpeg", file.Shape{Pixels: 10000}, 112, 89, "r g b rgb "},
		{"crop beyond the edge", "png", file.Shape{CropX: 500, CropY: 400, CropWidth: 9000, CropHeight: 9000}, 500, 400, "rgb rgb rgb rgb "},
		{"crop of nothing", "png", file.Shape{CropX: 5000, CropY: 0, CropWidth: 10, CropHeight: 10, Width: 50}, 50, 40, "r g b rgb "},
		{"a little blur", "png", file.Shape{Width: 100, Blur: 3}, 100, 80, "r g b rgb "},
		{"axis at the bottom", "png", file.Shape{Width: 200, Height: 10, Fit: 'y', AxisY: 5}, 200, 10, "b rgb b rgb "},
	} {
		out, _, err := Studio{}.Render(context.Background(), bytes.NewReader(big[c.format]), c.shape)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if _, w, h, colours := look(t, out); w != c.w || h != c.h || c.colours != "" && colours != c.colours {
			t.Errorf("%s: %dx%d %s", c.name, w, h, colours)
		}
	}
}

// Headers that promise more than may be decoded are refused before anything is.
func TestBombs(t *testing.T) {
	all := encoded(t, 64, 48)
	for name, b := range map[string][]byte{
		"png":                bomb(60000, 60000),
		"bmp":                patched(all["bmp"], 18, le32(40000), le32(40000)),
		"gif":                patched(all["gif"], 6, []byte{0xff, 0xff, 0xff, 0xff}),
		"jpeg":               patched(all["jpeg"], bytes.Index(all["jpeg"], []byte{0xff, 0xc0})+5, []byte{0xff, 0xdc, 0xff, 0xdc}),
		"tiff":               tiffOfSize(all["tiff"], 50000, 50000),
		"jpeg of many scans": scans(all["jpeg"], 2000),
		// The canvas is small, the picture inside is not.
		"webp": webpInside(t),
	} {
		out, _, err := Studio{}.Render(context.Background(), bytes.NewReader(b), file.Shape{Width: 10})
		if !errors.Is(err, file.ErrNoMedia) {
			t.Errorf("%s: %d bytes, %v", name, len(out), err)
		}
	}
	if _, _, err := (Studio{}).Render(context.Background(), bytes.NewReader(scans(all["jpeg"], 5)), file.Shape{Width: 10}); err != nil {
		t.Errorf("a JPEG of some scans: %v", err)
	}
	// A picture that fits, of a file that is cut off, is an error and no hang.
	for name, b := range all {
		if _, _, err := (Studio{}).Render(context.Background(), bytes.NewReader(b[:len(b)*2/3]), file.Shape{Width: 10}); name != "gif" && !errors.Is(err, file.ErrNoMedia) {
			t.Errorf("%s cut off: %v", name, err)
		}
	}
}

// scans repeats the scan of a JPEG.
func scans(b []byte, n int) []byte {
	at := bytes.LastIndex(b, []byte{0xff, 0xda})
	return bytes.Join([][]byte{b[:at], bytes.Repeat(b[at:len(b)-2], n), b[len(b)-2:]}, nil)
}

func patched(b []byte, at int, parts ...[]byte) []byte {
	out := bytes.Clone(b)
	copy(out[at:], bytes.Join(parts, nil))
	return out
}

func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

// tiffOfSize changes the two entries of the size, the first ones.
func tiffOfSize(b []byte, w, h uint32) []byte {
	at := int(binary.LittleEndian.Uint32(b[4:])) + 2
	for i, v := range []uint32{w, h} {
		b = patched(b, at+12*i+2, []byte{4, 0}, le32(1), le32(v))
	}
	return b
}

func webpInside(t *testing.T) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(webpLossless)
	if err != nil {
		t.Fatal(err)
	}
	b = withOrientation(t, "webp", b, 1)
	// 14 bits each for the size, after the chunk's signature byte.
	i := bytes.Index(b, []byte("VP8L")) + 9
	return patched(b, i, []byte{0xff, 0xff, 0xff, 0x0f})
}
