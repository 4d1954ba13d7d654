package app_test

import (
	"context"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

func TestEveryDefaultParses(t *testing.T) {
	all := app.AllSettings()
	if !sort.SliceIsSorted(all, func(i, j int) bool { return all[i].Name < all[j].Name }) {
		t.Error("settings are not listed by name")
	}
	seen := map[string]bool{}
	for _, s := range all {
		if seen[s.Name] {
			t.Errorf("%s is there twice", s.Name)
		}
		seen[s.Name] = true
		if s.Meaning == "" || s.Unit == "" {
			t.Errorf("%s: no meaning or no unit", s.Name)
		}
		if _, err := app.ParseSettings(map[string]string{s.Name: s.Default}); err != nil {
			t.Errorf("%s: its default: %v", s.Name, err)
		}
		if f, ok := app.FindSetting(s.Name); !ok || f.Default != s.Default {
			t.Errorf("%s is not found by its name", s.Name)
		}
	}
}

func TestDefaultsAreTheOriginalsFigures(t *testing.T) {
	set := hytest.Settings(t)
	for name, c := range map[string]struct{ got, want int64 }{
		"offline days": {set.OfflineDays, 30}, "offline per session": {set.OfflinePerSession, 100}, "offline in all": {set.OfflineMax, 5000},
		"roaming days": {set.RoamingDays, 7}, "roaming sessions": {set.RoamingSessions, 100}, "roaming per session": {set.RoamingPerSession, 100},
		"text": {set.TextLimit, 5000}, "ext": {set.ExtLimit, 1024}, "REST rate": {set.RESTRate, 100}, "device policy": {set.MultiDevicePolicy, 3},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", name, c.got, c.want)
		}
	}
	if d := cmp.Diff(map[string]bool{"static": true, "dynamic": true, "callback": true}, set.LoginMethods); d != "" {
		t.Error(d)
	}
}

func TestParseSettings(t *testing.T) {
	for _, c := range []struct {
		name, setting, value string
		ok                   bool
	}{
		{"a CDN", "cdn_domain", "cdn.example.com", true},
		{"a CDN with port and path", "cdn_domain", "cdn.example.com:8443/im", true},
		{"no CDN", "cdn_domain", "", true},
		{"a CDN with a scheme", "cdn_domain", "https://cdn.example.com", false},
		{"a CDN with a query", "cdn_domain", "cdn.example.com?x", false},
		{"a CDN with a slash at the end", "cdn_domain", "cdn.example.com/", false},
		{"a CDN without a dot", "cdn_domain", "cdn", false},
		{"a CDN with a user", "cdn_domain", "a@cdn.example.com", false},
		{"a CDN with a placeholder", "cdn_domain", "cdn.example.com/{object}", false},
		{"REST limits", "rest_limits", "msg/sendMsg=100/1/10, team/*=0/1/0", true},
		{"REST limits: two figures", "rest_limits", "msg/sendMsg=100/1", false},
		{"REST limits: no time", "rest_limits", "msg/sendMsg=100/0/1", false},
		{"REST limits: less than none", "rest_limits", "msg/sendMsg=-1/1/1", false},
		{"REST limits: block of two days", "rest_limits", "msg/sendMsg=1/1/172800", false},
		{"REST limits: no group", "rest_limits", "sendMsg=1/1/1", false},
		{"REST limits: with the ending", "rest_limits", "msg/sendMsg.action=1/1/1", false},
		{"number", "text_limit", "10", true},
		{"number with spaces", "text_limit", " 10 ", true},
		{"number too small", "text_limit", "0", false},
		{"number too large", "multi_device_policy", "5", false},
		{"no number", "text_limit", "ten", false},
		{"switch", "friends_only", "true", true},
		{"switch by number", "friends_only", "1", false},
		{"choice", "moderation", "local", true},
		{"other choice", "moderation", "remote", false},
		{"URL", "callback_url", "https://example.com/x", true},
		{"no URL", "callback_url", "", true},
		{"URL without host", "callback_url", "https:///x", false},
		{"URL of another kind", "copy_url", "ftp://example.com", false},
		{"list", "login_methods", "static, dynamic", true},
		{"unknown in the list", "login_methods", "static,magic", false},
		{"event numbers", "callback_events", "1,36", true},
		{"no event number", "callback_events", "1,x", false},
		{"matrix", "multi_device_matrix", "1>2+16,16>1", true},
		{"matrix without old", "multi_device_matrix", "1>", false},
		{"matrix without arrow", "multi_device_matrix", "1", false},
		{"unknown name", "no_such_setting", "1", false},
	} {
		if _, err := app.ParseSettings(map[string]string{c.setting: c.value}); (err == nil) != c.ok {
			t.Errorf("%s: %s=%q: %v", c.name, c.setting, c.value, err)
		}
	}
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	_, err := app.ParseSettings(map[string]string{"text_limit": "x", "moderation": "x", "nonsense": "x", "roaming_days": "3"})
	if im.CodeOf(err) != im.CodeBadParam {
		t.Fatalf("code %d", im.CodeOf(err))
	}
	for _, want := range []string{"text_limit", "moderation", "nonsense"} {
		if !strings.Contains(im.PublicText(err), want) {
			t.Errorf("%q does not name %s", im.PublicText(err), want)
		}
	}
	if strings.Contains(im.PublicText(err), "roaming_days") {
		t.Errorf("%q names what is right", im.PublicText(err))
	}
}

// What is not served would never come: writing it is refused, reading what an
// older version has stored is not.
func TestEventsThatAreNotServed(t *testing.T) {
	ctx := t.Context()
	store := hytest.Store(t)
	svc := app.New(store, time.Now)
	const callbacks, copies = "served are 1-5, 7-19, 22-36", "served are 1-3, 7-8, 25, 30-31, 83-84"
	a, err := svc.Create(ctx, app.App{Overrides: map[string]string{"callback_events": "1,36", "copy_events": "1, 84"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		values map[string]string
		want   []string // "" = it is set
	}{
		{"a callback", map[string]string{"callback_events": "1,6,20"}, []string{"callback_events: 6, 20 not served", callbacks}},
		{"a copy", map[string]string{"copy_events": "42"}, []string{"copy_events: 42 not served", copies}},
		{"both, and another fault", map[string]string{"callback_events": "40", "copy_events": "4", "text_limit": "x"}, []string{"40 not", "4 not", "text_limit"}},
		{"no number", map[string]string{"callback_events": "6,x"}, []string{`"x" is not an event number`}},
		{"with a zero before it", map[string]string{"callback_events": "01"}, []string{"01 not served"}},
		{"all that are served", map[string]string{"callback_events": numbers(app.ServedCallbacks()), "copy_events": numbers(app.ServedCopies())}, nil},
		{"none", map[string]string{"callback_events": "", "copy_events": ""}, nil},
	} {
		_, err := svc.Set(ctx, a.Key, c.values)
		if (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, want := range c.want {
			if im.CodeOf(err) != im.CodeBadParam || !strings.Contains(im.PublicText(err), want) {
				t.Errorf("%s: %v does not say %q", c.name, err, want)
			}
		}
	}
	if _, err := svc.Create(ctx, app.App{Overrides: map[string]string{"copy_events": "9"}}); im.CodeOf(err) != im.CodeBadParam {
		t.Errorf("made with an event that is not served: %v", err)
	}
	old := *a
	old.Overrides = map[string]string{"callback_events": "1,6"}
	if err := store.PutApp(ctx, &old); err != nil {
		t.Fatal(err)
	}
	if err := svc.Reload(ctx); err != nil {
		t.Fatalf("what is stored: %v", err)
	}
	if _, err := svc.Set(ctx, a.Key, map[string]string{"text_limit": "10"}); err != nil {
		t.Errorf("another setting beside what is stored: %v", err)
	}
}

func numbers(list []int) string {
	out := make([]string, len(list))
	for i, n := range list {
		out[i] = strconv.Itoa(n)
	}
	return strings.Join(out, ",")
}

func TestService(t *testing.T) {
	ctx := context.Background()
	store := hytest.Store(t)
	svc := app.New(store, time.Now)
	if err := svc.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	made, err := svc.Create(ctx, app.App{})
	if err != nil || made.Key == "" || len(made.Secret) < 32 || made.EasemobID == "" || made.EasemobKey == "" || made.CreatedMs == 0 {
		t.Fatalf("generated: %+v, %v", made, err)
	}
	if _, err := svc.Create(ctx, app.App{Key: made.Key}); im.CodeOf(err) != im.CodeRepeated {
		t.Errorf("created twice: %v", err)
	}
	for _, key := range []string{"a b", "a/b", "密", strings.Repeat("k", 65)} {
		if _, err := svc.Create(ctx, app.App{Key: key}); im.CodeOf(err) != im.CodeBadParam {
			t.Errorf("key %q: %v", key, err)
		}
	}
	if _, err := svc.Create(ctx, app.App{Key: "x", Org: "NimServer", Name: "n"}); im.CodeOf(err) != im.CodeBadParam {
		t.Errorf("a reserved org: %v", err)
	}
	if _, err := svc.Set(ctx, made.Key, map[string]string{"text_limit": "10", "roaming_days": "2"}); err != nil {
		t.Fatal(err)
	}
	if _, err := svc.Set(ctx, made.Key, map[string]string{"text_limit": "20", "moderation": "bad"}); im.CodeOf(err) != im.CodeBadParam {
		t.Errorf("a bad value: %v", err)
	}
	if _, err := svc.Set(ctx, made.Key, map[string]string{"roaming_days": ""}); err != nil {
		t.Error(err)
	}
	if _, err := svc.Set(ctx, made.Key, map[string]string{"no_such": ""}); im.CodeOf(err) != im.CodeBadParam {
		t.Errorf("clearing what does not exist: %v", err)
	}
	if _, err := svc.Set(ctx, "nobody", nil); im.CodeOf(err) != im.CodeNotFound {
		t.Errorf("settings of no app: %v", err)
	}
	again, err := svc.Ensure(ctx, made.Key, "new-secret", "org", "name")
	if err != nil || again.Secret != "new-secret" || again.Org != "org" || again.EasemobID != made.EasemobID || again.Settings.TextLimit != 10 {
		t.Errorf("ensured: %+v, %v", again, err)
	}
	if _, err := svc.SetDisabled(ctx, made.Key, true); err != nil {
		t.Error(err)
	}
	other := app.New(store, time.Now)
	if err := other.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	a, ok := other.Get(made.Key)
	if !ok || !a.Disabled || a.Settings.TextLimit != 10 || a.Settings.RoamingDays != 7 || a.Secret != "new-secret" || len(other.List()) != 1 {
		t.Errorf("read anew: %+v, %v", a, ok)
	}
}

func TestEasemobNames(t *testing.T) {
	ctx := context.Background()
	store := hytest.Store(t)
	svc := app.New(store, time.Now)
	if _, err := svc.Create(ctx, app.App{Key: "a", Org: "org", Name: "one"}); err != nil {
		t.Fatal(err)
	}
	if _, err := svc.Create(ctx, app.App{Key: "b"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, org, app string
		want           im.Code
	}{
		{"another app's", "org", "one", im.CodeRepeated},
		{"without an app", "org", "", im.CodeBadParam},
		{"without an org", "", "two", im.CodeBadParam},
		{"reserved", "nimserver", "two", im.CodeBadParam},
		{"reserved, in capitals", "Easemob", "two", im.CodeBadParam},
		{"like a file at the root", "b." + strings.Repeat("0", 32), "two", im.CodeBadParam},
		{"a slash", "or/g", "two", im.CodeBadParam},
		{"dots first", "..", "two", im.CodeBadParam},
		{"good", "org", "two", im.CodeOK},
		{"the same again", "org", "two", im.CodeOK},
		{"another", "org-2", "two.2", im.CodeOK},
	} {
		if _, err := svc.SetName(ctx, "b", c.org, c.app); im.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %d", c.name, err, c.want)
		}
	}
	if _, ok := svc.Named("org", "two"); ok {
		t.Error("the old name is still there")
	}
	if a, ok := svc.Named("org-2", "two.2"); !ok || a.Key != "b" {
		t.Errorf("%+v", a)
	}
	if _, err := svc.SetName(ctx, "b", "", ""); err != nil {
		t.Error(err)
	}
	if _, ok := svc.Named("", ""); ok {
		t.Error("apps without a name have one")
	}
	if _, err := svc.SetName(ctx, "nobody", "x", "y"); im.CodeOf(err) != im.CodeNotFound {
		t.Errorf("of no app: %v", err)
	}
}

// A client id holds the application's UUID; one of another form gives one too.
func TestApplication(t *testing.T) {
	a, err := app.New(hytest.Store(t), time.Now).Create(context.Background(), app.App{})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.EasemobID) != 26 || len(a.EasemobKey) != 31 || app.FormatUUID(a.Application()) == app.FormatUUID([16]byte{}) {
		t.Errorf("%s %s", a.EasemobID, app.FormatUUID(a.Application()))
	}
	sample := app.App{EasemobID: "YXA6i-Ak8Ol4Eei2l11ZjV-EAg"}
	if got := app.FormatUUID(sample.Application()); got != "8be024f0-e978-11e8-b697-5d598d5f8402" {
		t.Errorf("of a sample: %s", got)
	}
	old, other := app.App{EasemobID: "YXA6" + strings.Repeat("a", 24)}, app.App{EasemobID: "YXA6" + strings.Repeat("b", 24)}
	if old.Application() == other.Application() {
		t.Error("two clients of another form share a UUID")
	}
}
