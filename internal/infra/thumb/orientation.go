package thumb

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
)

const (
	exifMark = "Exif\x00\x00"
	// maxExif bounds the EXIF data that are read, in bytes.
	maxExif = 64 << 10
	// maxTags bounds the entries of a directory that are looked at.
	maxTags = 1000
	// tagOrientation is the entry that says how a picture lies.
	tagOrientation = 0x0112
)

// orientations returns what finds the EXIF orientation in a format, 0 if there
// is none; nil for formats without.
func orientations(format string) func(io.ReadSeeker) int {
	switch format {
	case "jpeg":
		return jpegOrientation
	case "png":
		return pngOrientation
	case "webp":
		return webpOrientation
	case "tiff":
		return tiffOrientation
	}
	return nil
}

// jpegOrientation reads the segments before the picture.
func jpegOrientation(rs io.ReadSeeker) int {
	r := bufio.NewReader(io.LimitReader(rs, headLimit))
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
		if t, ok := bytes.CutPrefix(seg, []byte(exifMark)); ok {
			if o := exifOrientation(t); o != 0 {
				return o
			}
		}
	}
}

// pngOrientation reads the chunks before the pixels; eXIf is one of them.
func pngOrientation(r io.ReadSeeker) int {
	at := int64(8)
	for range maxBoxes {
		var h [8]byte
		if !readAt(r, at, h[:]) || string(h[4:]) == "IDAT" {
			return 0
		}
		n := int64(binary.BigEndian.Uint32(h[:]))
		if string(h[4:]) == "eXIf" {
			return exifAt(r, at+8, n)
		}
		at += n + 12
	}
	return 0
}

// webpOrientation reads the chunks of a RIFF file; EXIF comes after the pixels.
func webpOrientation(r io.ReadSeeker) int {
	at := int64(12)
	for range maxBoxes {
		var h [8]byte
		if !readAt(r, at, h[:]) {
			return 0
		}
		n := int64(binary.LittleEndian.Uint32(h[4:]))
		if string(h[:4]) == "EXIF" {
			return exifAt(r, at+8, n)
		}
		at += 8 + n + n%2
	}
	return 0
}

// exifAt reads n bytes of EXIF data.
func exifAt(r io.ReadSeeker, at, n int64) int {
	b := make([]byte, min(n, maxExif))
	if !readAt(r, at, b) {
		return 0
	}
	return exifOrientation(bytes.TrimPrefix(b, []byte(exifMark)))
}

func readAt(r io.ReadSeeker, at int64, b []byte) bool {
	if _, err := r.Seek(at, io.SeekStart); err != nil {
		return false
	}
	_, err := io.ReadFull(r, b)
	return err == nil
}

// tiffOrientation reads the first directory of a TIFF file, wherever it is.
func tiffOrientation(r io.ReadSeeker) int {
	var h [8]byte
	if !readAt(r, 0, h[:]) {
		return 0
	}
	order, at := tiffHead(h[:])
	var two [2]byte
	if order == nil || !readAt(r, int64(at), two[:]) {
		return 0
	}
	b := make([]byte, 12*min(int(order.Uint16(two[:])), maxTags))
	if _, err := io.ReadFull(r, b); err != nil {
		return 0
	}
	return orientationIn(order, b)
}

// exifOrientation reads EXIF data, which are a TIFF file in small.
func exifOrientation(t []byte) int {
	if len(t) < 8 {
		return 0
	}
	order, at := tiffHead(t)
	if order == nil || uint64(at)+2 > uint64(len(t)) {
		return 0
	}
	entries := t[at+2:]
	return orientationIn(order, entries[:min(len(entries), 12*int(order.Uint16(t[at:])))])
}

// tiffHead reads the order of bytes and where the first directory is; nil if
// this is no TIFF.
func tiffHead(t []byte) (binary.ByteOrder, uint32) {
	switch string(t[:4]) {
	case "II*\x00":
		return binary.LittleEndian, binary.LittleEndian.Uint32(t[4:])
	case "MM\x00*":
		return binary.BigEndian, binary.BigEndian.Uint32(t[4:])
	}
	return nil, 0
}

// orientationIn looks through the entries of a directory.
func orientationIn(order binary.ByteOrder, entries []byte) int {
	for ; len(entries) >= 12; entries = entries[12:] {
		if order.Uint16(entries) == tagOrientation {
			if o := int(order.Uint16(entries[8:])); o >= 1 && o <= 8 {
				return o
			}
			return 0
		}
	}
	return 0
}
