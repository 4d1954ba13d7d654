// Package moderation owns what is judged about the contents of messages: the
// local word filter with the lists of words of an app, the order of it and of a
// second stage outside this process, and the list that clients check themselves
// (docs/api/security.md).
//
// It must not know where the texts come from, how words are found, how the second
// stage is asked, or SQL.
package moderation

import (
	"context"
	"strings"
	"sync"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// List says what a word's occurrence leads to (docs/api/security.md section 2).
type List string

// Lists.
const (
	Replace   List = "replace"   // the word is replaced, the text goes on
	Intercept List = "intercept" // the text is a hit: acknowledged, not delivered

	// What clients check before they send, and the server does not.
	Client        List = "client"         // the text is not sent
	ClientFlag    List = "client-flag"    // it is sent with the client-hit flag: acknowledged, not delivered
	ClientReplace List = "client-replace" // the word is replaced
)

// Word is one entry of a list.
type Word struct {
	List        List
	Text        string
	Replacement string // of Replace; empty: DefaultReplacement
}

// DefaultReplacement stands for a replaced word, as the SDKs do it.
const DefaultReplacement = "**"

const (
	maxWord  = 128     // characters
	maxWords = 200_000 // of one app
)

// Match is an occurrence of the word with index Word, in bytes of the text.
type Match struct{ Start, End, Word int }

// Matcher finds words. Matches are in order and do not overlap.
type Matcher interface {
	Contains(text string) bool
	Find(text string) []Match
}

// Store keeps the words.
type Store interface {
	// Words returns all words of an app, ordered by list and word.
	Words(ctx context.Context, app string) ([]Word, error)
	// WordsVersion returns the version of the list for clients, which rises with
	// every change of it; 0 if there never was one.
	WordsVersion(ctx context.Context, app string) (int64, error)
	// PutWords adds words; one that is in its list already is replaced.
	PutWords(ctx context.Context, app string, words []Word) error
	// DeleteWords removes words and returns how many there were.
	DeleteWords(ctx context.Context, app string, list List, words []string) (int, error)
}

// Result is what was found in a text.
type Result struct {
	Hit      bool   // the text must not be delivered
	JSON     string // of a hit, and of what is suspect: the result as clients and copies carry it (docs/api/security.md section 5)
	Replaced bool
	Text     string // with words replaced
}

// hitResult is the fixed result of a word-list hit: text, failed, category 100.
const hitResult = `{"yidunBusType":0,"action":2,"labels":[{"label":100,"level":2,"rate":1}]}`

// Service judges texts. Words are kept in memory per app until Forget.
type Service struct {
	store   Store
	compile func(words []string) Matcher
	second  Examiner // nil: there is none

	mu   sync.Mutex // guards apps
	apps map[string]*filter
}

// filter is the compiled lists of one app.
type filter struct {
	once    sync.Once
	err     error
	stop    Matcher // Intercept
	words   []Word  // of Replace
	replace Matcher
	clients Vocabulary
}

// New returns a Service; compile makes a matcher of words.
func New(store Store, compile func(words []string) Matcher) *Service {
	return &Service{store: store, compile: compile, apps: map[string]*filter{}}
}

// Forget drops an app's lists from memory; the change log calls it.
func (s *Service) Forget(app string) {
	s.mu.Lock()
	delete(s.apps, app)
	s.mu.Unlock()
}

// Check judges a text by the app's words; with moderation off it passes
// everything.
func (s *Service) Check(ctx context.Context, a *app.App, text string) (Result, error) {
	res := Result{Text: text}
	if a.Settings.Moderation != "local" || text == "" {
		return res, nil
	}
	f, err := s.filter(ctx, a.Key)
	if err != nil {
		return res, err
	}
	if f.stop.Contains(text) {
		return Result{Hit: true, JSON: hitResult, Text: text}, nil
	}
	var b strings.Builder
	at := 0
	for _, m := range f.replace.Find(text) {
		w := f.words[m.Word]
		b.WriteString(text[at:m.Start])
		if at = m.End; w.Replacement != "" {
			b.WriteString(w.Replacement)
		} else {
			b.WriteString(DefaultReplacement)
		}
	}
	if at > 0 {
		b.WriteString(text[at:])
		res.Replaced, res.Text = true, b.String()
	}
	return res, nil
}

func (s *Service) filter(ctx context.Context, app string) (*filter, error) {
	s.mu.Lock()
	f := s.apps[app]
	if f == nil {
		f = &filter{}
		s.apps[app] = f
	}
	s.mu.Unlock()
	f.once.Do(func() {
		ctx := context.WithoutCancel(ctx)
		var all []Word
		var version int64
		// The version first: a list that is newer than its version is sent again.
		if version, f.err = s.store.WordsVersion(ctx, app); f.err != nil {
			return
		}
		if all, f.err = s.store.Words(ctx, app); f.err != nil {
			return
		}
		f.clients = vocabulary(version, all)
		var stop, replace []string
		for _, w := range all {
			switch w.List {
			case Intercept:
				stop = append(stop, w.Text)
			case Replace:
				f.words, replace = append(f.words, w), append(replace, w.Text)
			}
		}
		f.stop, f.replace = s.compile(stop), s.compile(replace)
	})
	if f.err != nil {
		s.mu.Lock()
		if s.apps[app] == f { // the next one tries again
			delete(s.apps, app)
		}
		s.mu.Unlock()
	}
	return f, f.err
}

// Words returns an app's words.
func (s *Service) Words(ctx context.Context, app string) ([]Word, error) {
	return s.store.Words(ctx, app)
}

// Add adds words. Codes: 414 empty, too long or unknown list, 419 too many.
func (s *Service) Add(ctx context.Context, app string, words []Word) error {
	for i := range words {
		w := &words[i]
		w.Text = strings.TrimSpace(w.Text)
		switch {
		case w.List != Replace && w.List != Intercept && !w.List.ForClients():
			return im.Errorf(im.CodeBadParam, "list %q: replace, intercept, client, client-flag or client-replace", w.List)
		case w.Text == "" || !utf8.ValidString(w.Text) || strings.IndexByte(w.Text, 0) >= 0 || utf8.RuneCountInString(w.Text) > maxWord:
			return im.Errorf(im.CodeBadParam, "word %q: 1 to %d characters", w.Text, maxWord)
		case utf8.RuneCountInString(w.Replacement) > maxWord || !utf8.ValidString(w.Replacement):
			return im.Errorf(im.CodeBadParam, "replacement of %q longer than %d characters", w.Text, maxWord)
		}
	}
	have, err := s.store.Words(ctx, app)
	if err != nil {
		return err
	}
	if len(have)+len(words) > maxWords {
		return im.Errorf(im.CodeTooMany, "more than %d words", maxWords)
	}
	if err := fitsClients(have, words); err != nil {
		return err
	}
	return s.store.PutWords(ctx, app, words)
}

// Remove removes words from a list and returns how many there were.
func (s *Service) Remove(ctx context.Context, app string, list List, words []string) (int, error) {
	return s.store.DeleteWords(ctx, app, list, words)
}
