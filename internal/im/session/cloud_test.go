package session_test

import (
	"context"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/session"
)

func TestCloudList(t *testing.T) {
	store := hytest.Store(t)
	a := hytest.App(t, store)
	bus := &hytest.Bus{}
	svc := session.New(store, bus, time.Now)
	svc.SetTakesPart(func(context.Context, string, string, im.ConvKey) (bool, error) { return false, nil })
	send := func(from, to, body string, flags message.Flags) {
		t.Helper()
		done := make(chan error, 1)
		m := &message.Message{App: a.Key, From: from, To: to, Conv: im.P2PKey(from, to), IDClient: body, Flags: flags, Content: message.Content{Body: body}}
		if err := store.Append(&message.Pending{Msg: m, Done: func(_ bool, err error) { done <- err }}); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond) // times of different conversations differ
	}
	for _, to := range []string{"b", "c", "d", "e"} {
		send("a", to, "to "+to, 0)
	}
	send("b", "a", "answer", 0)
	send("c", "a", "does not move the session", message.NoSession)
	// A team the account has left: it keeps its row, and sees nothing.
	if err := svc.UpdateCloud(t.Context(), a, "a", "", "team|5", "x"); im.CodeOf(err) != im.CodeNotFound {
		t.Errorf("a team of others: %v", err)
	}
	pages := ""
	page := session.CloudPage{Limit: 2}
	for more := true; more; {
		var list []session.Cloud
		var err error
		if list, more, err = svc.CloudList(t.Context(), a, "a", page); err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			pages += session.ID("a", c.Conv) + " "
			page.MaxMs = c.UpdatedMs
		}
		pages += "/ "
	}
	if pages != "p2p|b p2p|e / p2p|d p2p|c / " {
		t.Errorf("pages %s", pages)
	}
	for _, bad := range []session.CloudPage{{Limit: 0}, {Limit: 101}, {Limit: 1, MinMs: -1}, {Limit: 1, MinMs: 5, MaxMs: 4}} {
		if _, _, err := svc.CloudList(t.Context(), a, "a", bad); im.CodeOf(err) != im.CodeBadParam {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	for _, id := range []string{"", "p2p", "p2p|b b", "team|x", "room|1"} {
		if _, err := svc.CloudSession(t.Context(), a, "a", id); im.CodeOf(err) != im.CodeBadParam {
			t.Errorf("%q: %v", id, err)
		}
	}
	if err := svc.DeleteCloud(t.Context(), a, "a", []string{"p2p|b"}); err != nil {
		t.Fatal(err)
	}
	if _, err := svc.CloudSession(t.Context(), a, "a", "p2p|b"); im.CodeOf(err) != im.CodeNotFound {
		t.Errorf("deleted: %v", err)
	}
	if err := svc.UpdateCloud(t.Context(), a, "a", "", "p2p|b", "again"); err != nil {
		t.Fatal(err)
	}
	if c, err := svc.CloudSession(t.Context(), a, "a", "p2p|b"); err != nil || c.Ext != "again" || c.Last != nil {
		t.Errorf("%+v, %v", c, err)
	}
}
