// Package bench owns the load generator: a client of the web protocol that is
// cheap enough to share two cores with the server it measures, the workloads
// (idle connections, logins, one-to-one messages) and the figures that come out
// of them.
//
// It is the client side of the wire and must stay an outsider: it may import the
// codec (edge/wire), and nothing else of the server. It talks to a server through
// sockets, REST and the private listener only, so the same command measures a
// server on another machine.
//
// Client is of use to tests as well: one goroutine and one connection, real
// frames, nothing hidden.
package bench
