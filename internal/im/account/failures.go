package account

import (
	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// ErrFailures says that a source has failed too often in this minute; FailuresLeft
// says for how long.
var ErrFailures = im.Errorf(im.CodeTooFrequent, "too many failed logins")

// FailuresLeft is for how long ErrFailures holds, in seconds.
func (s *Service) FailuresLeft() int64 { return s.failures.Left() }

// Guessed refuses an address that has failed too often, whoever's name it used.
func (s *Service) Guessed(a *app.App, ip string) error {
	if a.Settings.LoginFailuresAddress > 0 && !im.Loopback(ip) && s.failures.Over(addressSource(a, ip), a.Settings.LoginFailuresAddress) {
		return ErrFailures
	}
	return nil
}

// Failed counts a failure of an address.
func (s *Service) Failed(a *app.App, ip string) {
	if a.Settings.LoginFailuresAddress > 0 && !im.Loopback(ip) {
		s.failures.Add(addressSource(a, ip))
	}
}

// guessed refuses an address that has failed too often with an account, too. An
// account is not closed to all addresses: anybody could lock its owner out.
func (s *Service) guessed(a *app.App, accid, ip string) error {
	if s.failures.Over(accountSource(a, accid, ip), a.Settings.LoginRate) {
		return ErrFailures
	}
	return s.Guessed(a, ip)
}

func (s *Service) failed(a *app.App, accid, ip string) {
	s.failures.Add(accountSource(a, accid, ip))
	s.Failed(a, ip)
}

// The parts cannot run into each other: neither keys nor accids have a NUL, and an
// accid is not empty.
func accountSource(a *app.App, accid, ip string) string {
	return a.Key + "\x00" + accid + "\x00" + im.Neighbourhood(ip)
}

func addressSource(a *app.App, ip string) string { return a.Key + "\x00\x00" + im.Neighbourhood(ip) }
