package thumb

import (
	"bufio"
	"encoding/binary"
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
	if format == "jpeg" {
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			return file.Picture{}, err
		}
		p.Orientation = orientation(bufio.NewReader(io.LimitReader(r, headLimit)))
	}
	return p, nil
}

// orientation finds the EXIF orientation of a JPEG, 0 if there is none.
func orientation(r *bufio.Reader) int {
	var two [2]byte
	if _, err := io.ReadFull(r, two[:]); err != nil || two != [2]byte{0xff, 0xd8} {
		return 0
	}
	for {
		if _, err := io.ReadFull(r, two[:]); err != nil || two[0] != 0xff || two[1] == 0xda {
			return 0
		}
		marker := two[1]
		if _, err := io.ReadFull(r, two[:]); err != nil {
			return 0
		}
		n := int(binary.BigEndian.Uint16(two[:])) - 2
		if n < 0 {
			return 0
		}
		if marker != 0xe1 {
			if _, err := r.Discard(n); err != nil {
				return 0
			}
			continue
		}
		seg := make([]byte, n) // at most 64 KiB
		if _, err := io.ReadFull(r, seg); err != nil {
			return 0
		}
		if o := exifOrientation(seg); o != 0 {
			return o
		}
	}
}

// exifOrientation reads tag 0x0112 of the first directory of an APP1 segment.
func exifOrientation(seg []byte) int {
	if len(seg) < 14 || string(seg[:6]) != "Exif\x00\x00" {
		return 0
	}
	t := seg[6:]
	var order binary.ByteOrder
	switch string(t[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	at := uint64(order.Uint32(t[4:]))
	if at+2 > uint64(len(t)) {
		return 0
	}
	n := uint64(order.Uint16(t[at:]))
	for i := range n {
		e := at + 2 + i*12
		if e+12 > uint64(len(t)) {
			return 0
		}
		if order.Uint16(t[e:]) == 0x0112 {
			if o := int(order.Uint16(t[e+8:])); o >= 1 && o <= 8 {
				return o
			}
			return 0
		}
	}
	return 0
}
