package thumb

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// cacheOne is the largest result that is kept, in bytes.
	cacheOne = 8 << 20
	// cacheBlock is what a file takes at least: with the bound in bytes it bounds
	// the number of files, and so the memory of the index.
	cacheBlock = 4 << 10
	// cacheAge is how long a result is kept that nobody asks for.
	cacheAge = 30 * 24 * time.Hour
	// cacheTouch is how exactly the last use is known.
	cacheTouch = time.Hour
)

// Cache keeps what was computed from contents in a directory of this node, the
// most recently used up to a number of bytes. It is safe for concurrent use.
// What it loses is computed again, so nothing in it is synced.
type Cache struct {
	dir   string
	max   int64
	clock func() time.Time
	log   *slog.Logger

	mu       sync.Mutex // guards the rest
	byName   map[string]*list.Element
	byObject map[string]map[string]bool // hash of the object -> names
	order    *list.List                 // of *cached, last used first
	bytes    int64
}

// cached is one file of the cache.
type cached struct {
	name, object string // object: its hash
	ext          string
	size         int64
	used         time.Time
}

func (c *cached) takes() int64 { return (c.size + cacheBlock - 1) / cacheBlock * cacheBlock }

// OpenCache opens the cache in dir, which is made when absent, for at most max
// bytes.
func OpenCache(dir string, max int64, clock func() time.Time, log *slog.Logger) (*Cache, error) {
	c := &Cache{dir: dir, max: max, clock: clock, log: log, byName: map[string]*list.Element{}, byObject: map[string]map[string]bool{}, order: list.New()}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open cache: %w", err)
	}
	dir, err := filepath.EvalSymlinks(dir) // who walks takes a link for a file
	if err != nil {
		return nil, fmt.Errorf("open cache: %w", err)
	}
	c.dir = dir
	var found []*cached
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		f, ok := parseName(e.Name())
		if !ok || f.size != info.Size() {
			return os.Remove(path) // half a file, of a process that died
		}
		f.used = info.ModTime()
		found = append(found, f)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open cache: %w", err)
	}
	slices.SortFunc(found, func(a, b *cached) int { return a.used.Compare(b.used) })
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range found {
		c.add(f)
	}
	c.shrinkTo(c.max)
	return c, nil
}

// nameOf makes the name of a file: hash of the object, hash of what was asked
// for, length, kind.
func nameOf(object, asked string) (name, objectHash string) {
	o, a := sha256.Sum256([]byte(object)), sha256.Sum256([]byte(asked))
	objectHash = hex.EncodeToString(o[:12])
	return objectHash + "-" + hex.EncodeToString(a[:12]), objectHash
}

func (c *cached) file() string { return c.name + "-" + strconv.FormatInt(c.size, 10) + "." + c.ext }

func parseName(file string) (*cached, bool) {
	stem, ext, ok := strings.Cut(file, ".")
	parts := strings.Split(stem, "-")
	if !ok || len(parts) != 3 || len(parts[0]) != 24 || len(parts[1]) != 24 {
		return nil, false
	}
	size, err := strconv.ParseInt(parts[2], 10, 64)
	return &cached{name: parts[0] + "-" + parts[1], object: parts[0], ext: ext, size: size}, err == nil && size > 0
}

func (c *Cache) path(f *cached) string { return filepath.Join(c.dir, f.object[:2], f.file()) }

// add puts a file in front; the caller holds mu.
func (c *Cache) add(f *cached) {
	if old := c.byName[f.name]; old != nil {
		c.forget(old)
	}
	c.byName[f.name] = c.order.PushFront(f)
	if c.byObject[f.object] == nil {
		c.byObject[f.object] = map[string]bool{}
	}
	c.byObject[f.object][f.name] = true
	c.bytes += f.takes()
}

// forget takes a file out of the index; the caller holds mu.
func (c *Cache) forget(e *list.Element) *cached {
	f := c.order.Remove(e).(*cached)
	delete(c.byName, f.name)
	if delete(c.byObject[f.object], f.name); len(c.byObject[f.object]) == 0 {
		delete(c.byObject, f.object)
	}
	c.bytes -= f.takes()
	return f
}

// shrinkTo removes what was used longest ago; the caller holds mu.
func (c *Cache) shrinkTo(max int64) {
	for c.bytes > max {
		c.unlink(c.forget(c.order.Back()))
	}
}

func (c *Cache) unlink(f *cached) {
	if err := os.Remove(c.path(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.log.Warn("remove a cached thumbnail", "err", err)
	}
}

// Get returns what was put for an object and a question, and its media type.
func (c *Cache) Get(object, asked string) (content []byte, mediaType string, ok bool) {
	name, _ := nameOf(object, asked)
	f, ok := c.use(name)
	if !ok {
		return nil, "", false
	}
	content, err := os.ReadFile(c.path(&f))
	if err != nil || int64(len(content)) != f.size { // somebody has cleaned up, or it was dropped just now
		c.lost(name)
		return nil, "", false
	}
	return content, "image/" + f.ext, true
}

// use finds a file and remembers that it was asked for.
func (c *Cache) use(name string) (cached, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byName[name]
	if e == nil {
		return cached{}, false
	}
	c.order.MoveToFront(e)
	f := e.Value.(*cached)
	if now := c.clock(); now.Sub(f.used) > cacheTouch {
		f.used = now
		_ = os.Chtimes(c.path(f), now, now) // only the order after the next start
	}
	return *f, true
}

// lost forgets a file that is not there.
func (c *Cache) lost(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byName[name]; e != nil {
		c.unlink(c.forget(e))
	}
}

// Put keeps a result for a while, if it can.
func (c *Cache) Put(object, asked, mediaType string, content []byte) {
	ext, ok := strings.CutPrefix(mediaType, "image/")
	if len(content) == 0 || len(content) > cacheOne || !ok || strings.Trim(ext, "abcdefghijklmnopqrstuvwxyz") != "" {
		return
	}
	name, objectHash := nameOf(object, asked)
	f := &cached{name: name, object: objectHash, ext: ext, size: int64(len(content)), used: c.clock()}
	if f.takes() > c.max {
		return
	}
	if err := c.write(f, content); err != nil {
		c.log.Warn("keep a thumbnail", "err", err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(f)
	c.shrinkTo(c.max)
}

// write puts the file in place whole. Of two that write the same at a time one
// wins; they are equal.
func (c *Cache) write(f *cached, content []byte) error {
	path := c.path(f)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(content)
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
	}
	return err
}

// Drop removes everything of an object: it was deleted.
func (c *Cache) Drop(object string) {
	_, objectHash := nameOf(object, "")
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.byObject[objectHash] {
		c.unlink(c.forget(c.byName[name]))
	}
}

// Clean removes what nobody has asked for in a long time.
func (c *Cache) Clean() {
	before := c.clock().Add(-cacheAge)
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.order.Back(); e != nil; e = c.order.Back() {
		if !e.Value.(*cached).used.Before(before) {
			return
		}
		c.unlink(c.forget(e))
	}
}

// Run cleans every hour until ctx ends.
func (c *Cache) Run(ctx context.Context) {
	t := time.NewTicker(time.Hour)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			c.Clean()
		}
	}
}
