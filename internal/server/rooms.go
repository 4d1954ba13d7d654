package server

import (
	"crypto/rand"
	"fmt"
	"time"

	"hongyan/internal/im/chatroom"
	"hongyan/internal/im/presence"
)

// newRooms builds the chat rooms.
func (s *Server) newRooms(dir *presence.Directory) *chatroom.Service {
	return chatroom.New(chatroom.Config{Store: s.store, Accounts: s.accounts, Directory: dir, Moderator: s.words, Bus: s.bus, Clock: time.Now,
		NextID: s.store.IDs().Next, NewUUID: newUUID})
}

// newUUID returns a random UUID (version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
