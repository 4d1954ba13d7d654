package easemob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/access"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/presence"
)

const (
	usersPath = "/users"
	// maxBatch is how many users one call may register (docs/api/easemob.md section 4.2).
	maxBatch = 60
	// batchTime bounds such a call: passwords are slow to hash.
	batchTime = 30 * time.Second
	// maxNickname is the longest nickname in characters: that of a card's name.
	maxNickname = 64
	// listMost and listDefault bound a page of users.
	listMost    = 100
	listDefault = 10
)

// entity is a user as clients read it.
type entity struct {
	UUID      string `json:"uuid"`
	Type      string `json:"type"`
	Created   int64  `json:"created"`  // ms since 1970
	Modified  int64  `json:"modified"` // ms since 1970
	Username  string `json:"username"`
	Activated bool   `json:"activated"`
	Nickname  string `json:"nickname,omitempty"`
}

func userEntity(a *account.Account) entity {
	sum := sha256.Sum256(fmt.Appendf(nil, "easemob user\x00%s\x00%s\x00%d", a.App, a.Accid, a.CreatedMs))
	var id [16]byte
	copy(id[:], sum[:])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return entity{UUID: app.FormatUUID(id), Type: "user", Created: a.CreatedMs, Modified: max(a.CreatedMs, a.Card.UpdatedMs),
		Username: a.Accid, Activated: !a.Blocked, Nickname: a.Card.Name}
}

// user returns an account that is not deleted.
func (c *call) user(name string) (*account.Account, error) {
	accid, ok := im.NormalizeAccid(name)
	if !ok {
		return nil, im.Errorf(im.CodeNotFound, "no such account")
	}
	acc, err := c.h.Accounts.Get(c.ctx, c.app.Key, accid)
	if err == nil && acc.Deleted {
		err = im.Errorf(im.CodeNotFound, "no such account")
	}
	return acc, err
}

// legalName checks the name of a new user (section 4.1) and lower-cases it.
func legalName(name string) (string, error) {
	name = strings.ToLower(strings.TrimSpace(name))
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.") != "" || name == "" {
		return "", notLegal(name)
	}
	if len(name) > im.MaxAccid {
		return "", errArgument.because("USERNAME_TOO_LONG")
	}
	return name, nil
}

type registration struct {
	Username *string `json:"username"`
	Password *string `json:"password"`
	Nickname string  `json:"nickname"`
}

func (q registration) check() (account.Enrolment, error) {
	if q.Username == nil {
		return account.Enrolment{}, errArgument.because("Entity user requires a property named username")
	}
	name, err := legalName(*q.Username)
	switch {
	case err != nil:
		return account.Enrolment{}, err
	case q.Password == nil || *q.Password == "":
		return account.Enrolment{}, errArgument.because("password or pin must provided")
	case utf8.RuneCountInString(*q.Password) > account.MaxPassword:
		return account.Enrolment{}, errArgument.because("PASSWORD_TOO_LONG")
	case utf8.RuneCountInString(q.Nickname) > maxNickname:
		return account.Enrolment{}, errArgument.because("NICKNAME_TOO_LONG")
	}
	return account.Enrolment{Accid: name, Password: *q.Password, Name: q.Nickname}, nil
}

func exists(name string) refusal {
	return errExists.because("Application null Entity user requires that property named username be unique, value of " + name + " exists")
}

// register is POST users: an object is one user, an array many.
func (h *Handler) register(c *call) error {
	server := c.needApp() == nil
	if !server && c.app.Settings.Easemob.Registration != "open" {
		if c.denied != nil && !errors.Is(c.denied, access.ErrNone) {
			return c.denied // a token that has expired is told so
		}
		return errClosed
	}
	if err := c.allow(userGroup); err != nil {
		return err
	}
	var raw json.RawMessage
	if err := c.body(&raw); err != nil {
		return err
	}
	if raw = bytes.TrimSpace(raw); raw[0] == '[' {
		if !server {
			return errClosed
		}
		return h.registerMany(c, raw)
	}
	ctx, cancel := context.WithTimeout(c.ctx, hashTime)
	defer cancel()
	var q registration
	if json.Unmarshal(raw, &q) != nil {
		return errArgument.because("username, password and nickname are texts")
	}
	e, err := q.check()
	if err != nil {
		return err
	}
	acc, err := h.Accounts.Enrol(ctx, c.app.Key, e)
	if im.CodeOf(err) == im.CodeRepeated {
		return exists(e.Accid)
	}
	if err != nil {
		return err
	}
	return c.entities(usersPath, []entity{userEntity(acc)})
}

// registerMany registers those that can be: the others are listed.
func (h *Handler) registerMany(c *call, raw []byte) error {
	ctx, cancel := context.WithTimeout(c.ctx, batchTime)
	defer cancel()
	var list []registration
	if json.Unmarshal(raw, &list) != nil {
		return errArgument.because("username, password and nickname are texts")
	}
	if len(list) == 0 || len(list) > maxBatch {
		return errArgument.because("1 to " + strconv.Itoa(maxBatch) + " users at a time")
	}
	var wanted []account.Enrolment
	for _, q := range list { // one that is malformed fails all, as with one user
		e, err := q.check()
		if err != nil {
			return err
		}
		wanted = append(wanted, e)
	}
	type failure struct {
		Username string `json:"username"`
		Reason   string `json:"registerUserFailReason"`
	}
	made, failed := []entity{}, []failure{}
	for _, e := range wanted {
		acc, err := h.Accounts.Enrol(ctx, c.app.Key, e)
		switch {
		case im.CodeOf(err) == im.CodeRepeated:
			failed = append(failed, failure{e.Accid, "the " + e.Accid + " already exists"})
		case err != nil:
			return err
		default:
			made = append(made, userEntity(acc))
		}
	}
	a := c.envelope(usersPath)
	a.Entities, a.Data = made, failed
	return c.json(a)
}

// self says why the caller may not act for the user in the path.
func (c *call) self(name string) error {
	if accid, _ := im.NormalizeAccid(name); c.holder.Account != nil && c.holder.Accid() != accid {
		return errForbidden.because("a user may do this for himself only")
	}
	return nil
}

// one answers with one user.
func (c *call) one(acc *account.Account) error {
	a, n := c.envelope(usersPath), 1
	a.Entities, a.Count = []entity{userEntity(acc)}, &n
	return c.json(a)
}

func (h *Handler) getUser(c *call) error {
	if err := c.self(c.args[0]); err != nil {
		return err
	}
	acc, err := c.user(c.args[0])
	if err != nil {
		return err
	}
	return c.one(acc)
}

// page reads limit and cursor.
func (c *call) page() (limit int, after string, err error) {
	limit = listDefault
	if v := c.query.Get("limit"); v != "" {
		if limit, err = strconv.Atoi(v); err != nil || limit < 1 {
			return 0, "", errArgument.because("limit is not a positive number")
		}
	}
	after, ok := im.NormalizeAccid(c.query.Get("cursor"))
	if !ok && c.query.Get("cursor") != "" {
		return 0, "", errArgument.because("cursor is not one of ours")
	}
	return min(limit, listMost), after, nil
}

// some returns users after one, by name, and the cursor of the next page.
func (c *call) some(limit int, after string) (out []*account.Account, cursor string, err error) {
	for {
		list, err := c.h.Accounts.List(c.ctx, c.app.Key, after, limit+1)
		if err != nil {
			return nil, "", err
		}
		for _, a := range list {
			if len(out) == limit {
				return out, out[limit-1].Accid, nil
			}
			if after = a.Accid; !a.Deleted {
				out = append(out, a)
			}
		}
		if len(list) <= limit {
			return out, "", nil
		}
	}
}

func (c *call) many(list []*account.Account, cursor string) error {
	a, n := c.envelope(usersPath), len(list)
	all := make([]entity, 0, n)
	for _, acc := range list {
		all = append(all, userEntity(acc))
	}
	a.Entities, a.Count, a.Cursor, a.Params = all, &n, cursor, c.query
	return c.json(a)
}

func (h *Handler) listUsers(c *call) error {
	limit, after, err := c.page()
	if err != nil {
		return err
	}
	list, cursor, err := c.some(limit, after)
	if err != nil {
		return err
	}
	return c.many(list, cursor)
}

func (h *Handler) deleteUsers(c *call) error {
	if !c.app.Settings.Easemob.BulkDelete {
		return errForbidden.because("easemob_bulk_delete is off")
	}
	limit, after, err := c.page()
	if err != nil {
		return err
	}
	list, cursor, err := c.some(limit, after)
	if err != nil {
		return err
	}
	for _, acc := range list {
		if err := h.remove(c, acc); err != nil {
			return err
		}
	}
	return c.many(list, cursor)
}

func (h *Handler) remove(c *call, acc *account.Account) error {
	err := h.Accounts.Remove(c.ctx, c.app.Key, acc.Accid)
	if im.CodeOf(err) == im.CodeNotFound { // another call was faster
		return nil
	}
	if err == nil {
		presence.KickAll(h.Bus, c.app.Key, acc.Accid, "")
	}
	return err
}

func (h *Handler) deleteUser(c *call) error {
	acc, err := c.user(c.args[0])
	if err != nil {
		return err
	}
	if err := h.remove(c, acc); err != nil {
		return err
	}
	return c.one(acc)
}

// updateUser stores the nickname; push tokens are accepted and not used.
func (h *Handler) updateUser(c *call) error {
	if err := c.self(c.args[0]); err != nil {
		return err
	}
	acc, err := c.user(c.args[0])
	if err != nil {
		return err
	}
	var q struct {
		Nickname *string `json:"nickname"`
	}
	if err := c.body(&q); err != nil {
		return err
	}
	if q.Nickname != nil {
		if utf8.RuneCountInString(*q.Nickname) > maxNickname {
			return errArgument.because("NICKNAME_TOO_LONG")
		}
		if acc, err = h.Accounts.UpdateCard(c.ctx, c.app.Key, acc.Accid, account.CardUpdate{Name: q.Nickname}); err != nil {
			return err
		}
		h.Bus.Publish(im.Event{Kind: im.EventCard, App: c.app.Key, To: acc.Accid})
	}
	return c.one(acc)
}

// setPassword ends the user's tokens too: they are bound to the password.
func (h *Handler) setPassword(c *call) error {
	acc, err := c.user(c.args[0])
	if err != nil {
		return err
	}
	var q struct {
		Password string `json:"newpassword"`
	}
	if err := c.body(&q); err != nil {
		return err
	}
	if q.Password == "" {
		return errArgument.because("newpassword is required")
	}
	ctx, cancel := context.WithTimeout(c.ctx, hashTime)
	defer cancel()
	if err := h.Accounts.SetPassword(ctx, c.app.Key, acc.Accid, q.Password); err != nil {
		return err
	}
	return c.json(map[string]any{"action": "set user password", "timestamp": h.Clock.NowMs(), "duration": c.ms()})
}

func (h *Handler) deactivate(c *call) error { return h.setBlocked(c, true) }
func (h *Handler) activate(c *call) error   { return h.setBlocked(c, false) }

func (h *Handler) setBlocked(c *call, on bool) error {
	acc, err := c.user(c.args[0])
	if err != nil {
		return err
	}
	if err := h.Accounts.SetBlocked(c.ctx, c.app.Key, acc.Accid, on); err != nil {
		return err
	}
	if on {
		presence.KickAll(h.Bus, c.app.Key, acc.Accid, "")
	}
	if acc, err = c.user(acc.Accid); err != nil {
		return err
	}
	return c.one(acc)
}

func (h *Handler) disconnect(c *call) error {
	acc, err := c.user(c.args[0])
	if err != nil {
		return err
	}
	presence.KickAll(h.Bus, c.app.Key, acc.Accid, "")
	return c.data(usersPath, map[string]bool{"result": true})
}

func (h *Handler) status(c *call) error {
	if err := c.self(c.args[0]); err != nil {
		return err
	}
	acc, err := c.user(c.args[0])
	if err != nil {
		return err
	}
	state := "offline"
	if len(h.Presence.Devices(c.app.Key, acc.Accid)) > 0 {
		state = "online"
	}
	return c.data(usersPath, map[string]string{acc.Accid: state})
}
