package nimapi

import (
	"bufio"
	"errors"
	"io"
	"net/url"
	"strings"

	"hongyan/internal/im"
)

// readPairs reads an urlencoded form as a stream: the parameter content goes to
// the writer, decoded from base64 if so asked, the others into the values.
func readPairs(body io.Reader, to io.Writer, base64 bool) (Values, error) {
	r := bufio.NewReaderSize(body, 32<<10)
	v := Values{}
	for range 2 * maxUploadFields {
		name, end, err := readToken(r, true)
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(name, "content") && end == '=' {
			w := bufio.NewWriterSize(to, 32<<10)
			more, err := copyValue(r, w, base64)
			if err == nil {
				err = w.Flush()
			}
			if err != nil {
				return nil, err
			}
			if !more {
				return v, nil
			}
			continue
		}
		text := ""
		if end == '=' {
			if text, end, err = readToken(r, false); err != nil {
				return nil, err
			}
		}
		if name != "" {
			if err := v.keep(name, text); err != nil {
				return nil, err
			}
		}
		if end == 0 {
			return v, nil
		}
	}
	return nil, im.Errorf(im.CodeBadParam, "too many parameters")
}

// readToken reads up to '&', to '=' if asked, or to the end (0), and decodes it.
func readToken(r *bufio.Reader, name bool) (text string, end byte, err error) {
	var b strings.Builder
	for {
		c, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", 0, err
		}
		if c == '&' || name && c == '=' {
			end = c
			break
		}
		if b.Len() >= 3*maxUploadField {
			return "", 0, im.Errorf(im.CodeBadParam, "parameter too long")
		}
		b.WriteByte(c)
	}
	text, err = url.QueryUnescape(b.String())
	if err != nil {
		return "", 0, im.Errorf(im.CodeBadParam, "malformed form")
	}
	return text, end, nil
}

// copyValue decodes a value up to '&' or the end and says whether more follows.
func copyValue(r *bufio.Reader, w *bufio.Writer, base64 bool) (more bool, err error) {
	d := base64Decoder{w: w}
	for {
		c, err := r.ReadByte()
		if errors.Is(err, io.EOF) || err == nil && c == '&' {
			more = err == nil
			if base64 {
				return more, d.end()
			}
			return more, nil
		}
		if err != nil {
			return false, err
		}
		switch c {
		case '+':
			c = ' '
		case '%':
			hi, err1 := r.ReadByte()
			lo, err2 := r.ReadByte()
			if err1 != nil || err2 != nil || !isHex(hi) || !isHex(lo) {
				return false, im.Errorf(im.CodeBadParam, "malformed form")
			}
			c = unhex(hi)<<4 | unhex(lo)
		}
		if base64 {
			err = d.put(c)
		} else {
			err = w.WriteByte(c)
		}
		if err != nil {
			return false, err
		}
	}
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// base64Decoder takes what careless callers send: line breaks, blanks where a
// plus was not encoded, letters of the URL alphabet, missing padding
// (docs/api/server-v1.md section 12.8).
type base64Decoder struct {
	w      io.ByteWriter
	bits   uint32
	have   int // letters in bits
	padded bool
}

func (d *base64Decoder) put(c byte) error {
	var v byte
	switch {
	case c >= 'A' && c <= 'Z':
		v = c - 'A'
	case c >= 'a' && c <= 'z':
		v = c - 'a' + 26
	case c >= '0' && c <= '9':
		v = c - '0' + 52
	case c == '-' || c == '+' || c == ' ' && !d.padded:
		v = 62
	case c == '_' || c == '/':
		v = 63
	case c == '\r' || c == '\n' || c == '\t' || c == ' ':
		return nil
	case c == '=':
		d.padded = true
		return nil
	default:
		return im.Errorf(im.CodeBadParam, "content is not base64")
	}
	if d.padded {
		return im.Errorf(im.CodeBadParam, "content is not base64")
	}
	d.bits = d.bits<<6 | uint32(v)
	if d.have++; d.have < 4 {
		return nil
	}
	d.have = 0
	return d.flush(3, 24)
}

// end writes what a text without padding leaves. One letter is too little for a
// byte and is dropped: the documented sample has 17 letters and is answered 200.
func (d *base64Decoder) end() error {
	switch d.have {
	case 2:
		d.bits >>= 4
		return d.flush(1, 8)
	case 3:
		d.bits >>= 2
		return d.flush(2, 16)
	}
	return nil
}

// flush writes the n bytes that are the lowest bits.
func (d *base64Decoder) flush(n, bits int) error {
	for i := range n {
		if err := d.w.WriteByte(byte(d.bits >> (bits - 8*(i+1)))); err != nil {
			return err
		}
	}
	d.bits = 0
	return nil
}
