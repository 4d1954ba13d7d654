// Package transcript plays the wire conversations of testdata/*.txtar against a
// server: the specification by example. Each script is one feature.
//
// A script is a txtar archive: prose, then named steps. The step "setup" makes
// the world before the server starts:
//
//	serve NAME=VALUE ...       flags of `hongyan serve`
//	settings NAME=VALUE ...    settings of the script's app
//	app NAME [NAME=VALUE ...]  another app; its accounts are NAME:ACCID. The
//	                           word disabled disables it
//
//	receiver [NAME=VALUE ...]  the app has a server of its own, which callbacks and
//	                           event copies go to; settings of the app
//
// The other steps are played in order:
//
//	account ACCID TOKEN [PARAM=VALUE ...]  user/create.action
//	rest ACTION [PARAM=VALUE ...]          any call of the server API; a value with blanks in ''
//	rest< JSON                             its answer; without this line it must be code 200
//	superteam VAR OWNER [ACCID ...]        makes a super team in the database, before its
//	                                       members log in; clients cannot
//	open A                                 handshake and upgrade; reads 1::
//	A> JSON                                sends 3:::JSON
//	A>> TEXT                               sends a frame as it is
//	A< JSON  or  A< TEXT                   the next frame; an answer or a push must match
//	A<~ JSON                               one of the next frames; consecutive such lines match in any order
//	A<? JSON                               may arrive once from here on, where the order of events is open
//	A!                                     nothing has arrived that was not expected
//	A closed                               the server has closed the connection, nothing more arrived
//	A drop                                 the connection is cut
//	login A ACCID [TAG=VALUE ...]          2-3 with these tags, code 200
//	sync A [JSON]                          5-1, skipping its packets, code 200; other pushes are kept
//	online A ACCID [TAG=VALUE ...]         open, login, sync
//	answer TEXT                            what the app's own server answers to callbacks from here on
//	asked JSON                             the next callback that it got
//	copied JSON                            the next event copy
//	until ACTION PARAM=VALUE ... JSON      repeats a call of the API until its answer matches
//	check X OP Y                           compares variables
//
// In JSON that is expected "*" is any text, "*digits" and "*hex" are such texts,
// "*number" is any number, "*any" anything; "$x" is a text and "#x" a number that
// is bound at first sight and the same afterwards; the key "..." allows further
// keys. In JSON that is sent "$x" and "#x" stand for what was bound, %x*50% for
// fifty x. Bound from the start: $app, $key_NAME (the keys of the apps) and
// $session_A (the handshake of connection A).
//
// go test ./test/transcript -update rewrites what was expected to what arrived.
package transcript
