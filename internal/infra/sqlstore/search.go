package sqlstore

import (
	"context"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
)

// The index holds, for each message, its words and tokens for whom it concerns:
// a search looks for both at once and so reads nothing of other accounts. SQLite
// keeps it in an FTS5 table without content, PostgreSQL in a tsvector; the words
// are the same (message.SearchWords).

// Marks of the tokens: private characters, which no text is split into.
const (
	markAccount = "\ue000"
	markConv    = "\ue001"
	markSender  = "\ue002"
)

// scopeToken hashes a name into a token: two that collide cost a look at a
// message, which then does not match.
func scopeToken(mark string, app int64, name string) string {
	h := fnv.New64a()
	h.Write(strconv.AppendInt(nil, app, 36))
	h.Write([]byte{0})
	h.Write([]byte(name))
	return mark + strconv.FormatUint(h.Sum64(), 36)
}

// indexWords returns everything a message is found by, separated by spaces; ""
// if it is not searched.
func indexWords(app int64, m *message.Message) string {
	words := message.SearchWords(m.SearchText())
	if len(words) == 0 {
		return ""
	}
	words = append(words, scopeToken(markConv, app, string(m.Conv)), scopeToken(markSender, app, m.From))
	if m.Scene == im.SceneP2P {
		words = append(words, scopeToken(markAccount, app, m.From))
		if m.To != m.From {
			words = append(words, scopeToken(markAccount, app, m.To))
		}
	}
	return strings.Join(words, " ")
}

// SearchCursor returns the id up to which an app's messages are indexed.
func (s *Store) SearchCursor(ctx context.Context, app string) (int64, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return 0, err
	}
	ids, err := s.readIDs(ctx, `SELECT id FROM search_cursor WHERE app = $1`, no)
	return append(ids, 0)[0], err
}

// IndexMessages indexes messages after the cursor.
func (s *Store) IndexMessages(ctx context.Context, app string, until int64, limit int) (int, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return 0, err
	}
	cursor, err := s.SearchCursor(ctx, app)
	if err != nil {
		return 0, err
	}
	rows, err := s.read(ctx, `SELECT `+messageColumns+` FROM message WHERE app = $1 AND id > $2 AND id <= $3 ORDER BY id LIMIT `+itoa(limit), no, cursor, until)
	if err != nil {
		return 0, err
	}
	msgs, err := scanMessages(rows, app)
	if err != nil || len(msgs) == 0 {
		return 0, err
	}
	next := msgs[len(msgs)-1].ID
	words := make([]string, len(msgs))
	for i, m := range msgs {
		words[i] = indexWords(no, m)
	}
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		// Whoever moves the cursor has indexed these: another node comes too late.
		n, err := t.exec(ctx, `INSERT INTO search_cursor (app, id) VALUES ($1,$2)
			ON CONFLICT (app) DO UPDATE SET id = excluded.id WHERE search_cursor.id = $3`, no, next, cursor)
		if err != nil || n == 0 {
			return err
		}
		for i, m := range slices.Backward(msgs) { // upwards in the index of SQLite: downwards it would begin a new segment each time
			if words[i] == "" {
				continue
			}
			if err := s.engine.index(ctx, t, no, m.ID, words[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return len(msgs), err
}

// SearchIDs asks the index.
func (s *Store) SearchIDs(ctx context.Context, app string, q message.SearchProbe) ([]int64, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	var scopes, senders []message.SearchTerm
	if q.Accid != "" {
		scopes = append(scopes, message.SearchTerm{Text: scopeToken(markAccount, no, q.Accid)})
	}
	for _, c := range q.Convs {
		scopes = append(scopes, message.SearchTerm{Text: scopeToken(markConv, no, string(c))})
	}
	for _, a := range q.Senders {
		senders = append(senders, message.SearchTerm{Text: scopeToken(markSender, no, a)})
	}
	if len(scopes) == 0 {
		return nil, nil
	}
	all := [][]message.SearchTerm{scopes}
	if len(senders) > 0 {
		all = append(all, senders)
	}
	for _, term := range q.Terms {
		all = append(all, []message.SearchTerm{term})
	}
	query, args := s.engine.searchQuery(no, all, q)
	return s.readIDs(ctx, query, args...)
}

// andOfOrs writes a search expression: every list must have one of its terms.
func andOfOrs(all [][]message.SearchTerm, and, or string, quote func(message.SearchTerm) string) string {
	parts := make([]string, len(all))
	for i, any := range all {
		terms := make([]string, len(any))
		for j, t := range any {
			terms[j] = quote(t)
		}
		slices.Sort(terms)
		parts[i] = "(" + strings.Join(terms, or) + ")"
	}
	return strings.Join(parts, and)
}

func (sqliteEngine) index(ctx context.Context, t tx, _, id int64, words string) error {
	_, err := t.exec(ctx, `INSERT OR REPLACE INTO message_search (rowid, words) VALUES ($1,$2)`, -id, words)
	return err
}

func (sqliteEngine) unindex(ctx context.Context, t tx, _, id int64) error {
	_, err := t.exec(ctx, `DELETE FROM message_search WHERE rowid = $1`, -id)
	return err
}

// searchQuery: a row's number in the index is its id, negative, because FTS5 reads
// upwards several times faster than downwards, and newest first is what is asked
// for.
func (sqliteEngine) searchQuery(_ int64, all [][]message.SearchTerm, p message.SearchProbe) (string, []any) {
	expr := andOfOrs(all, " AND ", " OR ", func(t message.SearchTerm) string {
		q := `"` + strings.ReplaceAll(t.Text, `"`, `""`) + `"`
		if t.Prefix {
			q += "*"
		}
		return q
	})
	order := ""
	if p.Ascending {
		order = " DESC"
	}
	return `SELECT -rowid FROM message_search WHERE message_search MATCH $1 AND rowid > $2 AND rowid <= $3 ORDER BY rowid` + order + ` LIMIT ` + itoa(p.Limit),
		[]any{expr, -p.MaxID, -p.MinID}
}

func (postgresEngine) index(ctx context.Context, t tx, app, id int64, words string) error {
	_, err := t.exec(ctx, `INSERT INTO message_search (app, id, words) VALUES ($1,$2,array_to_tsvector(string_to_array($3, ' '))) ON CONFLICT DO NOTHING`, app, id, words)
	return err
}

func (postgresEngine) unindex(ctx context.Context, t tx, app, id int64) error {
	_, err := t.exec(ctx, `DELETE FROM message_search WHERE app = $1 AND id = $2`, app, id)
	return err
}

func (postgresEngine) searchQuery(app int64, all [][]message.SearchTerm, p message.SearchProbe) (string, []any) {
	expr := andOfOrs(all, " & ", " | ", func(t message.SearchTerm) string {
		q := `'` + strings.ReplaceAll(strings.ReplaceAll(t.Text, `\`, `\\`), `'`, `''`) + `'`
		if t.Prefix {
			q += ":*"
		}
		return q
	})
	order := " DESC"
	if p.Ascending {
		order = ""
	}
	return `SELECT id FROM message_search WHERE app = $1 AND words @@ $2::text::tsquery AND id >= $3 AND id < $4 ORDER BY id` + order + ` LIMIT ` + itoa(p.Limit),
		[]any{app, expr, p.MinID, p.MaxID}
}
