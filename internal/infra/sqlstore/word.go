package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"hongyan/internal/im/moderation"
)

// Words returns all words of an app, ordered by list and word.
func (s *Store) Words(ctx context.Context, app string) ([]moderation.Word, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT list, word, replacement FROM word WHERE app = $1 ORDER BY list, word`, no)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []moderation.Word
	for rows.Next() {
		var w moderation.Word
		if err := rows.Scan(&w.List, &w.Text, &w.Replacement); err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, rows.Err()
}

// PutWords adds words; one that is in its list already is replaced.
func (s *Store) PutWords(ctx context.Context, app string, words []moderation.Word) error {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return err
	}
	// A statement may not touch a row twice; of equal words the last counts.
	words = slices.Clone(words)
	slices.Reverse(words)
	order := func(a, b moderation.Word) int {
		return cmp.Or(strings.Compare(string(a.List), string(b.List)), strings.Compare(a.Text, b.Text))
	}
	slices.SortStableFunc(words, order)
	words = slices.CompactFunc(words, func(a, b moderation.Word) bool { return order(a, b) == 0 })
	return s.write(ctx, func(ctx context.Context, t tx) error {
		err := inChunks(words, func(part []moderation.Word) error {
			args := make([]any, 0, 4*len(part))
			for _, w := range part {
				args = append(args, no, string(w.List), w.Text, w.Replacement)
			}
			_, err := t.exec(ctx, `INSERT INTO word (app, list, word, replacement) VALUES `+s.values(len(part), 4)+`
				ON CONFLICT (app, list, word) DO UPDATE SET replacement = excluded.replacement`, args...)
			return err
		})
		if err == nil && slices.ContainsFunc(words, func(w moderation.Word) bool { return w.List.ForClients() }) {
			err = raiseWords(ctx, t, no)
		}
		if err != nil {
			return err
		}
		return s.logChange(ctx, t, Change{App: app, Kind: ChangeWords})
	})
}

// WordsVersion returns the version of the list for clients; 0 if there never
// was one.
func (s *Store) WordsVersion(ctx context.Context, app string) (version int64, err error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return 0, err
	}
	rows, err := s.read(ctx, `SELECT version FROM word_version WHERE app = $1`, no)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&version); err != nil {
			return 0, err
		}
	}
	return version, rows.Err()
}

// raiseWords makes the next version of the list for clients.
func raiseWords(ctx context.Context, t tx, no int64) error {
	_, err := t.exec(ctx, `INSERT INTO word_version (app, version) VALUES ($1, 1)
		ON CONFLICT (app) DO UPDATE SET version = word_version.version + 1`, no)
	return err
}

// DeleteWords removes words and returns how many there were.
func (s *Store) DeleteWords(ctx context.Context, app string, list moderation.List, words []string) (int, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return 0, err
	}
	n := int64(0)
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		n = 0
		for _, w := range words {
			k, err := t.exec(ctx, `DELETE FROM word WHERE app = $1 AND list = $2 AND word = $3`, no, string(list), w)
			if err != nil {
				return err
			}
			n += k
		}
		if n > 0 && list.ForClients() {
			if err := raiseWords(ctx, t, no); err != nil {
				return err
			}
		}
		return s.logChange(ctx, t, Change{App: app, Kind: ChangeWords})
	})
	return int(n), err
}
