package s3gw

import (
	"encoding/xml"
	"errors"
	"net/http"

	"hongyan/internal/im"
	"hongyan/internal/im/file"
)

// apiError is an answer of S3 to what is wrong: its code is one that S3
// documents.
type apiError struct {
	code   string
	status int
	text   string
	region string // told to a client that signed for another
}

// Error implements error.
func (e *apiError) Error() string { return e.code + ": " + e.text }

func newError(code string, status int, text string) *apiError {
	return &apiError{code: code, status: status, text: text}
}

func errAccess(text string) *apiError {
	return newError("AccessDenied", http.StatusForbidden, text)
}

func errMalformed(text string) *apiError {
	return newError("AuthorizationHeaderMalformed", http.StatusBadRequest, text)
}

func errArgument(text string) *apiError {
	return newError("InvalidArgument", http.StatusBadRequest, text)
}

// Bodies that are not what their headers say; errors of the domain, which hands
// them through.
var (
	errHash       = im.Errorf(im.CodeBadParam, "the content does not have the announced SHA-256")
	errDigest     = im.Errorf(im.CodeBadParam, "the Content-MD5 does not match what was received")
	errIncomplete = im.Errorf(im.CodeBadParam, "the body is shorter or longer than announced")
)

// apiErrorOf turns an error of the domain into the answer of S3.
func apiErrorOf(err error) *apiError {
	var e *apiError
	if errors.As(err, &e) {
		return e
	}
	for _, c := range []struct {
		is     error
		code   string
		status int
	}{
		{errHash, "XAmzContentSHA256Mismatch", http.StatusBadRequest},
		{errDigest, "BadDigest", http.StatusBadRequest},
		{errPieceSig, "SignatureDoesNotMatch", http.StatusForbidden},
		{errPiece, "InvalidRequest", http.StatusBadRequest},
		{errChecksum, "BadDigest", http.StatusBadRequest},
		{errIncomplete, "IncompleteBody", http.StatusBadRequest},
		{file.ErrS3Key, "InvalidAccessKeyId", http.StatusForbidden},
		{file.ErrS3Token, "InvalidToken", http.StatusBadRequest},
		{file.ErrS3Expired, "ExpiredToken", http.StatusBadRequest},
		{file.ErrTooLarge, "EntityTooLarge", http.StatusBadRequest},
		{file.ErrQuota, "QuotaExceeded", http.StatusForbidden},
		{file.ErrFull, "ServiceUnavailable", http.StatusServiceUnavailable},
		{file.ErrSession, "NoSuchUpload", http.StatusNotFound},
		{file.ErrPartNumber, "InvalidArgument", http.StatusBadRequest},
		{file.ErrPart, "InvalidPart", http.StatusBadRequest},
		{file.ErrPartOrder, "InvalidPartOrder", http.StatusBadRequest},
		{file.ErrPartSmall, "EntityTooSmall", http.StatusBadRequest},
		{file.ErrBroken, "IncompleteBody", http.StatusBadRequest},
	} {
		if errors.Is(err, c.is) {
			return newError(c.code, c.status, im.PublicText(err))
		}
	}
	switch im.CodeOf(err) {
	case im.CodeForbidden, im.CodeNotFound:
		return errAccess(im.PublicText(err))
	case im.CodeBadParam:
		return errArgument(im.PublicText(err))
	case im.CodeTooFrequent:
		return newError("SlowDown", http.StatusServiceUnavailable, im.PublicText(err))
	case im.CodeRepeated:
		return newError("OperationAborted", http.StatusConflict, im.PublicText(err))
	case im.CodeBusy, im.CodeTimeout:
		return newError("ServiceUnavailable", http.StatusServiceUnavailable, im.PublicText(err))
	}
	return newError("InternalError", http.StatusInternalServerError, "internal error")
}

// errorBody is the XML of an error.
type errorBody struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	Region    string `xml:",omitempty"`
	Resource  string
	RequestID string `xml:"RequestId"`
}
