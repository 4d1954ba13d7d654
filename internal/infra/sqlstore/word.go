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
		if err != nil {
			return err
		}
		return s.logChange(ctx, t, Change{App: app, Kind: ChangeWords})
	})
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
		return s.logChange(ctx, t, Change{App: app, Kind: ChangeWords})
	})
	return int(n), err
}
