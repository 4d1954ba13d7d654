package message

import "strconv"

// ThreadRoot returns the id of the root of the thread m belongs to, 0 if it
// belongs to none.
func (m *Message) ThreadRoot() int64 {
	if m.Content.Thread == nil {
		return 0
	}
	n, err := strconv.ParseInt(m.Content.Thread.IDServer, 10, 64)
	if err != nil || n <= 0 {
		return 0
	}
	return n
}
