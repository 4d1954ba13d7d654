package easemob

import (
	"errors"
	"net/http"
	"strings"

	"hongyan/internal/edge/filegw"
	"hongyan/internal/im"
	"hongyan/internal/im/access"
	"hongyan/internal/im/file"
)

// refusal is one entry of the catalogue (docs/api/easemob.md section 1.5).
type refusal struct {
	status    int
	name      string // `error`
	exception string
	text      string // `error_description`
}

// Error implements error.
func (r refusal) Error() string { return r.name + ": " + r.text }

// because returns the refusal with another description.
func (r refusal) because(text string) refusal { r.text = text; return r }

const (
	security  = "org.apache.usergrid.rest.exceptions.SecurityException"
	oauth     = "OAuthProblemException"
	argument  = "IllegalArgumentException"
	forbidden = "EasemobForbiddenOpException"
)

// The catalogue. Texts in double quotes of the reference are compared by clients.
var (
	errArgument  = refusal{http.StatusBadRequest, "illegal_argument", argument, "illegal argument"}
	errExists    = refusal{http.StatusBadRequest, "duplicate_unique_property_exists", "DuplicateUniquePropertyExistsException", ""}
	errJSON      = refusal{http.StatusBadRequest, "json_parse", "JsonParseException", "the body is not JSON"}
	errGrant     = refusal{http.StatusBadRequest, "invalid_grant", oauth, "invalid password"}
	errNoUser    = refusal{http.StatusNotFound, "invalid_grant", oauth, "user not found"}
	errNoToken   = refusal{http.StatusUnauthorized, "unauthorized", security, "Unable to authenticate (OAuth)"}
	errExpired   = refusal{http.StatusUnauthorized, "unauthorized", security, "Unable to authenticate due to expired access token"}
	errClosed    = refusal{http.StatusUnauthorized, "unauthorized", security, "registration is not open, please contact the app admin"}
	errCorrupt   = refusal{http.StatusUnauthorized, "auth_bad_access_token", security, "Unable to authenticate due to corrupt access token"}
	errBadToken  = refusal{http.StatusUnauthorized, "auth_bad_access_token", security, "Unable to authenticate"}
	errForbidden = refusal{http.StatusForbidden, "forbidden_op", forbidden, "forbidden operation"}
	errNoFile    = refusal{http.StatusNotFound, "entity_not_found", "ServiceResourceNotFoundException", "file may not exists"}
	errNoEntity  = refusal{http.StatusNotFound, "service_resource_not_found", "UserNotFoundException", "Service resource not found"}
	errNoService = refusal{http.StatusNotFound, "service_resource_not_found", "ServiceResourceNotFoundException", "Service resource not found"}
	errGone      = refusal{http.StatusNotFound, "file_expired", "FileExpiredException", "file is expired"}
	errNoApp     = refusal{http.StatusNotFound, "organization_application_not_found", "OrganizationApplicationNotFoundException", ""}
	errMethod    = refusal{http.StatusMethodNotAllowed, "unsupported_service_operation", "UnsupportedServiceOperationException", "Service operation not supported"}
	errTooLarge  = refusal{http.StatusRequestEntityTooLarge, "file exceeding maximum limit", "FileSizeException", "the file size exceeds the maximum limit."}
	errMediaType = refusal{http.StatusUnsupportedMediaType, "web_application", "WebApplicationException", "Unsupported Media Type"}
	errTooOften  = refusal{http.StatusTooManyRequests, "reach_limit", "ReachLimitException", "This request has reached api limit"}
	errBusy      = refusal{http.StatusServiceUnavailable, "service_unavailable", "ServiceUnavailableException", "the server is busy, please try again"}
	errLeaving   = refusal{http.StatusServiceUnavailable, "service_unavailable", "ServiceUnavailableException", "the server is going away, please try again"}
	errFull      = refusal{http.StatusInsufficientStorage, "resource_limited", "QuotaException", "storage quota exceeded"}
	errInternal  = refusal{http.StatusInternalServerError, "web_application", "RuntimeException", "internal error"}
)

// refusalOf finds the entry for an error; internal says that it is a fault of ours.
func refusalOf(err error) (r refusal, internal bool) {
	if errors.As(err, &r) {
		return r, false
	}
	for _, c := range []struct {
		is  error
		say refusal
	}{
		{file.ErrTooLarge, errTooLarge}, {file.ErrQuota, errFull}, {file.ErrFull, errFull}, {file.ErrExpired, errGone},
		{file.ErrUnknown, errNoFile}, {file.ErrNoBlob, errNoFile}, {file.ErrSession, errNoFile.because("upload may not exists")},
		{file.ErrBroken, errArgument.because("the upload broke off")}, {file.ErrToken, errBadToken},
		{filegw.ErrUploads, errBusy},
		{access.ErrNone, errNoToken}, {access.ErrForeign, errCorrupt}, {access.ErrCorrupt, errCorrupt},
		{access.ErrExpired, errExpired}, {access.ErrUnknown, errBadToken},
	} {
		if errors.Is(err, c.is) {
			return c.say, false
		}
	}
	text := im.PublicText(err)
	switch im.CodeOf(err) {
	case im.CodeBadParam:
		return errArgument.because(text), false
	case im.CodeForbidden:
		return errForbidden.because(text), false
	case im.CodeNotFound:
		return errNoEntity, false
	case im.CodeTooFrequent:
		return errTooOften, false
	case im.CodeBusy:
		return errBusy, false
	}
	return errInternal, true
}

// notLegal is the answer to a name that no user can have.
func notLegal(name string) refusal {
	return errArgument.because("username " + clip(name) + " is not legal")
}

// clip bounds what of a request comes back in an answer.
func clip(s string) string {
	if s = strings.ToValidUTF8(s, "?"); len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "")
	}
	return s
}
