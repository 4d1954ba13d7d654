// Package im is the root of the domain: identifiers, codes, errors, events and
// the few small types that every noun package shares.
//
// It owns what is true of every product (an accid's alphabet, how ids are
// ordered, which code means what). It must not know SQL, HTTP, sockets or the
// tag numbers of the client protocol, and it imports nothing but the standard
// library.
package im
