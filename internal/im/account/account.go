// Package account owns accounts: registration, name cards, tokens, blocks and
// mutes, and whether a login may go on.
//
// It must not know connections (package presence does), SQL, or how a card is
// tagged on the wire.
package account

import (
	"context"
	"strings"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/eventcopy"
)

// Account is one user of an app. Values handed out by Service are shared:
// read them, never change them.
type Account struct {
	App, Accid string
	TokenHash  string // see Service.hashToken; never logged
	Password   string // of the Easemob API: see Service.hashPassword; "" = none; never logged
	Deleted    bool   // by the Easemob API, until the name is registered anew; blocked too
	Card       Card
	Blocked    bool
	Mute       Mutes
	Donnop     bool  // no push to mobile while a desktop is online; stored only
	CreatedMs  int64 // ms since 1970
}

// Card is the public profile (用户名片).
type Card struct {
	Name, Icon, Sign, Email, Birth, Mobile, Ex string
	Gender                                     int   // 0 unknown, 1 male, 2 female
	CreatedMs, UpdatedMs                       int64 // ms since 1970
}

// Mutes are independent switches; a muted account cannot send from clients
// (423) but still receives (docs/api/server-v1.md section 12.1).
type Mutes struct {
	All, P2P, Team, Room, QChat, AV bool
}

// CardUpdate changes the given fields; an empty text clears a field.
type CardUpdate struct {
	Name, Icon, Sign, Email, Birth, Mobile, Ex *string
	Gender                                     *int
}

// Store keeps accounts. Every method is one durable unit of work.
type Store interface {
	// Account returns one account or a 404 error.
	Account(ctx context.Context, app, accid string) (*Account, error)
	// Accounts returns those of accids that exist, in no order.
	Accounts(ctx context.Context, app string, accids []string) ([]*Account, error)
	// ListAccounts returns up to limit accounts with accid > after, in order.
	ListAccounts(ctx context.Context, app, after string, limit int) ([]*Account, error)
	// CreateAccount inserts; an existing accid is im.CodeRepeated.
	CreateAccount(ctx context.Context, a *Account) error
	// UpdateAccount reads the account, lets change edit the copy and writes it,
	// all in one transaction; it returns what it wrote.
	UpdateAccount(ctx context.Context, app, accid string, change func(*Account) error) (*Account, error)
	// AddLoginRecords writes login and logout records; losing the newest second is allowed.
	AddLoginRecords(ctx context.Context, records []LoginRecord) error
	// LoginRecords returns records of an account, newest first unless q.Ascending.
	LoginRecords(ctx context.Context, app, accid string, q RecordQuery) ([]LoginRecord, error)
	// TrimLoginRecords deletes up to limit records of an app with ids below
	// before and returns how many there were.
	TrimLoginRecords(ctx context.Context, app string, before int64, limit int) (int64, error)
}

// RecordQuery selects login records. Times are ms, inclusive; ToMs 0 is open.
type RecordQuery struct {
	FromMs, ToMs int64
	Ascending    bool
	Limit        int
}

// LoginRecord tells of one login or logout.
type LoginRecord struct {
	App, Accid string
	ID         int64
	TimeMs     int64
	Event      int // 2 login, 3 logout (docs/api/server-v1.md section 12.7), RecordFailed
	ClientType int
	IP, Device string
	CustomTag  string          // of the login
	SDKVersion int             // protocol number, 91200
	Copy       *eventcopy.Copy // stored with it; nil: the app's server is not told
}

// RecordFailed is the event of a login that failed. It is no record: only its
// copy is stored.
const RecordFailed = 84

// Register makes an account. An empty token is generated; the token in force is
// returned once and cannot be read again.
func (s *Service) Register(ctx context.Context, app, accid, token string, card CardUpdate) (*Account, string, error) {
	accid, ok := im.NormalizeAccid(accid)
	if !ok {
		return nil, "", im.Errorf(im.CodeBadParam, "accid: 1 to 32 characters of A-Z a-z 0-9 _ @ . -")
	}
	if token == "" {
		token = NewToken()
	}
	if utf8.RuneCountInString(token) > MaxToken {
		return nil, "", im.Errorf(im.CodeBadParam, "token longer than %d characters", MaxToken)
	}
	now := s.clock.NowMs()
	a := &Account{App: app, Accid: accid, CreatedMs: now, TokenHash: s.hashToken(app, accid, token)}
	a.Card.CreatedMs = now
	if err := a.Card.apply(card, now); err != nil {
		return nil, "", err
	}
	if err := s.store.CreateAccount(ctx, a); err != nil {
		if im.CodeOf(err) == im.CodeRepeated {
			return nil, "", im.Errorf(im.CodeBadParam, "already register")
		}
		return nil, "", err
	}
	return a, token, nil
}

// SetToken replaces the static token; an empty one is generated. Connections
// that are logged in stay (docs/api/server-v1.md section 12.1).
func (s *Service) SetToken(ctx context.Context, app, accid, token string) (string, error) {
	if token == "" {
		token = NewToken()
	}
	if utf8.RuneCountInString(token) > MaxToken {
		return "", im.Errorf(im.CodeBadParam, "token longer than %d characters", MaxToken)
	}
	_, err := s.update(ctx, app, accid, func(a *Account) error {
		a.TokenHash = s.hashToken(a.App, a.Accid, token)
		return nil
	})
	return token, err
}

// UpdateCard changes the given fields of the name card.
func (s *Service) UpdateCard(ctx context.Context, app, accid string, u CardUpdate) (*Account, error) {
	return s.update(ctx, app, accid, func(a *Account) error {
		now := s.clock.NowMs()
		// Cards are synchronised by time tag, so two updates never share one.
		if now <= a.Card.UpdatedMs {
			now = a.Card.UpdatedMs + 1
		}
		return a.Card.apply(u, now)
	})
}

// SetBlocked blocks or unblocks; kicking connections is the caller's decision.
func (s *Service) SetBlocked(ctx context.Context, app, accid string, on bool) error {
	_, err := s.update(ctx, app, accid, func(a *Account) error { a.Blocked = on; return nil })
	return err
}

// SetMutes lets change edit the mute switches and returns their new state.
func (s *Service) SetMutes(ctx context.Context, app, accid string, change func(*Mutes)) (Mutes, error) {
	a, err := s.update(ctx, app, accid, func(a *Account) error { change(&a.Mute); return nil })
	if err != nil {
		return Mutes{}, err
	}
	return a.Mute, nil
}

// SetDonnop stores the push preference.
func (s *Service) SetDonnop(ctx context.Context, app, accid string, on bool) error {
	_, err := s.update(ctx, app, accid, func(a *Account) error { a.Donnop = on; return nil })
	return err
}

// Check says whether u may be applied to a card.
func (u CardUpdate) Check() error { return new(Card).apply(u, 0) }

func (c *Card) apply(u CardUpdate, now int64) error {
	for _, f := range []struct {
		name  string
		dst   *string
		src   *string
		limit int
		bytes bool
	}{
		{"name", &c.Name, u.Name, 64, false},
		{"icon", &c.Icon, u.Icon, 1024, true},
		{"sign", &c.Sign, u.Sign, 256, false},
		{"email", &c.Email, u.Email, 64, false},
		{"birth", &c.Birth, u.Birth, 16, false},
		{"mobile", &c.Mobile, u.Mobile, 32, false},
		{"ex", &c.Ex, u.Ex, 1024, false},
	} {
		if f.src == nil {
			continue
		}
		n := utf8.RuneCountInString(*f.src)
		if f.bytes {
			n = len(*f.src)
		}
		if strings.IndexByte(*f.src, 0) >= 0 { // no database keeps it in a text
			return im.Errorf(im.CodeBadParam, "%s holds a NUL", f.name)
		}
		if n > f.limit {
			return im.Errorf(im.CodeBadParam, "%s longer than %d", f.name, f.limit)
		}
		*f.dst = *f.src
	}
	if u.Gender != nil {
		if *u.Gender < 0 || *u.Gender > 2 {
			return im.Errorf(im.CodeBadParam, "gender is 0, 1 or 2")
		}
		c.Gender = *u.Gender
	}
	c.UpdatedMs = now
	return nil
}
