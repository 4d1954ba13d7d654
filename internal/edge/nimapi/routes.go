package nimapi

import (
	"context"
	"net/http"
	"reflect"
	"slices"

	"hongyan/internal/im"
)

// Handler is what a row of the table does. Make one with form, open or
// unsupported.
type Handler struct {
	params []Param
	run    func(ctx context.Context, c *Call, v Values) (Result, error)
	open   func(r *http.Request) (Result, error) // without authentication
	// document answers with something that is no answer of the API, likewise.
	document http.HandlerFunc
	reason   string // of an endpoint that is not served

	// read takes the body instead of readForm.
	read func(w http.ResponseWriter, r *http.Request, c *Call) (Values, error)
}

// takesForm says whether the body is read. An endpoint that is not served
// leaves it alone, whatever its syntax.
func (h *Handler) takesForm() bool { return h.reason == "" }

// public says whether anybody may call it, unsigned and unlimited.
func (h *Handler) public() bool { return h.open != nil || h.document != nil }

// form wraps a function of bound parameters. P is a struct with form tags, see
// binder.
func form[P any](fn func(ctx context.Context, c *Call, p P) (Result, error)) Handler {
	b := newBinder(reflect.TypeFor[P]())
	return Handler{params: b.params, run: func(ctx context.Context, c *Call, v Values) (Result, error) {
		var p P
		if err := b.bind(v, reflect.ValueOf(&p).Elem()); err != nil {
			return nil, err
		}
		return fn(ctx, c, p)
	}}
}

// open wraps a function that anybody may call, unsigned and unlimited.
func open(fn func(r *http.Request) (Result, error)) Handler { return Handler{open: fn} }

// unsupported answers signed calls with 514 and the reason.
func unsupported(reason string) Handler {
	return Handler{reason: reason, run: func(context.Context, *Call, Values) (Result, error) {
		return nil, im.Errorf(im.CodeUnavailable, "%s", reason)
	}}
}

// row is one endpoint.
type row struct {
	path    string // whole URL path
	methods []string
	handler Handler
	limit   limit
}

func (r *row) allows(method string) bool { return slices.Contains(r.methods, method) }

// Route describes one endpoint to documentation and tests.
type Route struct {
	Path        string // whole URL path
	Methods     []string
	Open        bool    // needs no signature
	Params      []Param // empty for endpoints that are not served
	Unsupported string  // why it is not served; empty when it is
}

// Routes lists all endpoints in the order of the table.
func (a *API) Routes() []Route {
	out := make([]Route, 0, len(a.order))
	for _, r := range a.order {
		out = append(out, Route{Path: r.path, Methods: r.methods, Open: r.handler.public(),
			Params: r.handler.params, Unsupported: r.handler.reason})
	}
	return out
}

// allocatePath is where server SDKs ask for endpoints.
const allocatePath = "/srv-sdk/allocate"

// basePath is where the endpoints of version 1 live.
const basePath = "/nimserver/"

// ownPath is where, below basePath, endpoints live that the original product
// does not have (docs/operations.md).
const ownPath = "hongyan/"

// table returns every endpoint of docs/api/server-v1.json, and the own ones.
func (a *API) table() []*row {
	out := []*row{
		// GET is what the SDKs probe with; HEAD and POST are what proxies and people try.
		{path: basePath + "health/liveness.action", methods: []string{http.MethodGet, http.MethodHead, http.MethodPost}, handler: open(a.liveness)},
		{path: allocatePath, methods: []string{http.MethodGet}, handler: open(a.allocate)},
		{path: basePath + openAPIName, methods: []string{http.MethodGet, http.MethodHead}, handler: Handler{document: a.serveOpenAPI}},
	}
	for _, e := range append(a.actions(), action{ownPath + "proxyNotify.action", form(a.proxyNotify)}) {
		out = append(out, &row{path: basePath + e.path, methods: []string{http.MethodPost}, handler: e.handler, limit: limitOf(e.path)})
	}
	return out
}

// action is one row of the table as it is written.
type action struct {
	path    string // below /nimserver/
	handler Handler
}
