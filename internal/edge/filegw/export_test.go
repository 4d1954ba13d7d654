package filegw

import "time"

// SetFormWait changes how long a form may take to begin.
func (h *Handler) SetFormWait(d time.Duration) { h.formWait = d }

// Guests is how many forms nobody has vouched for yet.
func (h *Handler) Guests() int { return h.guests.count() }

// Spools is how many files lie on the disk before their token has come.
func (h *Handler) Spools() int { return h.spools.count() }
