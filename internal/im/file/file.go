// Package file owns files that clients and app servers upload: who may upload
// what, under which name, how much and for how long; chunked uploads; who may
// download; expiry and clean-up (docs/protocol/storage.md).
//
// It must not know HTTP, SQL, storage SDKs or image formats.
package file

import (
	"context"
	"errors"
	"io"
	"time"

	"hongyan/internal/im"
)

// Errors with a meaning of their own at the upload hosts; compare with errors.Is.
var (
	ErrNoBlob   = errors.New("no such blob")            // a Blobs error: the key is not there
	ErrDiskFull = errors.New("no space left for files") // a Blobs error: the store is full
	ErrTooLarge = im.Errorf(im.CodeBadParam, "file too large")
	ErrQuota    = im.Errorf(im.CodeTooMany, "storage quota exceeded")
	ErrFull     = im.Errorf(im.CodeBusy, "storage full")
	ErrToken    = im.Errorf(im.CodeForbidden, "upload token invalid or expired")
	ErrUsed     = im.Errorf(im.CodeForbidden, "upload token used")
	ErrUnknown  = im.Errorf(im.CodeNotFound, "no such file")
	ErrSession  = im.Errorf(im.CodeNotFound, "no such upload")
	ErrOffset   = im.Errorf(im.CodeBadParam, "offset does not fit the upload")
	ErrBroken   = im.Errorf(im.CodeTimeout, "upload broke off")
	ErrExpired  = im.Errorf(im.CodeNotFound, "file is expired")
	// ErrTooManyJobs is a Store error.
	ErrTooManyJobs = im.Errorf(im.CodeTooFrequent, "too many deletion jobs in one day")
	// ErrConflict is a Store error: another upload of the object was faster.
	ErrConflict = im.Errorf(im.CodeRepeated, "the upload changed meanwhile")
)

// File is one object, finished or still being uploaded.
type File struct {
	App, Object string // the object's name is unique among all apps
	Owner       string // accid of the uploader; "" = the app's server
	Scene       string // usage scene, at most 32 characters
	Type        string // media type, as the content looks
	Announced   string // type as the uploader said, any text of at most 128 characters; only deletions look at it
	Size        int64  // bytes stored
	MD5         string // lower-case hex; "" until done. Of an upload in S3 parts what S3 says instead
	Context     string // of the chunk session or the upload in S3 parts; "" when stored at once
	Done        bool
	CreatedMs   int64 // ms since 1970
	ExpiresMs   int64 // ms since 1970; 0 = never. Of an upload: when it is given up
	Parts       []Part
	Chat        *Chat // of a chat file, else nil
}

// Part is one stored piece of a file. A chunk is one part.
type Part struct {
	Start, Size int64  // bytes; Start is the part's number while an upload in S3 parts is unfinished
	Blob        string // key in the blob store; never used again after its removal
	Hash        []byte // state of the digest after this part
}

// Quota bounds what an app and one of its accounts may store, in bytes; 0 = no
// limit.
type Quota struct{ App, Account int64 }

// Job is an order to delete the files of a time range (docs/protocol/storage.md
// section 14.3). Times are ms since 1970.
type Job struct {
	App, ID, Type, Scene           string
	FromMs, ToMs, DueMs, CreatedMs int64

	Files, Bytes int64 // deleted so far
	EndedMs      int64 // 0 = not yet
}

// Store keeps what is known of files. Every method is one durable unit of work.
type Store interface {
	// File returns an object with its parts, or ErrUnknown.
	File(ctx context.Context, app, object string) (*File, error)
	// ChangeFile lets change see the object (nil when there is none) and return
	// what it shall be (nil = gone), in one transaction. change may run more than
	// once. Growth beyond the quota is ErrQuota; a lost race may be ErrConflict.
	ChangeFile(ctx context.Context, app, object string, q Quota, change func(cur *File) (*File, error)) error
	// ExpiredFiles returns up to limit objects whose ExpiresMs is past, without parts.
	ExpiredFiles(ctx context.Context, nowMs int64, limit int) ([]*File, error)
	// FilesBetween returns up to limit finished objects created in [fromMs, toMs),
	// by time and name, without parts; those of fromMs only after the object `after`.
	FilesBetween(ctx context.Context, app string, fromMs, toMs int64, after string, limit int) ([]*File, error)
	// FileBlobs returns the blobs that objects consist of.
	FileBlobs(ctx context.Context, app string, objects []string) (map[string]bool, error)
	// FileUsage returns the bytes that an account stores; "" = the whole app.
	FileUsage(ctx context.Context, app, owner string) (int64, error)
	// ChatFileKnown says whether a chat file that has expired is still told of.
	ChatFileKnown(ctx context.Context, app, object string) (bool, error)
	// ForgetChatFiles forgets up to limit chat files that expired before a time.
	ForgetChatFiles(ctx context.Context, beforeMs int64, limit int) (int, error)
	// AddFileJob stores a deletion job; ErrTooManyJobs when the app has ordered
	// `most` since sinceMs already.
	AddFileJob(ctx context.Context, j Job, sinceMs int64, most int) error
	// DueFileJobs returns jobs of all apps that shall run now. AdvanceFileJob adds
	// to what one has deleted, ends it when endedMs is not 0, and says whether it had
	// not ended before. TrimFileJobs forgets those that ended before a time.
	DueFileJobs(ctx context.Context, nowMs int64, limit int) ([]Job, error)
	AdvanceFileJob(ctx context.Context, app, id string, files, bytes, endedMs int64) (bool, error)
	TrimFileJobs(ctx context.Context, beforeMs int64) error
}

// Blobs keeps bytes under keys that are never used twice.
type Blobs interface {
	// Put stores what r gives; it is durable when Put returns and nothing of it
	// is left when Put fails. A full store is ErrDiskFull.
	Put(ctx context.Context, key string, r io.Reader) (int64, error)
	// Open reads n bytes (-1 = all) from offset on, or returns ErrNoBlob.
	Open(ctx context.Context, key string, offset, n int64) (io.ReadCloser, error)
	// Delete removes; an absent key is no error.
	Delete(ctx context.Context, key string) error
	// Walk calls fn for every key there is, leftovers of broken uploads included.
	Walk(ctx context.Context, fn func(key string, modified time.Time) error) error
}
