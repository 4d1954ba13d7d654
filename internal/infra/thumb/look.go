package thumb

import (
	"bufio"
	"image"
	_ "image/gif"  // format
	_ "image/jpeg" // format
	_ "image/png"  // format
	"io"

	_ "golang.org/x/image/bmp"  // format
	_ "golang.org/x/image/tiff" // format
	_ "golang.org/x/image/webp" // format

	"hongyan/internal/im/file"
)

// headLimit bounds how much of an image is read to find its size, in bytes;
// photographs carry previews in front of it.
const headLimit = 1 << 20

// Studio implements file.Media.
type Studio struct{}

// Look implements file.Media.
func (Studio) Look(r io.ReadSeeker) (p file.Picture, err error) {
	defer func() {
		if recover() != nil { // a decoder that a hostile picture broke
			p, err = file.Picture{}, file.ErrNoMedia
		}
	}()
	c, format, err := image.DecodeConfig(bufio.NewReaderSize(io.LimitReader(r, headLimit), 32<<10))
	if err != nil || c.Width <= 0 || c.Height <= 0 {
		return file.Picture{}, file.ErrNoMedia
	}
	p = file.Picture{Format: format, Width: c.Width, Height: c.Height}
	if find := orientations(format); find != nil {
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			return file.Picture{}, err
		}
		p.Orientation = find(r)
	}
	return p, nil
}
