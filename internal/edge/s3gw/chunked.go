package s3gw

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"strconv"
	"strings"

	"hongyan/internal/im"
)

// The bodies that come in pieces (aws-chunked), as x-amz-content-sha256 names
// them: pieces that are signed one by one, a checksum behind them, or both.
const (
	streamSigned        = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamSignedTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	streamTrailer       = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

const (
	// maxLine bounds the line before a piece, and one of the trailer, in bytes.
	maxLine = 512
	// maxTrailer bounds the lines of the trailer: a checksum and its signature.
	maxTrailer = 4
)

var (
	errPiece    = im.Errorf(im.CodeBadParam, "the pieces of the body are malformed")
	errPieceSig = im.Errorf(im.CodeForbidden, "the signature of a piece of the body does not match")
	errChecksum = im.Errorf(im.CodeBadParam, "the checksum does not match what was received")
)

// checksums are what a client may have checked beside the signature, by the name
// of the header or of the line of the trailer.
func checksums(name string) hash.Hash {
	switch name {
	case "x-amz-checksum-crc32":
		return crc32.NewIEEE()
	case "x-amz-checksum-crc32c":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "x-amz-checksum-crc64nvme":
		return crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5))
	case "x-amz-checksum-sha1":
		return sha1.New()
	case "x-amz-checksum-sha256":
		return sha256.New()
	}
	return nil
}

// pieces reads the content of a body that comes in pieces. It fails when a
// signature or the checksum is wrong, or the length another than announced; what
// reads it stores nothing then.
type pieces struct {
	r       *bufio.Reader
	chain   *chain    // nil: the pieces are not signed
	trailer string    // name of the checksum behind the pieces; "" = none
	total   hash.Hash // of the whole content, for the trailer

	left   int64     // bytes of the content that are still to come
	piece  int64     // of them in this piece
	sum    hash.Hash // of this piece
	want   string    // its signature
	begun  bool      // a piece has been read: a line's end follows it
	sealed bool      // the trailer's signature has been seen, and is right
	err    error     // what ended it
}

// pieces makes the reader of a body of the kind; want is one of the constants
// above, decoded the length of the content.
func (q *request) pieces(kind string, decoded int64) (*pieces, *apiError) {
	p := &pieces{r: bufio.NewReaderSize(q.r.Body, 32<<10), left: decoded, sum: sha256.New()}
	switch kind {
	case streamSigned, streamSignedTrailer:
		p.chain = q.chain
	case streamTrailer:
	default:
		return nil, newError("NotImplemented", http.StatusNotImplemented, "this kind of pieces is not served: "+printable(kind))
	}
	if kind == streamSigned {
		return p, nil
	}
	p.trailer = strings.ToLower(strings.TrimSpace(q.r.Header.Get("X-Amz-Trailer")))
	if p.total = checksums(p.trailer); p.total == nil {
		return nil, newError("InvalidRequest", http.StatusBadRequest, "x-amz-trailer names no checksum that is known")
	}
	return p, nil
}

// Read implements io.Reader.
func (p *pieces) Read(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.read(b)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) && p.err == nil {
		err = errIncomplete
	}
	if err == nil && p.err != nil {
		err = p.err
	}
	if err != nil {
		p.err = err
	}
	return n, err
}

// read returns bytes of a piece, or the end: it sets err to io.EOF only when all
// is there and right.
func (p *pieces) read(b []byte) (int, error) {
	for p.piece == 0 {
		end, err := p.head()
		if err != nil {
			return 0, err
		}
		if end {
			p.err = io.EOF
			return 0, nil
		}
	}
	n, err := p.r.Read(b[:min(int64(len(b)), p.piece)])
	p.sum.Write(b[:n])
	if p.total != nil {
		p.total.Write(b[:n])
	}
	p.piece -= int64(n)
	p.left -= int64(n)
	if err == nil && p.piece == 0 {
		err = p.check()
	}
	return n, err
}

// check compares the signature of the piece that has been read.
func (p *pieces) check() error {
	sum := p.sum.Sum(nil)
	p.sum.Reset()
	if p.chain != nil && !hmac.Equal([]byte(p.chain.piece(sum)), []byte(p.want)) {
		return errPieceSig
	}
	return nil
}

// head reads the line before a piece; end says that it was the last one and that
// what follows it is right.
func (p *pieces) head() (end bool, err error) {
	if p.begun {
		if line, err := p.line(); err != nil || line != "" {
			return false, either(err, errPiece)
		}
	}
	line, err := p.line()
	if err != nil {
		return false, err
	}
	digits, rest, _ := strings.Cut(line, ";")
	n, err := strconv.ParseUint(digits, 16, 62)
	if err != nil {
		return false, errPiece
	}
	p.want = ""
	if p.chain != nil {
		sig, ok := strings.CutPrefix(rest, "chunk-signature=")
		if !ok {
			return false, errPiece
		}
		p.want = strings.ToLower(sig)
	}
	if int64(n) > p.left || n == 0 && p.left > 0 {
		return false, errIncomplete // longer or shorter than announced
	}
	p.piece, p.begun = int64(n), true
	if n > 0 {
		return false, nil
	}
	if err := p.check(); err != nil {
		return false, err
	}
	return true, p.tail()
}

// tail reads what follows the last piece: the trailer, an empty line, and nothing.
func (p *pieces) tail() error {
	var lines strings.Builder
	seen := ""
	for range maxTrailer {
		line, err := p.line()
		if err != nil && !(errors.Is(err, io.EOF) && line == "") {
			return err
		}
		if line == "" {
			return p.last(lines.String(), seen)
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		switch {
		case !ok:
			return errPiece
		case name == "x-amz-trailer-signature":
			if p.chain == nil || !hmac.Equal([]byte(p.chain.trailer(lines.String())), []byte(strings.ToLower(value))) {
				return errPieceSig
			}
			p.sealed = true
		case name == p.trailer && seen == "":
			lines.WriteString(name + ":" + value + "\n")
			seen = value
		default:
			return errPiece
		}
	}
	return errPiece
}

func (p *pieces) last(lines, seen string) error {
	if _, err := p.r.ReadByte(); err == nil {
		return errIncomplete // something follows
	}
	if p.trailer == "" {
		return nil
	}
	if p.chain != nil && !p.sealed {
		return errPieceSig // a checksum that nobody signed
	}
	want, err := base64.StdEncoding.DecodeString(seen)
	if lines == "" || err != nil || !bytes.Equal(want, p.total.Sum(nil)) {
		return errChecksum
	}
	return nil
}

// line reads a line without its end.
func (p *pieces) line() (string, error) {
	var b []byte
	for len(b) <= maxLine {
		c, err := p.r.ReadByte()
		if err != nil {
			if err == io.EOF && len(b) > 0 { //nolint:errorlint // of the reader itself
				err = io.ErrUnexpectedEOF
			}
			return string(b), err
		}
		if c == '\n' {
			return strings.TrimSuffix(string(b), "\r"), nil
		}
		b = append(b, c)
	}
	return "", errPiece
}

func either(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
