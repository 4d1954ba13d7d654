package easemob_test

import (
	"strings"
	"testing"
	"time"

	"hongyan/internal/im/account"
)

// changed is a token with one character of its end changed.
func changed(token string) string {
	i := len(token) - 10
	c := byte('A')
	if token[i] == c {
		c = 'B'
	}
	return token[:i] + string(c) + token[i+1:]
}

// The table of docs/api/easemob.md section 5.4, row by row, over HTTP.
func TestWhoGetsAFile(t *testing.T) {
	b := newBed(t)
	owner, other, server := b.user(b.one, "alice"), b.user(b.one, "bob"), b.server(b.one)
	closed, secret := b.put(owner, "closed", "restrict-access", "true")
	open, openSecret := b.put(owner, "open")
	_, wrong := b.put(owner, "another", "restrict-access", "true")
	// One of the same name in another app.
	foreign, foreignServer := b.user(b.two, "alice"), b.server(b.two)
	acc, _ := b.accounts.Get(t.Context(), "one", "alice")
	expired := "Bearer " + b.tokens.OfUser(b.one, acc, 1)
	b.clock.Advance(2 * time.Second)
	blocked := b.user(b.one, "blocked")
	if err := b.accounts.SetBlocked(t.Context(), "one", "blocked", true); err != nil {
		t.Fatal(err)
	}
	gone := b.user(b.one, "gone")
	if err := b.accounts.Remove(t.Context(), "one", "gone"); err != nil {
		t.Fatal(err)
	}
	const garbage, unknown = "Bearer YWMtgarbage", "00000000-0000-4000-8000-000000000000"
	flipped := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' {
			return c - 32
		}
		return c
	}, secret)

	for _, c := range []struct {
		name   string
		file   string
		token  string
		header string // share-secret, "" = none
		query  string
		set    []string
		status int
		text   string // of the refusal
	}{
		{"restricted, owner, secret in the header", closed, owner, secret, "", nil, 200, ""},
		{"restricted, owner, secret in the query", closed, owner, "", "share-secret=" + secret, nil, 200, ""},
		{"restricted, owner without the secret", closed, owner, "", "", nil, 403, "chatfile no permission"},
		{"restricted, other user, secret", closed, other, secret, "", nil, 200, ""},
		{"restricted, other user without the secret", closed, other, "", "", nil, 403, "chatfile no permission"},
		{"restricted, other user, secret of another file", closed, other, wrong, "", nil, 403, "chatfile no permission"},
		{"restricted, other user, secret in another case", closed, other, flipped, "", nil, 403, "chatfile no permission"},
		{"restricted, other user, secret cut short", closed, other, secret[:47], "", nil, 403, "chatfile no permission"},
		{"restricted, other user, secret with more", closed, other, secret + "A", "", nil, 403, "chatfile no permission"},
		{"restricted, other user, empty secret in the query", closed, other, "", "share-secret=", nil, 403, "chatfile no permission"},
		{"restricted, wrong in the header, right in the query", closed, other, wrong, "share-secret=" + secret, nil, 200, ""},
		{"restricted, app token, secret", closed, server, secret, "", nil, 200, ""},
		{"restricted, app token without the secret", closed, server, "", "", nil, 403, "chatfile no permission"},
		{"restricted, app token without the secret, bypass on", closed, server, "", "", []string{"easemob_app_bypass", "true"}, 200, ""},
		{"restricted, user token without the secret, bypass on", closed, other, "", "", []string{"easemob_app_bypass", "true"}, 403, "chatfile no permission"},
		{"restricted, no token, secret in the query", closed, "", "", "share-secret=" + secret, nil, 200, ""},
		{"restricted, no token, secret in the query, as the web SDK writes it", closed, "", "", "em-redirect=true&share-secret=" + secret + "&thumbnail=true", nil, 200, ""},
		{"restricted, no token, secret in the query, capability URLs off", closed, "", "", "share-secret=" + secret, []string{"easemob_capability_urls", "false"}, 401, "(OAuth)"},
		{"restricted, no token, secret in the header only", closed, "", secret, "", nil, 401, "(OAuth)"},
		{"restricted, no token, no secret", closed, "", "", "", nil, 401, "(OAuth)"},
		{"restricted, no token, em-redirect", closed, "", "", "em-redirect=true", nil, 401, "(OAuth)"},
		{"restricted, no token, everybody may read the others", closed, "", "", "", []string{"easemob_anonymous", "always"}, 401, "(OAuth)"},
		{"restricted, no token, wrong secret in the query", closed, "", "", "share-secret=" + wrong, nil, 401, "(OAuth)"},
		{"restricted, no token, wrong secret, em-redirect", closed, "", "", "em-redirect=true&share-secret=" + wrong, nil, 401, "(OAuth)"},
		{"restricted, Bearer undefined, secret in the query", closed, "Bearer undefined", "", "share-secret=" + secret, nil, 200, ""},
		{"restricted, Bearer undefined", closed, "Bearer undefined", secret, "", nil, 401, "(OAuth)"},
		{"restricted, garbage token, secret in the query", closed, garbage, "", "share-secret=" + secret, nil, 200, ""},
		{"restricted, garbage token, secret in the header", closed, garbage, secret, "", nil, 401, "corrupt"},
		{"restricted, expired token, secret in the query", closed, expired, "", "share-secret=" + secret, nil, 200, ""},
		{"restricted, expired token, secret in the header", closed, expired, secret, "", nil, 401, "expired access token"},
		{"restricted, other app's token, secret in the header", closed, foreign, secret, "", nil, 401, "corrupt"},
		{"restricted, other app's token, secret in the query", closed, foreign, "", "share-secret=" + secret, nil, 401, "corrupt"},
		{"restricted, other app's server, secret", closed, foreignServer, secret, "", nil, 401, "corrupt"},
		{"restricted, vframe without a token", closed, "", "", "vframe=true", nil, 401, "(OAuth)"},
		{"restricted, vframe with token and secret", closed, other, secret, "vframe=true", nil, 404, "file may not exists"},

		{"unrestricted, owner", open, owner, "", "", nil, 200, ""},
		{"unrestricted, other user", open, other, "", "", nil, 200, ""},
		{"unrestricted, other user, wrong secret", open, other, wrong, "", nil, 200, ""},
		{"unrestricted, lower-case bearer", open, "bearer " + strings.TrimPrefix(other, "Bearer "), "", "", nil, 200, ""},
		{"unrestricted, app token", open, server, "", "", nil, 200, ""},
		{"unrestricted, no token", open, "", "", "", nil, 401, "(OAuth)"},
		{"unrestricted, no token, its secret in the header", open, "", openSecret, "", nil, 401, "(OAuth)"},
		{"unrestricted, no token, its secret in the query", open, "", "", "share-secret=" + openSecret, nil, 401, "(OAuth)"},
		{"unrestricted, no token, em-redirect", open, "", "", "em-redirect=true", nil, 200, ""},
		{"unrestricted, no token, em-redirect and its secret", open, "", "", "em-redirect=true&share-secret=" + openSecret, nil, 200, ""},
		{"unrestricted, no token, em-redirect=false", open, "", "", "em-redirect=false", nil, 401, "(OAuth)"},
		{"unrestricted, no token, em-redirect, never", open, "", "", "em-redirect=true", []string{"easemob_anonymous", "never"}, 401, "(OAuth)"},
		{"unrestricted, no token, always", open, "", "", "", []string{"easemob_anonymous", "always"}, 200, ""},
		{"unrestricted, expired token, em-redirect", open, expired, "", "em-redirect=true", nil, 401, "expired access token"},
		{"unrestricted, expired token", open, expired, "", "", nil, 401, "expired access token"},
		{"unrestricted, other app's user of the same name", open, foreign, "", "", nil, 401, "corrupt"},
		{"unrestricted, other app's token, always", open, foreign, "", "", []string{"easemob_anonymous", "always"}, 401, "corrupt"},
		{"unrestricted, other app's server", open, foreignServer, "", "", nil, 401, "corrupt"},
		{"unrestricted, garbage", open, garbage, "", "", nil, 401, "corrupt"},
		{"unrestricted, Basic", open, "Basic YTpi", "", "", nil, 401, "(OAuth)"},
		{"unrestricted, blocked user", open, blocked, "", "", nil, 401, "Unable to authenticate"},
		{"unrestricted, deleted user", open, gone, "", "", nil, 401, "Unable to authenticate"},
		{"unrestricted, changed token", open, changed(other), "", "", nil, 401, "Unable to authenticate"},

		{"unknown id, token", unknown, other, "", "", nil, 404, "file may not exists"},
		{"unknown id, no token", unknown, "", "", "", nil, 401, "(OAuth)"},
		{"unknown id, no token, em-redirect", unknown, "", "", "em-redirect=true", nil, 401, "(OAuth)"},
		{"unknown id, no token, a secret", unknown, "", "", "share-secret=" + secret, nil, 401, "(OAuth)"},
		{"no UUID, token", "..%2f..%2fetc", other, "", "", nil, 404, ""},
		{"UUID in upper case, token", strings.ToUpper(open), other, "", "", nil, 404, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.set != nil {
				b.set(c.set...)
				defer b.set(c.set[0], "")
			}
			path := "/org/one/chatfiles/" + c.file
			if c.query != "" {
				path += "?" + c.query
			}
			head := []string{"Authorization", c.token}
			if c.header != "" {
				head = append(head, "share-secret", c.header)
			}
			r := b.do("GET", path, nil, head...)
			if r.status != c.status || c.text != "" && !strings.Contains(r.body, c.text) {
				t.Fatalf("%d %s, want %d %s", r.status, r.body, c.status, c.text)
			}
			if c.status == 200 && r.body != map[string]string{closed: "closed", open: "open"}[c.file] {
				t.Errorf("content %q", r.body)
			}
			if h := b.do("HEAD", path, nil, head...); h.status != c.status || h.body != "" {
				t.Errorf("HEAD: %d %q", h.status, h.body)
			}
		})
	}
	// Through the other app nothing of it is there, with or without the secret.
	for _, token := range []string{foreign, foreignServer} {
		b.do("GET", "/org/two/chatfiles/"+open, nil, "Authorization", token).refused(t, "through the other app", 404, "entity_not_found", "")
		b.do("GET", "/org/two/chatfiles/"+closed+"?share-secret="+secret, nil, "Authorization", token).refused(t, "with the secret", 404, "entity_not_found", "")
	}
	b.do("GET", "/org/two/chatfiles/"+closed+"?share-secret="+secret, nil).refused(t, "without a token", 401, "unauthorized", "")
}

// The other façade reads files by name alone: chat files must not be among them.
func TestTheOtherFacadeDoesNotServeChatFiles(t *testing.T) {
	b := newBed(t)
	uuid, _ := b.put(b.user(b.one, "alice"), "secret", "restrict-access", "")
	hex := strings.ReplaceAll(uuid, "-", "")
	for _, object := range []string{"one." + hex, "one." + hex + "x", "one." + uuid} {
		if _, _, err := b.files.Find(t.Context(), object); err == nil {
			t.Errorf("%s is found", object)
		}
	}
	if b.blobs() == 0 {
		t.Error("nothing is stored")
	}
}

// What ends a user's tokens.
func TestTokensEnd(t *testing.T) {
	b := newBed(t)
	for _, c := range []struct {
		name string
		end  func(accid string) error
		ends bool
	}{
		{"nothing", func(string) error { return nil }, false},
		{"another nickname", func(a string) error {
			n := "n"
			_, err := b.accounts.UpdateCard(t.Context(), "one", a, account.CardUpdate{Name: &n})
			return err
		}, false},
		{"another password", func(a string) error { return b.accounts.SetPassword(t.Context(), "one", a, "new") }, true},
		{"deleted", func(a string) error { return b.accounts.Remove(t.Context(), "one", a) }, true},
		{"deleted and registered anew", func(a string) error {
			if err := b.accounts.Remove(t.Context(), "one", a); err != nil {
				return err
			}
			_, err := b.accounts.Enrol(t.Context(), "one", account.Enrolment{Accid: a, Password: "p"})
			return err
		}, true},
		{"deleted and made anew without a password", func(a string) error {
			if err := b.accounts.Remove(t.Context(), "one", a); err != nil {
				return err
			}
			_, err := b.accounts.Enrol(t.Context(), "one", account.Enrolment{Accid: a})
			return err
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			accid := strings.ReplaceAll(c.name, " ", "")
			token := b.user(b.one, accid[:min(len(accid), 20)])
			if err := c.end(accid[:min(len(accid), 20)]); err != nil {
				t.Fatal(err)
			}
			if r := b.call("GET", "chatfiles/exists", token, ""); (r.status == 401) != c.ends {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
}
