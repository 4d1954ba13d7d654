// Package gateway owns client connections: the socket.io 0.9 handshake and
// frames, sessions and their login state, ordered handling of each session's
// requests, bounded writing, and delivery of events to the sessions they are
// addressed to.
//
// It must not know what a command means: handlers live in nimgw, qchatgw and
// chatroomgw, rules in im. Only this package imports a WebSocket library.
package gateway
