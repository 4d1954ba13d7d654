package easemob

import (
	"context"
	"time"

	"hongyan/internal/edge/faillog"
	"hongyan/internal/im"
	"hongyan/internal/im/access"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
)

// hashTime is how long a request waits for its turn to check a password.
const hashTime = 5 * time.Second

type tokenRequest struct {
	Grant        string  `json:"grant_type"`
	ClientID     string  `json:"client_id"`
	ClientSecret string  `json:"client_secret"`
	Username     string  `json:"username"`
	Password     string  `json:"password"`
	TTL          *number `json:"ttl"` // s
	AutoCreate   truth   `json:"autoCreateUser"`
}

// tokenAnswer is not in the usual envelope (docs/api/easemob.md section 3).
type tokenAnswer struct {
	Token       string  `json:"access_token"`
	Expires     int64   `json:"expires_in"` // s
	Application string  `json:"application,omitempty"`
	User        *entity `json:"user,omitempty"`
}

// token is POST token.
func (h *Handler) token(c *call) error {
	var q tokenRequest
	if err := c.body(&q); err != nil {
		return err
	}
	ttl := c.app.Settings.Easemob.TokenTTL
	if q.TTL != nil {
		if ttl = int64(*q.TTL); ttl < 0 || ttl > access.Forever {
			return errArgument.because("ttl is out of range")
		}
	}
	told := ttl
	if ttl == 0 {
		told = access.Forever
	}
	switch q.Grant {
	case "client_credentials":
		if err := h.client(c, q); err != nil {
			return err
		}
		return c.json(tokenAnswer{Token: h.Tokens.OfApp(c.app, ttl), Expires: told, Application: app.FormatUUID(c.app.Application())})
	case "password":
		acc, err := h.password(c, q)
		if err != nil {
			return err
		}
		return c.userToken(acc, ttl, told)
	case "inherit":
		acc, err := h.inherit(c, q)
		if err != nil {
			return err
		}
		return c.userToken(acc, ttl, told)
	}
	return errGrant.because("grant_type is not one of client_credentials, password, inherit")
}

func (c *call) userToken(acc *account.Account, ttl, told int64) error {
	e := userEntity(acc)
	return c.json(tokenAnswer{Token: c.h.Tokens.OfUser(c.app, acc, ttl), Expires: told, User: &e})
}

// client checks who says that it is the app's server.
func (h *Handler) client(c *call, q tokenRequest) error {
	ip := h.ClientIP(c.r)
	if err := h.Accounts.Guessed(c.app, ip); err != nil {
		h.refused(c, "", im.PublicText(err), errTooOften)
		return err
	}
	id, secret := access.Client(c.app, q.ClientID, q.ClientSecret)
	if id && secret {
		return nil
	}
	why := "client_id does not match"
	if id {
		why = "client_secret does not match"
	}
	h.Accounts.Failed(c.app, ip)
	h.refused(c, "", why, errGrant)
	return errGrant.because(why)
}

// refused records a request for a token that was refused.
func (h *Handler) refused(c *call, user, why string, answer refusal) {
	h.Refused.Add(faillog.Refusal{API: "easemob", App: c.app.Key, Accid: user, Peer: h.ClientIP(c.r), Reason: why, Code: answer.status})
}

// password is the login of a client.
func (h *Handler) password(c *call, q tokenRequest) (*account.Account, error) {
	ctx, cancel := context.WithTimeout(c.ctx, hashTime)
	defer cancel()
	acc, err := h.Accounts.CheckPassword(ctx, c.app, q.Username, q.Password, h.ClientIP(c.r))
	var answer refusal
	switch im.CodeOf(err) {
	case im.CodeNotFound:
		answer = errNoUser
	case im.CodeBadLogin:
		answer = errGrant
	case im.CodeBlocked:
		answer = errGrant.because("user not activated")
	case im.CodeTooFrequent:
		h.refused(c, q.Username, im.PublicText(err), errTooOften)
		return nil, err
	default:
		return acc, err
	}
	h.refused(c, q.Username, im.PublicText(err), answer)
	return nil, answer
}

// inherit gives the app's server a token of a user.
func (h *Handler) inherit(c *call, q tokenRequest) (*account.Account, error) {
	if err := c.needApp(); err != nil {
		return nil, err
	}
	acc, err := c.user(q.Username)
	if im.CodeOf(err) == im.CodeNotFound {
		if !q.AutoCreate {
			return nil, errNoUser
		}
		name, err := legalName(q.Username)
		if err != nil {
			return nil, err
		}
		acc, err = h.Accounts.Enrol(c.ctx, c.app.Key, account.Enrolment{Accid: name})
		if im.CodeOf(err) == im.CodeRepeated { // another call was faster
			acc, err = c.user(name)
		}
		return acc, err
	}
	if err == nil && acc.Blocked {
		return nil, errGrant.because("user not activated")
	}
	return acc, err
}

// tokenExpires tells the web SDK when to ask for another token (section 3.2).
func (h *Handler) tokenExpires(c *call) error {
	at := c.holder.ExpiresMs
	if at == 0 {
		at = h.Clock.NowMs() + access.Forever*1000
	}
	return c.json(map[string]any{"expire_timestamp": at})
}
