package file

import (
	"errors"
	"io"
)

// ErrNoMedia is a Media error: the content is not what was asked for, or not in
// a form that can be read.
var ErrNoMedia = errors.New("not a picture, sound or film that can be read")

// Picture is what the head of an image tells.
type Picture struct {
	Format        string // png, jpeg, gif, webp, bmp, tiff
	Width, Height int    // pixels, as stored
	Orientation   int    // EXIF value 1 to 8; 0 = none
}

// Film is what a sound or film file tells.
type Film struct {
	Width, Height          int // pixels; 0 = no picture
	Rotate                 int // degrees
	DurationMs             int64
	Audio, Video           bool
	AudioCodec, VideoCodec string
	Container              string
}

// Media reads and changes contents. Errors are ErrNoMedia or those of reading.
type Media interface {
	// Look reads the head of an image.
	Look(r io.ReadSeeker) (Picture, error)
	// Watch reads the head of a sound or film.
	Watch(r io.ReadSeeker, size int64) (Film, error)
}
