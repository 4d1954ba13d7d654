package file

import (
	"context"
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
	// Render makes a smaller picture and returns it with its media type. A
	// picture that is too large to be decoded is ErrNoMedia.
	Render(ctx context.Context, r io.ReadSeeker, s Shape) (content []byte, mediaType string, err error)
}

// Films looks into sounds and films with a program that not every machine has.
// Errors are ErrNoMedia or those of reading and running.
type Films interface {
	// Probe tells what Media.Watch cannot.
	Probe(ctx context.Context, r io.ReadSeeker) (Film, error)
	// Frame makes a picture of the film at a time, as it was filmed.
	Frame(ctx context.Context, r io.ReadSeeker, atMs int64) ([]byte, error)
}

// Fit says how a picture meets its box (docs/protocol/storage.md section 10).
type Fit byte

// Fits.
const (
	FitInside Fit = 'x' // inside the box, aspect kept
	FitCrop   Fit = 'y' // fills the box, cut in the centre
	FitCover  Fit = 'z' // the shorter side reaches the box, nothing is cut
)

// Shape is what a picture shall become.
type Shape struct {
	Width, Height int // of the box, 0 = from the other; both 0 = as it is
	Fit           Fit
	Enlarge       bool   // beyond its own size
	Quality       int    // 1 to 100; 0 = 75
	Format        string // jpeg or png; "" = like the original
	Rotate        int    // degrees clockwise: 0, 90, 180, 270

	// The part of the picture, as it is seen, that is taken; no width = all of it.
	CropX, CropY, CropWidth, CropHeight int
	// Where FitCrop cuts: tenths of what is cut away, from the centre, -5 to 5.
	AxisX, AxisY int
	Pixels       int // the result has at most so many; 0 = no limit
	Blur         int // radius in pixels, at most 50
}
