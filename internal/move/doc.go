// Package move is behind `hongyan import`: it reads an app's accounts,
// relations, teams and history from another server, writes them in bulk into
// the database of a Hongyan, and compares the two in the end.
//
// It is a client of the other server like any program of the app: it must not
// know façades, connections or SQL, and shares no code with the REST API it may
// be pointed at. docs/move.md tells operators how to use it.
package move
