package thumb

import (
	"encoding/binary"
	"io"

	"hongyan/internal/im/file"
)

const (
	// moovLimit bounds the index of a film that is read, in bytes.
	moovLimit = 4 << 20
	// maxBoxes bounds the boxes that are looked at.
	maxBoxes = 1000
)

// Watch implements file.Media. It knows the MP4 family (mp4, m4a, mov, 3gp) and
// WAV.
func (Studio) Watch(r io.ReadSeeker, size int64) (file.Film, error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return file.Film{}, file.ErrNoMedia
	}
	switch {
	case string(head[4:8]) == "ftyp":
		return watchMP4(r, size)
	case string(head[:4]) == "RIFF" && string(head[8:]) == "WAVE":
		return watchWAV(r, size)
	}
	return file.Film{}, file.ErrNoMedia
}

func watchMP4(r io.ReadSeeker, size int64) (file.Film, error) {
	f := file.Film{Container: "mp4"}
	at := int64(0)
	for range maxBoxes {
		if _, err := r.Seek(at, io.SeekStart); err != nil {
			return f, err
		}
		var h [16]byte
		if _, err := io.ReadFull(r, h[:8]); err != nil {
			return f, file.ErrNoMedia
		}
		n, hl := int64(binary.BigEndian.Uint32(h[:])), int64(8)
		if n == 1 {
			if _, err := io.ReadFull(r, h[8:]); err != nil {
				return f, file.ErrNoMedia
			}
			n, hl = int64(binary.BigEndian.Uint64(h[8:])), 16
		}
		if n == 0 {
			n = size - at
		}
		if n < hl || n > size-at {
			return f, file.ErrNoMedia
		}
		if string(h[4:8]) == "moov" {
			if n-hl > moovLimit {
				return f, file.ErrNoMedia
			}
			b := make([]byte, n-hl)
			if _, err := io.ReadFull(r, b); err != nil {
				return f, file.ErrNoMedia
			}
			left := maxBoxes
			readMoov(b, &f, &track{}, &left)
			if !f.Audio && !f.Video {
				return f, file.ErrNoMedia
			}
			return f, nil
		}
		at += n
	}
	return f, file.ErrNoMedia
}

// track is what is known of the track being read.
type track struct {
	w, h, rotate int
	video        bool
	audio        bool
}

// readMoov walks the boxes of a film's index.
func readMoov(b []byte, f *file.Film, t *track, left *int) {
	for len(b) >= 8 && *left > 0 {
		*left--
		n := int64(binary.BigEndian.Uint32(b))
		if n < 8 || n > int64(len(b)) {
			return
		}
		body, kind := b[8:n], string(b[4:8])
		b = b[n:]
		switch kind {
		case "mvhd":
			f.DurationMs = duration(body)
		case "trak":
			t := &track{}
			readMoov(body, f, t, left)
			if t.video {
				f.Video, f.Width, f.Height, f.Rotate = true, t.w, t.h, t.rotate
			}
			f.Audio = f.Audio || t.audio
		case "mdia", "minf", "stbl":
			readMoov(body, f, t, left)
		case "tkhd":
			readTrackHead(body, t)
		case "hdlr":
			if len(body) >= 12 {
				t.video, t.audio = string(body[8:12]) == "vide", string(body[8:12]) == "soun"
			}
		case "stsd":
			if len(body) >= 16 {
				if codec := plain(body[12:16]); t.video {
					f.VideoCodec = codec
				} else if t.audio {
					f.AudioCodec = codec
				}
			}
		}
	}
}

// duration reads timescale and duration of an mvhd box, in ms.
func duration(b []byte) int64 {
	var scale, n uint64
	switch {
	case len(b) >= 32 && b[0] == 1:
		scale, n = uint64(binary.BigEndian.Uint32(b[20:])), binary.BigEndian.Uint64(b[24:])
	case len(b) >= 20 && b[0] == 0:
		scale, n = uint64(binary.BigEndian.Uint32(b[12:])), uint64(binary.BigEndian.Uint32(b[16:]))
	}
	if scale == 0 || n/scale > 1<<31 {
		return 0
	}
	return int64(n/scale*1000 + n%scale*1000/scale)
}

func readTrackHead(b []byte, t *track) {
	at := 40 // of the matrix, after version 0 fields
	if len(b) > 0 && b[0] == 1 {
		at = 52
	}
	if len(b) < at+44 {
		return
	}
	t.w, t.h = int(binary.BigEndian.Uint16(b[at+36:])), int(binary.BigEndian.Uint16(b[at+40:]))
	a, c := int32(binary.BigEndian.Uint32(b[at:])), int32(binary.BigEndian.Uint32(b[at+4:]))
	switch {
	case a == 0 && c > 0:
		t.rotate = 90
	case a < 0 && c == 0:
		t.rotate = 180
	case a == 0 && c < 0:
		t.rotate = 270
	}
}

// plain returns a four-letter code, "" if it is not printable.
func plain(b []byte) string {
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return ""
		}
	}
	return string(b)
}

func watchWAV(r io.ReadSeeker, size int64) (file.Film, error) {
	f := file.Film{Container: "wav", Audio: true, AudioCodec: "pcm"}
	var rate, data int64
	for range 50 {
		var h [8]byte
		if _, err := io.ReadFull(r, h[:]); err != nil {
			break
		}
		n := int64(binary.LittleEndian.Uint32(h[4:]))
		if string(h[:4]) == "data" {
			at, err := r.Seek(0, io.SeekCurrent)
			if err != nil {
				return f, err
			}
			data = min(n, size-at)
			break
		}
		if string(h[:4]) == "fmt " && n >= 16 {
			var b [16]byte
			if _, err := io.ReadFull(r, b[:]); err != nil {
				break
			}
			rate = int64(binary.LittleEndian.Uint32(b[8:]))
			n -= 16
		}
		if _, err := r.Seek(n+n%2, io.SeekCurrent); err != nil {
			return f, err
		}
	}
	if rate == 0 || data <= 0 {
		return f, file.ErrNoMedia
	}
	f.DurationMs = data * 1000 / rate
	return f, nil
}
