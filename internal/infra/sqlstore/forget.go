package sqlstore

import "context"

// ForgetClientIDs deletes up to limit client ids of messages older than the id
// before, and returns how many there were.
func (s *Store) ForgetClientIDs(ctx context.Context, before int64, limit int) (int64, error) {
	var n int64
	err := s.write(ctx, func(ctx context.Context, t tx) error {
		var err error
		n, err = t.exec(ctx, s.engine.forgetClientIDs()+itoa(limit)+`)`, before)
		return err
	})
	return n, err
}
