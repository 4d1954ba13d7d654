package hook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"hongyan/internal/im"
)

// Response codes an app's server may hand to a client
// (docs/api/callbacks.md section 3).
const (
	minCustomCode = 20000
	maxCustomCode = 20099

	maxCallbackExt = 1024 // characters
)

// Verdict is what an app's server decided.
type Verdict struct {
	Reject bool
	// Code is responseCode of a rejection where it may be handed on: 20000 to
	// 20099, or 200 (messages only: the sender is told success). 0 otherwise.
	Code im.Code
	// Modify is modifyResponse as a JSON object; nil when absent. Messages only,
	// and only when passing.
	Modify json.RawMessage
	Ext    string // callbackExt; one that is too long is dropped
}

// parseVerdict reads an answer. Numbers may also come as texts, and
// modifyResponse as an object or as a text that holds one.
func parseVerdict(answer []byte) (Verdict, error) {
	var a struct {
		ErrCode      json.RawMessage `json:"errCode"`
		ResponseCode json.RawMessage `json:"responseCode"`
		Modify       json.RawMessage `json:"modifyResponse"`
		Ext          json.RawMessage `json:"callbackExt"`
	}
	answer = bytes.TrimPrefix(answer, []byte("\xef\xbb\xbf")) // some receivers send a byte order mark
	if err := json.Unmarshal(answer, &a); err != nil {
		return Verdict{}, fmt.Errorf("%w: not a JSON object", ErrMalformed)
	}
	var v Verdict
	switch n, ok := number(a.ErrCode); {
	case !ok || n != 0 && n != 1:
		return Verdict{}, fmt.Errorf("%w: errCode is neither 0 nor 1", ErrMalformed)
	case n == 1:
		v.Reject = true
	}
	if n, ok := number(a.ResponseCode); ok && v.Reject && (n == 200 || n >= minCustomCode && n <= maxCustomCode) {
		v.Code = im.Code(n)
	}
	if !v.Reject {
		v.Modify = object(a.Modify)
	}
	var ext string
	if json.Unmarshal(a.Ext, &ext) == nil && utf8.RuneCountInString(ext) <= maxCallbackExt {
		v.Ext = ext
	}
	return v, nil
}

func number(raw json.RawMessage) (int64, bool) {
	text := string(raw)
	if s := ""; len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
		text = s
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

func object(raw json.RawMessage) json.RawMessage {
	if s := ""; len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
		raw = bytes.TrimSpace([]byte(s))
	}
	if len(raw) == 0 || raw[0] != '{' || !json.Valid(raw) {
		return nil
	}
	return raw
}
