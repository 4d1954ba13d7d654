package easemob

import (
	"context"
	"time"

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
		id, secret := access.Client(c.app, q.ClientID, q.ClientSecret)
		switch {
		case !id:
			return errGrant.because("client_id does not match")
		case !secret:
			return errGrant.because("client_secret does not match")
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

// password is the login of a client.
func (h *Handler) password(c *call, q tokenRequest) (*account.Account, error) {
	ctx, cancel := context.WithTimeout(c.ctx, hashTime)
	defer cancel()
	acc, err := h.Accounts.CheckPassword(ctx, c.app, q.Username, q.Password, h.ClientIP(c.r))
	switch im.CodeOf(err) {
	case im.CodeNotFound:
		return nil, errNoUser
	case im.CodeBadLogin:
		return nil, errGrant
	case im.CodeBlocked:
		return nil, errGrant.because("user not activated")
	}
	return acc, err
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
