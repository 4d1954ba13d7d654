package nimapi_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"hongyan/internal/edge/nimapi"
)

// described holds answers against the description of the API. It is made once:
// the description does not depend on a node.
var described = sync.OnceValue(func() *recorder {
	r := &recorder{compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(nimapi.New(nimapi.Config{}).OpenAPI()))
	if err == nil {
		err = r.compiler.AddResource(resource, doc)
	}
	if err != nil {
		panic(err)
	}
	for _, route := range nimapi.New(nimapi.Config{}).Routes() {
		r.paths = append(r.paths, route.Path)
	}
	return r
})

const resource = "https://hongyan.test/openapi.json"

type recorder struct {
	paths    []string
	mu       sync.Mutex // guards the rest
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
}

// fault says what is wrong with an answer.
func (r *recorder) fault(method, path string, status int, body []byte) error {
	at := "#/components/schemas/failure"
	if slices.Contains(r.paths, path) && status == http.StatusOK {
		at = fmt.Sprintf("#/paths/%s/%s/responses/200/content/application~1json/schema", strings.ReplaceAll(path, "/", "~1"), strings.ToLower(method))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	schema := r.schemas[at]
	if schema == nil {
		var err error
		if schema, err = r.compiler.Compile(resource + at); err != nil {
			return err
		}
		r.schemas[at] = schema
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

// check reports an answer that is not as described.
func (r *recorder) check(t *testing.T, method, path string, status int, body []byte) {
	t.Helper()
	if status == http.StatusNotModified || method == http.MethodHead {
		return
	}
	if err := r.fault(method, path, status, body); err != nil {
		t.Errorf("%s %s answers %d %s\n%v", method, path, status, body, err)
	}
}

// TestOpenAPIRecorder: an answer that is not as described is found.
func TestOpenAPIRecorder(t *testing.T) {
	for _, c := range []struct {
		name, path, body string
		ok               bool
	}{
		{"as described", "/nimserver/team/create.action", `{"code":200,"tid":"1"}`, true},
		{"refused", "/nimserver/team/create.action", `{"code":414,"desc":"x"}`, true},
		{"a type", "/nimserver/team/create.action", `{"code":200,"tid":1}`, false},
		{"a field missing", "/nimserver/team/create.action", `{"code":200}`, false},
		{"one too many", "/nimserver/team/create.action", `{"code":200,"tid":"1","x":1}`, false},
		{"inside", "/nimserver/team/joinTeams.action", `{"code":200,"count":1,"infos":[{"tid":1}]}`, false},
		{"null for a list", "/nimserver/team/joinTeams.action", `{"code":200,"count":0,"infos":null}`, false},
		{"a refusal without text", "/nimserver/team/create.action", `{"code":414}`, false},
		{"a refusal with more", "/nimserver/team/create.action", `{"code":414,"desc":"x","tid":"1"}`, false},
		{"not served", "/nimserver/chatroom/queueInit.action", `{"code":514,"desc":"chat rooms have no queues on this server"}`, true},
		{"not served, and yet", "/nimserver/chatroom/queueInit.action", `{"code":200}`, false},
	} {
		err := described().fault("POST", c.path, http.StatusOK, []byte(c.body))
		var invalid *jsonschema.ValidationError
		if (err == nil) != c.ok || err != nil && !errors.As(err, &invalid) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestOpenAPIDocument: the description is an OpenAPI 3.1 document that names
// every endpoint with its parameters, and is handed to anybody.
func TestOpenAPIDocument(t *testing.T) {
	n := newNode(t)
	w := n.send("GET", "/nimserver/openapi.json", "", http.Header{})
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
		t.Fatalf("HTTP %d %v", w.Code, w.Header())
	}
	again := n.send("GET", "/nimserver/openapi.json", "", http.Header{"If-None-Match": {w.Header().Get("ETag")}})
	head := n.send("HEAD", "/nimserver/openapi.json", "", http.Header{})
	post := n.send("POST", "/nimserver/openapi.json", "", n.header(nil))
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 || head.Code != http.StatusOK || head.Body.Len() != 0 || post.Code != http.StatusMethodNotAllowed {
		t.Errorf("HTTP %d, %d, %d", again.Code, head.Code, post.Code)
	}
	if bytes.Contains(w.Body.Bytes(), []byte(appSecret)) || bytes.Contains(w.Body.Bytes(), []byte(appKey)) {
		t.Error("it tells of an app")
	}
	doc, err := openapi3.NewLoader().LoadFromData(w.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || doc.Servers[0].URL != "https://im.example.com:7443" {
		t.Errorf("%s %v", doc.OpenAPI, doc.Servers)
	}
	routes := n.api.Routes()
	if doc.Paths.Len() != len(routes) {
		t.Errorf("%d paths for %d endpoints", doc.Paths.Len(), len(routes))
	}
	ids := map[string]string{}
	for _, r := range routes {
		item := doc.Paths.Value(r.Path)
		if item == nil {
			t.Errorf("%s is not there", r.Path)
			continue
		}
		for _, m := range r.Methods {
			op := item.GetOperation(m)
			if op == nil {
				t.Errorf("%s %s is not there", m, r.Path)
				continue
			}
			if other := ids[op.OperationID]; other != "" {
				t.Errorf("%s and %s are both %s", other, r.Path, op.OperationID)
			}
			ids[op.OperationID] = r.Path
			checkOperation(t, r, op)
		}
	}
}

func checkOperation(t *testing.T, r nimapi.Route, op *openapi3.Operation) {
	t.Helper()
	if (op.Security == nil) != r.Open {
		t.Errorf("%s: security %v", r.Path, op.Security)
	}
	if reason, _ := op.Extensions["x-unsupported"].(string); reason != r.Unsupported || !strings.Contains(op.Description, r.Unsupported) {
		t.Errorf("%s: %q, %q", r.Path, reason, op.Description)
	}
	if op.RequestBody == nil {
		if len(r.Params) > 0 {
			t.Errorf("%s has no form", r.Path)
		}
		return
	}
	for _, media := range op.RequestBody.Value.Content {
		schema := media.Schema.Value
		for _, p := range r.Params {
			one := schema.Properties[p.Name]
			if one == nil || slices.Contains(schema.Required, p.Name) != (p.Required && !p.Zero) {
				t.Errorf("%s: parameter %s %v", r.Path, p.Name, one)
			}
		}
		if len(schema.Properties) != len(r.Params) {
			t.Errorf("%s: %d parameters, bound %d", r.Path, len(schema.Properties), len(r.Params))
		}
	}
}
