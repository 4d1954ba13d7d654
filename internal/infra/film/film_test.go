package film

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im/file"
)

func tool(t *testing.T) *Tool {
	t.Helper()
	x, err := Find("auto")
	if err != nil {
		hytest.LeaveOut(t, "frames of films: "+err.Error())
	}
	return x
}

// made is a film or sound that ffmpeg makes of a test picture and a tone.
func made(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	line := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=5:duration=2", "-f", "lavfi", "-i", "sine=duration=2"}, args...)
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", append(line, path)...).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// whole is a content that is one file of the system.
type whole struct {
	*bytes.Reader
	f *os.File
}

func (w whole) Whole() *os.File { return w.f }

func TestFilms(t *testing.T) {
	x := tool(t)
	mp4 := made(t, "a.mp4", "-c:v", "mpeg4", "-c:a", "aac")
	for _, c := range []struct {
		name string
		b    []byte
		want file.Film
	}{
		{"mp4", mp4, file.Film{Width: 64, Height: 48, Audio: true, Video: true, AudioCodec: "aac", VideoCodec: "mpeg4", Container: "mov"}},
		{"avi", made(t, "a.avi", "-c:v", "mpeg4", "-an"), file.Film{Width: 64, Height: 48, Video: true, VideoCodec: "mpeg4", Container: "avi"}},
		{"webm", made(t, "a.webm", "-c:v", "libvpx", "-an"), file.Film{Width: 64, Height: 48, Video: true, VideoCodec: "vp8", Container: "matroska"}},
		{"ogg", made(t, "a.ogg", "-vn", "-c:a", "libopus"), file.Film{Audio: true, AudioCodec: "opus", Container: "ogg"}},
		{"flac", made(t, "a.flac", "-vn"), file.Film{Audio: true, AudioCodec: "flac", Container: "flac"}},
	} {
		got, err := x.Probe(t.Context(), bytes.NewReader(c.b))
		if got.DurationMs < 1900 || got.DurationMs > 2200 {
			t.Errorf("%s: %d ms", c.name, got.DurationMs)
		}
		if got.DurationMs = 0; err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		pic, err := x.Frame(t.Context(), bytes.NewReader(c.b), 1000)
		if !c.want.Video {
			if !errors.Is(err, file.ErrNoMedia) {
				t.Errorf("%s: a frame of a sound: %v", c.name, err)
			}
			continue
		}
		if conf, perr := png.DecodeConfig(bytes.NewReader(pic)); err != nil || perr != nil || conf.Width != 64 || conf.Height != 48 {
			t.Errorf("%s: frame %+v, %v, %v", c.name, conf, err, perr)
		}
	}
	if _, err := x.Frame(t.Context(), bytes.NewReader(mp4), 3600_000); !errors.Is(err, file.ErrNoMedia) {
		t.Errorf("beyond the end: %v", err)
	}
	path := filepath.Join(t.TempDir(), "whole")
	if err := os.WriteFile(path, mp4, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := x.Frame(t.Context(), whole{nil, f}, 0); err != nil {
		t.Errorf("a file as it is: %v", err)
	}
	if v, err := x.Version(t.Context()); err != nil || !strings.HasPrefix(v, "ffmpeg version") {
		t.Errorf("%q, %v", v, err)
	}
}

// Contents that name other files or hosts, and such that are nothing, are
// refused: only the one file is ever read.
func TestHostile(t *testing.T) {
	x := tool(t)
	secret := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(secret, []byte("the secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	mp4 := made(t, "a.mp4", "-c:v", "mpeg4", "-an")
	for name, c := range map[string]string{
		"playlist of a file":   "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\nfile://" + secret + "\n#EXT-X-ENDLIST\n",
		"playlist of a host":   "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\nhttp://127.0.0.1:1/x.ts\n#EXT-X-ENDLIST\n",
		"list of files":        "ffconcat version 1.0\nfile '" + secret + "'\n",
		"subtitles of a frame": "WEBVTT\n\n00:00.000 --> 00:10.000\nhello\n",
		"a page":               "<html>",
		"text":                 "hello",
		"nothing":              "",
		"half a film":          string(mp4[:len(mp4)/2]),
		"picture as a film":    "\x89PNG\r\n\x1a\n",
	} {
		pic, err := x.Frame(t.Context(), strings.NewReader(c), 0)
		if !errors.Is(err, file.ErrNoMedia) {
			t.Errorf("%s: %d bytes, %v", name, len(pic), err)
		}
		if f, err := x.Probe(t.Context(), strings.NewReader(c)); !errors.Is(err, file.ErrNoMedia) || err != nil && strings.Contains(err.Error(), "the secret") {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

// script is a program in the place of ffmpeg, so that it does what ffmpeg might.
func script(t *testing.T, body string) *Tool {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return &Tool{ffmpeg: path, ffprobe: path, attr: bare}
}

func TestLimits(t *testing.T) {
	in := strings.NewReader("x")
	frame := func(body string) ([]byte, error) { return script(t, body).Frame(t.Context(), in, 0) }
	if _, err := frame("exit 3"); !errors.Is(err, file.ErrNoMedia) {
		t.Errorf("a failure: %v", err)
	}
	if _, err := frame("cat /dev/zero"); !errors.Is(err, file.ErrNoMedia) {
		t.Errorf("endless output: %v", err)
	}
	t.Setenv("HONGYAN_DB", "postgres://user:secret@host/db")
	if out, err := frame("env; ls /proc/self/fd | wc -l"); err != nil || strings.Contains(string(out), "secret") {
		t.Errorf("the environment: %s, %v", out, err)
	}
	if out, err := frame("cat /dev/fd/3"); err != nil || string(out) != "x" {
		t.Errorf("the content: %q, %v", out, err)
	}
	if out, err := frame(`big=x; for i in 1 2 3 4 5 6 7 8 9 10 11; do echo "$big" >"` + t.TempDir() + `/f" || exit 4; big=$big$big$big$big; done; echo kept`); err == nil {
		t.Errorf("files can be written: %s", out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := script(t, "sleep 60 & sleep 60").Frame(ctx, in, 0); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 10*time.Second {
		t.Errorf("a hang: %v after %v", err, time.Since(began))
	}
	if _, err := script(t, "echo nonsense").Probe(t.Context(), in); !errors.Is(err, file.ErrNoMedia) {
		t.Errorf("nonsense of ffprobe: %v", err)
	}
	if _, err := (script(t, "true")).Frame(t.Context(), &endless{}, 0); !errors.Is(err, file.ErrNoMedia) {
		t.Errorf("too large a film: %v", err)
	}
}

// endless is a content larger than what is put together.
type endless struct{ at int64 }

func (e *endless) Read(b []byte) (int, error) { return len(b), nil }

func (e *endless) Seek(int64, int) (int64, error) { return maxInput + 1, nil }

// In its namespaces a run sees no network but its own loopback.
func TestIsolation(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("namespaces are Linux's")
	}
	x := script(t, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '")
	x.attr = isolated
	out, err := x.Frame(t.Context(), strings.NewReader("x"), 0)
	if err != nil {
		hytest.LeaveOut(t, fmt.Sprintf("runs of ffmpeg without network: no namespaces here: %v", err))
	}
	if got := strings.Fields(string(out)); len(got) > 1 || len(got) == 1 && got[0] != "lo" {
		t.Errorf("interfaces %v", got)
	}
}

func TestFind(t *testing.T) {
	if _, err := Find(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("found what is not there")
	}
	dir := t.TempDir()
	for _, name := range []string{"ffmpeg"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Find(filepath.Join(dir, "ffmpeg")); err == nil || !strings.Contains(err.Error(), "ffprobe") {
		t.Errorf("without ffprobe: %v", err)
	}
}
