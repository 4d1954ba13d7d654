package moderation

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"

	"hongyan/internal/im"
)

// maxVocabulary bounds the client list in bytes of JSON: it goes to every client
// in one frame, and what waits for a client is bounded (--send-queue-bytes).
const maxVocabulary = 1 << 20

// Vocabulary is the list that clients of an app check texts against before they
// send them (docs/api/security.md section 2.1).
type Vocabulary struct {
	Version int64  // rises with every change; 0: the app never had a list
	MD5     string // of Text, lower-case hex; empty with version 0
	Text    string // JSON; empty with version 0
}

// operations are the lists for clients with the operation of theirs that each
// stands for. Clients stop at the first word that intercepts, so the strict ones
// come first; a word in several lists counts in the first.
func operations() []struct {
	list    List
	operate int
} {
	return []struct {
		list    List
		operate int
	}{{Client, 2}, {ClientFlag, 3}, {ClientReplace, 1}}
}

// ForClients says whether clients check the list and the server does not.
func (l List) ForClients() bool { return l == Client || l == ClientFlag || l == ClientReplace }

// Vocabulary returns an app's client list, whatever its setting of moderation is.
func (s *Service) Vocabulary(ctx context.Context, app string) (Vocabulary, error) {
	f, err := s.filter(ctx, app)
	if err != nil {
		return Vocabulary{}, err
	}
	return f.clients, nil
}

// vocabulary makes the list of a version out of all words of an app.
func vocabulary(version int64, all []Word) Vocabulary {
	if version == 0 {
		return Vocabulary{}
	}
	text := thesaurus(all)
	sum := md5.Sum(text)
	return Vocabulary{Version: version, MD5: hex.EncodeToString(sum[:]), Text: string(text)}
}

// thesaurus is the client list as clients read it: words are substrings, in
// groups of one operation.
func thesaurus(all []Word) []byte {
	type key struct {
		Key string `json:"key"`
	}
	type group struct {
		Match   int   `json:"match"` // 1: the key is a substring
		Operate int   `json:"operate"`
		Keys    []key `json:"keys"`
	}
	groups, seen := []group{}, map[string]bool{}
	for _, op := range operations() {
		g := group{Match: 1, Operate: op.operate}
		for _, w := range all {
			if w.List == op.list && !seen[w.Text] {
				seen[w.Text] = true
				g.Keys = append(g.Keys, key{w.Text})
			}
		}
		if len(g.Keys) > 0 {
			groups = append(groups, g)
		}
	}
	text, _ := json.Marshal(map[string]any{"thesaurus": groups}) // numbers and texts: cannot fail
	return text
}

// fitsClients says whether the client list has room for words beside what it has.
func fitsClients(have, words []Word) error {
	for _, w := range words {
		if w.List.ForClients() {
			if len(thesaurus(append(have[:len(have):len(have)], words...))) > maxVocabulary {
				return im.Errorf(im.CodeTooMany, "the list for clients would be longer than %d bytes", maxVocabulary)
			}
			return nil
		}
	}
	return nil
}
