package sqlstore

import (
	"context"
	"strconv"
	"strings"

	"hongyan/internal/im/session"
)

// holdingTables are the tables whose rows an account's sync reads.
func holdingTables() []struct {
	kind  session.Holdings
	table string
} {
	return []struct {
		kind  session.Holdings
		table string
	}{
		{session.HasRelations, "relation"},
		{session.HasFriends, "friend"},
		{session.HasTeams, "team_member"},
		{session.HasConversations, "conversation_member"},
		{session.HasAcks, "session_ack"},
		{session.HasSticks, "stick_top"},
		{session.HasReceipts, "receipt"},
		{session.HasCleared, "conversation_clear"},
		{session.HasDeleted, "message_hide"},
		{session.HasNotices, "notice"},
		{session.HasSignaling, "signal_member"},
		{session.HasSignaling, "signal_event"},
		{session.HasSubscriptions, "subscription"},
	}
}

// Holdings says in one reading of which kinds an account has anything.
func (s *Store) Holdings(ctx context.Context, app, accid string) (session.Holdings, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return 0, err
	}
	rows, err := s.read(ctx, s.holdingsQuery, no, accid)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var out session.Holdings
	for rows.Next() {
		var kind int64
		if err := rows.Scan(&kind); err != nil {
			return 0, err
		}
		out |= session.Holdings(kind)
	}
	return out, rows.Err()
}

// holdingsQuery returns one row for each kind there is.
func holdingsQuery() string {
	var parts []string
	for _, t := range holdingTables() {
		parts = append(parts, `SELECT `+strconv.Itoa(int(t.kind))+` WHERE EXISTS (SELECT 1 FROM `+t.table+` WHERE app = $1 AND accid = $2)`)
	}
	return strings.Join(parts, ` UNION ALL `)
}
