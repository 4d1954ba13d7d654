// Package film runs ffmpeg and ffprobe, where they are installed, on films and
// sounds of strangers: a frame as a picture, sizes, durations and codecs.
//
// It must not know apps, storage or HTTP. What the programs read is hostile:
// they get one open file and nothing else, a few kinds of containers, no
// network, and little time and memory.
package film

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"hongyan/internal/im/file"
)

const (
	// timeLimit bounds one run, by the clock and in processor time.
	timeLimit = 15 * time.Second
	// memoryLimit bounds the address space of one run, in KiB.
	memoryLimit = 2 << 20
	// fileLimit bounds what one run may write into a file, in blocks of 512 bytes:
	// nothing that we need.
	fileLimit = 1
	// maxInput is the largest film that is put together for a run, in bytes. One
	// that lies in one piece on the disk is given as it is, whatever its size.
	maxInput = 256 << 20
	// maxFrame bounds the picture that comes out, and maxFacts the description, in
	// bytes.
	maxFrame = 64 << 20
	maxFacts = 256 << 10
	// containers are the formats that may be read: none that names other files, as
	// playlists do.
	containers = "mov,matroska,webm,avi,flv,asf,mpegts,mpeg,mp3,aac,ogg,wav,flac,amr"
)

// Tool implements file.Films. It does not bound how many run: the caller does.
type Tool struct {
	ffmpeg, ffprobe string
	attr            func() *isolation
}

// Find looks for the programs: at path, or with "auto" where the system finds
// them. The error says what is missing.
func Find(path string) (*Tool, error) {
	if path == "auto" {
		path = "ffmpeg"
	}
	ffmpeg, err := exec.LookPath(path)
	if err != nil {
		return nil, fmt.Errorf("ffmpeg: %w", err)
	}
	if ffmpeg, err = filepath.Abs(ffmpeg); err != nil {
		return nil, err
	}
	ffprobe := filepath.Join(filepath.Dir(ffmpeg), strings.Replace(filepath.Base(ffmpeg), "ffmpeg", "ffprobe", 1))
	if _, err := exec.LookPath(ffprobe); err != nil {
		return nil, fmt.Errorf("ffprobe, beside ffmpeg: %w", err)
	}
	t := &Tool{ffmpeg: ffmpeg, ffprobe: ffprobe, attr: isolated}
	ctx, cancel := context.WithTimeout(context.Background(), timeLimit)
	defer cancel()
	if _, err := t.run(ctx, t.ffmpeg, nil, maxFacts, "-version"); err != nil {
		// A container may not let us make namespaces.
		t.attr = bare
		if _, err := t.run(ctx, t.ffmpeg, nil, maxFacts, "-version"); err != nil {
			return nil, fmt.Errorf("ffmpeg -version: %w", err)
		}
	}
	return t, nil
}

// Version is the first line that ffmpeg says of itself, and how it is kept from
// the network.
func (t *Tool) Version(ctx context.Context) (string, error) {
	out, err := t.run(ctx, t.ffmpeg, nil, maxFacts, "-version")
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(out), "\n")
	line, _, _ = strings.Cut(line, " Copyright")
	if t.attr() == nil {
		return line + ", without namespaces of its own", nil
	}
	return line, nil
}

// Frame implements file.Films: a PNG.
func (t *Tool) Frame(ctx context.Context, r io.ReadSeeker, atMs int64) ([]byte, error) {
	in, done, err := input(r)
	if err != nil {
		return nil, err
	}
	defer done()
	out, err := t.run(ctx, t.ffmpeg, in, maxFrame, "-nostdin", "-hide_banner", "-v", "error", "-threads", "1",
		"-protocol_whitelist", "file", "-format_whitelist", containers, "-ss", seconds(atMs), "-i", inputName,
		"-map", "0:v:0", "-frames:v", "1", "-an", "-sn", "-dn", "-c:v", "png", "-compression_level", "1", "-f", "image2pipe", "pipe:1")
	if err == nil && len(out) == 0 { // beyond the end
		err = file.ErrNoMedia
	}
	return out, err
}

func seconds(ms int64) string { return strconv.FormatFloat(float64(ms)/1000, 'f', 3, 64) }

// facts is what ffprobe prints.
type facts struct {
	Format struct {
		Name     string `json:"format_name"`
		Duration string `json:"duration"`
	} `json:"format"`
	Streams []struct {
		Kind     string `json:"codec_type"`
		Codec    string `json:"codec_name"`
		Width    int    `json:"width"`
		Height   int    `json:"height"`
		Attached struct {
			Picture int `json:"attached_pic"`
		} `json:"disposition"`
		Side []struct {
			Rotation float64 `json:"rotation"`
		} `json:"side_data_list"`
	} `json:"streams"`
}

// Probe implements file.Films.
func (t *Tool) Probe(ctx context.Context, r io.ReadSeeker) (file.Film, error) {
	in, done, err := input(r)
	if err != nil {
		return file.Film{}, err
	}
	defer done()
	out, err := t.run(ctx, t.ffprobe, in, maxFacts, "-hide_banner", "-v", "error", "-protocol_whitelist", "file", "-format_whitelist", containers,
		"-show_entries", "format=format_name,duration:stream=codec_type,codec_name,width,height:stream_disposition=attached_pic:stream_side_data=rotation",
		"-of", "json", inputName)
	if err != nil {
		return file.Film{}, err
	}
	var x facts
	if err := json.Unmarshal(out, &x); err != nil {
		return file.Film{}, file.ErrNoMedia
	}
	return x.film()
}

func (x *facts) film() (file.Film, error) {
	f := file.Film{}
	f.Container, _, _ = strings.Cut(x.Format.Name, ",")
	if s, err := strconv.ParseFloat(x.Format.Duration, 64); err == nil && s > 0 && s < 1e7 {
		f.DurationMs = int64(s*1000 + 0.5)
	}
	for _, s := range x.Streams {
		switch {
		case s.Kind == "audio" && !f.Audio:
			f.Audio, f.AudioCodec = true, s.Codec
		case s.Kind == "video" && !f.Video && s.Attached.Picture == 0: // no cover of a sound
			f.Video, f.VideoCodec, f.Width, f.Height = true, s.Codec, s.Width, s.Height
			for _, d := range s.Side {
				f.Rotate = ((-int(d.Rotation) % 360) + 360) % 360
			}
		}
	}
	if !f.Audio && !f.Video {
		return f, file.ErrNoMedia
	}
	return f, nil
}

// inputName is the only file that a run is given, as the run calls it.
const inputName = "/dev/fd/3"

// input makes a file of a content. Its name is removed at once, so that nothing
// is left of it whatever happens.
func input(r io.ReadSeeker) (f *os.File, done func(), err error) {
	if whole, ok := r.(interface{ Whole() *os.File }); ok {
		if f := whole.Whole(); f != nil {
			return f, func() {}, nil // its owner closes it
		}
	}
	if n, err := r.Seek(0, io.SeekEnd); err != nil || n > maxInput {
		return nil, nil, file.ErrNoMedia
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	tmp, err := os.CreateTemp("", "hongyan-film-*")
	if err != nil {
		return nil, nil, err
	}
	if err := os.Remove(tmp.Name()); err == nil {
		_, err = io.Copy(tmp, io.LimitReader(r, maxInput))
		if err == nil {
			return tmp, func() { tmp.Close() }, nil
		}
		return nil, nil, errors.Join(err, tmp.Close())
	}
	return nil, nil, errors.Join(err, tmp.Close())
}

// run runs a program within the limits and returns what it prints. A program
// that fails has met a content that it cannot read: ErrNoMedia.
func (t *Tool) run(ctx context.Context, program string, in *os.File, most int, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	limits := fmt.Sprintf(`ulimit -t %d && ulimit -v %d && ulimit -f %d && ulimit -c 0 && exec "$0" "$@"`, int(timeLimit.Seconds()), memoryLimit, fileLimit)
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", limits, program}, args...)...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=/nonexistent"}
	cmd.Dir = "/"
	out := &capped{left: most}
	var said capped
	said.left = 4 << 10
	cmd.Stdout, cmd.Stderr = out, &said
	cmd.WaitDelay = time.Second
	if in != nil {
		cmd.ExtraFiles = []*os.File{in}
	}
	t.attr().apply(cmd)
	err := cmd.Run()
	var failed *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case out.left < 0, errors.As(err, &failed):
		return nil, fmt.Errorf("%w: %s", file.ErrNoMedia, strings.TrimSpace(said.taken.String()))
	case err != nil:
		return nil, err
	}
	return out.taken.Bytes(), nil
}

// capped takes so many bytes and no more.
type capped struct {
	taken bytes.Buffer // not embedded: it would read by itself, without end
	left  int
}

// Write implements io.Writer.
func (c *capped) Write(b []byte) (int, error) {
	if c.left -= len(b); c.left < 0 {
		return 0, errors.New("too much")
	}
	return c.taken.Write(b)
}
