package easemob

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// maxJSON bounds a JSON body, in bytes (docs/api/easemob.md section 9): sixty
	// users with everything they may have.
	maxJSON = 128 << 10
	// jsonTime bounds the reading of one.
	jsonTime = 15 * time.Second
)

// body reads a JSON body whatever its Content-Type says: half of the clients
// send none, or a form's.
func (c *call) body(v any) error {
	c.read = true
	b, err := io.ReadAll(io.LimitReader(c.h.Transfers.Patient(c.w, c.r, jsonTime), maxJSON+1))
	// The connection is watched while the call goes on: it has time again.
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{}) // a recorder in a test has none
	if err != nil {
		return errArgument.because("the request broke off")
	}
	if len(b) > maxJSON {
		return errTooLarge.because("the body exceeds the maximum limit.")
	}
	if len(strings.TrimSpace(string(b))) == 0 {
		return errJSON.because("the body is empty")
	}
	if err := json.Unmarshal(b, v); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return errArgument.because("wrong type of " + kind.Field)
		}
		return errJSON
	}
	return nil
}

// number is a JSON number that may come as a text; nil pointer = absent.
type number int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(b), `" `), 10, 64)
	if err != nil {
		return &json.UnmarshalTypeError{Field: "number"}
	}
	*n = number(v)
	return nil
}

// truth is a JSON boolean that may come as a text.
type truth bool

// UnmarshalJSON implements json.Unmarshaler.
func (t *truth) UnmarshalJSON(b []byte) error {
	switch strings.ToLower(strings.Trim(string(b), `" `)) {
	case "true", "1":
		*t = true
	case "false", "0", "null", "":
		*t = false
	default:
		return &json.UnmarshalTypeError{Field: "boolean"}
	}
	return nil
}
