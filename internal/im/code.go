package im

import (
	"errors"
	"fmt"
)

// Code is a result code as clients and REST callers see it
// (docs/protocol/nim-core.md section 9, docs/api/server-v1.md section 5).
type Code int

// Result codes the product uses.
const (
	CodeOK            Code = 200
	CodeBadLogin      Code = 302
	CodeIPRestricted  Code = 315
	CodeForbidden     Code = 403
	CodeNotFound      Code = 404
	CodeTimeout       Code = 408
	CodeBadParam      Code = 414
	CodeTooFrequent   Code = 416
	CodeRepeated      Code = 417
	CodeTooMany       Code = 419
	CodeBlocked       Code = 422
	CodeMuted         Code = 423
	CodeRepeatedHTTP  Code = 431
	CodeInternal      Code = 500
	CodeBusy          Code = 503
	CodeExpired       Code = 508
	CodeUnavailable   Code = 514
	CodeInvalid       Code = 509
	CodeTeamFull      Code = 801
	CodeTeamNoRight   Code = 802
	CodeTeamNotFound  Code = 803
	CodeTeamNotMember Code = 804
	CodeTeamType      Code = 805
	CodeTooManyTeams  Code = 806
	CodeTeamApplied   Code = 808 // a success: the application was sent
	CodeTeamMember    Code = 809
	CodeTeamInvited   Code = 810 // a success: the invitation was sent
	CodeForceTooLong  Code = 811
	CodeTeamMuted     Code = 812
	CodeTeamPartly    Code = 813
	CodeNoReceipts    Code = 814
	CodeTooManyHeads  Code = 815
	CodeTeamsPartly   Code = 816
	CodeBlacklisted   Code = 7101
	CodeRoomClosed    Code = 13002
	CodeRoomBlocked   Code = 13003
	CodeRoomMuted     Code = 13004 // the sender
	CodeRoomSpam      Code = 13005 // a nick, an avatar or an ext
	CodeRoomAllMuted  Code = 13006
)

// Error is a refusal with a code. Text is public: it reaches REST callers as
// `desc`; the cause never leaves the server.
type Error struct {
	Code  Code
	Text  string
	cause error
}

// Error implements error with the internal view, cause included.
func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%d %s: %v", e.Code, e.Text, e.cause)
	}
	return fmt.Sprintf("%d %s", e.Code, e.Text)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Errorf makes an Error; a %w operand becomes its cause and stays internal.
func Errorf(code Code, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	e := &Error{Code: code, cause: errors.Unwrap(err)}
	if e.cause == nil {
		e.Text = err.Error()
	} else {
		e.Text = CodeText(code)
		e.cause = err
	}
	return e
}

// CodeOf returns the code of err: 200 for nil, 500 for an error that carries none.
func CodeOf(err error) Code {
	if err == nil {
		return CodeOK
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// PublicText returns what a caller may read about err.
func PublicText(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Text != "" {
		return e.Text
	}
	return CodeText(CodeOf(err))
}

// CodeText is the short meaning of a code.
func CodeText(c Code) string {
	switch c {
	case CodeOK:
		return "success"
	case CodeBadLogin:
		return "wrong account or token"
	case CodeIPRestricted:
		return "ip restricted"
	case CodeForbidden:
		return "forbidden"
	case CodeNotFound:
		return "not found"
	case CodeTimeout:
		return "timeout"
	case CodeBadParam:
		return "parameter error"
	case CodeTooFrequent:
		return "frequency limit exceeded"
	case CodeRepeated:
		return "repeated operation"
	case CodeTooMany:
		return "quantity limit exceeded"
	case CodeBlocked:
		return "account disabled"
	case CodeMuted:
		return "account muted"
	case CodeRepeatedHTTP:
		return "HTTP request repeated"
	case CodeBusy:
		return "server busy"
	case CodeExpired:
		return "time window exceeded"
	case CodeUnavailable:
		return "service unavailable"
	case CodeInvalid:
		return "no longer valid"
	case CodeTeamFull:
		return "team is full"
	case CodeTeamType:
		return "wrong team type"
	case CodeTooManyTeams:
		return "too many teams"
	case CodeTeamMember:
		return "already in the team"
	case CodeTeamMuted:
		return "team is muted"
	case CodeTooManyHeads:
		return "too many managers"
	case CodeTeamNoRight:
		return "no permission"
	case CodeTeamNotFound:
		return "team does not exist"
	case CodeTeamNotMember:
		return "not in the team"
	case CodeBlacklisted:
		return "blacklisted"
	case CodeRoomClosed:
		return "chat room is closed"
	case CodeRoomBlocked:
		return "blacklisted in the chat room"
	case CodeRoomMuted:
		return "muted in the chat room"
	case CodeRoomSpam:
		return "refused by moderation"
	case CodeRoomAllMuted:
		return "chat room is muted"
	default:
		return "internal error"
	}
}
