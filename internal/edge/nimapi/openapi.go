package nimapi

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"hongyan/internal/im"
)

// openAPIName is where, below basePath, the description of the API is.
const openAPIName = "openapi.json"

// object is a JSON object of the description; encoding/json writes its keys in order.
type object map[string]any

// OpenAPI returns the description of all endpoints as an OpenAPI 3.1 document.
// It is made of the table: parameters from the form binder, answers from the Go
// types they are made of.
func (a *API) OpenAPI() []byte { return a.openAPI() }

func (a *API) describe() []byte {
	d := &describer{schemas: object{}, answers: answers()}
	paths, groups := object{}, map[string]bool{}
	for _, r := range a.order {
		item := object{}
		for _, m := range r.methods {
			item[strings.ToLower(m)] = d.operation(r, m)
		}
		paths[r.path] = item
		groups[groupOf(r.path)] = true
	}
	tags := []object{}
	for _, g := range slices.Sorted(maps.Keys(groups)) {
		tags = append(tags, object{"name": g})
	}
	d.schemas["failure"] = object{
		"type": "object", "required": []string{"code", "desc"}, "additionalProperties": false,
		"properties": object{"code": object{"type": "integer", "not": object{"const": int(im.CodeOK)}}, "desc": object{"type": "string"}},
	}
	schemes := object{}
	for name, text := range map[string]string{
		"AppKey": "key of the app", "Nonce": "random text, at most " + strconv.Itoa(maxNonce) + " characters",
		"CurTime": "seconds since 1970; at most " + strconv.Itoa(maxClockDelta) + " from the server's clock", "CheckSum": "hex(sha1(AppSecret + Nonce + CurTime))",
	} {
		schemes[name] = object{"type": "apiKey", "in": "header", "name": name, "description": text}
	}
	doc := object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Hongyan server API", "version": "1",
			"description": "Every answer to an API call has HTTP status 200 and tells its outcome in `code`; 200 is success. " +
				"Names of parameters are compared without regard to case. Parameters may also stand in the query string; the form wins. " +
				"An empty text counts as absent where nothing else is said. Unknown parameters are ignored.",
		},
		"servers": []object{{"url": cmp.Or(a.PublicURL, "/")}},
		"tags":    tags,
		"paths":   paths,
		"components": object{
			"schemas": d.schemas, "securitySchemes": schemes,
			"parameters": object{"RequestId": object{
				"name": "RequestId", "in": "header", "schema": object{"type": "string"},
				"description": "names the call; a repetition is answered 431 and not carried out",
			}},
		},
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(doc) // texts, numbers and maps of them: cannot fail
	return b.Bytes()
}

// shortName is the path of an endpoint without what all have in common.
func shortName(path string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(path, basePath), "/"), ".action")
}

func groupOf(path string) string {
	group, _, _ := strings.Cut(shortName(path), "/")
	return group
}

// describer makes the parts of a document; schemas are those of named types.
type describer struct {
	schemas object
	answers map[string][]answerField
}

func (d *describer) operation(r *row, method string) object {
	h := &r.handler
	id := strings.NewReplacer("/", "_", "-", "_", ".", "_").Replace(shortName(r.path))
	if len(r.methods) > 1 {
		id += "_" + strings.ToLower(method)
	}
	op := object{"operationId": id, "tags": []string{groupOf(r.path)}, "responses": object{
		"200":     object{"description": "the outcome, in code", "content": content(d.answer(r))},
		"default": object{"description": "not an API call", "content": content(schemaRef("failure"))},
	}}
	if h.public() {
		return op
	}
	op["security"] = []object{{"AppKey": []string{}, "Nonce": []string{}, "CurTime": []string{}, "CheckSum": []string{}}}
	op["parameters"] = []object{{"$ref": "#/components/parameters/RequestId"}}
	if h.reason != "" {
		op["description"] = "Not served: " + h.reason + "."
		op["x-unsupported"] = h.reason
		return op
	}
	op["requestBody"] = requestBody(h)
	return op
}

func content(schema object) object { return object{"application/json": object{"schema": schema}} }

func schemaRef(name string) object { return object{"$ref": "#/components/schemas/" + name} }

// answer is the schema of an endpoint's answers with HTTP status 200.
func (d *describer) answer(r *row) object {
	switch {
	case r.handler.document != nil:
		return object{"type": "object", "required": []string{"openapi"}}
	case r.path == allocatePath:
		return object{"oneOf": []object{d.success(int(im.CodeOK), []answerField{{"data", allocation{}, false}}), d.success(http.StatusNotModified, nil), schemaRef("failure")}}
	case r.handler.reason != "":
		refused := object{"properties": object{"code": object{"const": int(im.CodeUnavailable)}, "desc": object{"const": r.handler.reason}}}
		// What comes before the endpoint: signature, rate.
		early := object{"properties": object{"code": object{"enum": []im.Code{im.CodeBadParam, im.CodeForbidden, im.CodeIPRestricted, im.CodeTooFrequent, im.CodeRepeatedHTTP, im.CodeInternal}}}}
		return object{"allOf": []object{schemaRef("failure"), {"anyOf": []object{refused, early}}}}
	}
	return object{"oneOf": []object{d.success(int(im.CodeOK), d.answers[shortName(r.path)]), schemaRef("failure")}}
}

func (d *describer) success(code int, fields []answerField) object {
	properties, required := object{"code": object{"const": code}}, []string{"code"}
	for _, f := range fields {
		switch of := f.of.(type) {
		case alternatives:
			var any []object
			for _, v := range of {
				any = append(any, d.schemaOf(reflect.TypeOf(v)))
			}
			properties[f.name] = object{"anyOf": any}
		default:
			properties[f.name] = d.schemaOf(reflect.TypeOf(of))
		}
		if !f.some {
			required = append(required, f.name)
		}
	}
	return object{"type": "object", "required": required, "properties": properties, "additionalProperties": false}
}

// schemaOf is the schema of what encoding/json makes of a type.
func (d *describer) schemaOf(t reflect.Type) object {
	switch t.Kind() {
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Slice:
		return object{"type": "array", "items": d.schemaOf(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": d.schemaOf(t.Elem())}
	case reflect.Pointer:
		return object{"anyOf": []object{d.schemaOf(t.Elem()), {"type": "null"}}}
	case reflect.Interface:
		return object{}
	case reflect.Struct:
		if t.Name() == "" {
			return d.structOf(t)
		}
		if _, known := d.schemas[t.Name()]; !known {
			d.schemas[t.Name()] = object{} // it may contain itself
			d.schemas[t.Name()] = d.structOf(t)
		}
		return schemaRef(t.Name())
	}
	panic("nimapi: no schema for " + t.String())
}

func (d *describer) structOf(t reflect.Type) object {
	properties, required := object{}, []string{}
	d.fields(t, properties, &required, false)
	return object{"type": "object", "required": required, "properties": properties, "additionalProperties": false}
}

// fields adds the fields of a struct; those of an embedded pointer are optional.
func (d *describer) fields(t reflect.Type, properties object, required *[]string, optional bool) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		of := f.Type
		if f.Anonymous && name == "" {
			if of.Kind() == reflect.Pointer {
				d.fields(of.Elem(), properties, required, true)
			} else {
				d.fields(of, properties, required, optional)
			}
			continue
		}
		omitted := options == "omitempty"
		if omitted && of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		properties[name] = d.schemaOf(of)
		if !omitted && !optional {
			*required = append(*required, name)
		}
	}
}

// requestBody is the form of an endpoint.
func requestBody(h *Handler) object {
	properties, required, encoding := object{}, []string{}, object{}
	media := "application/x-www-form-urlencoded"
	for i := range h.params {
		p := &h.params[i]
		schema, enc := p.schema()
		properties[p.Name] = schema
		if enc != nil {
			encoding[p.Name] = enc
		}
		if p.Required && !p.Zero {
			required = append(required, p.Name)
		}
		if p.Kind == "file" {
			media = "multipart/form-data"
		}
	}
	form := object{"type": "object", "properties": properties}
	body := object{"schema": form}
	if len(required) > 0 {
		form["required"] = required
	}
	if len(encoding) > 0 {
		body["encoding"] = encoding
	}
	return object{"required": len(required) > 0, "content": object{media: body}}
}

// schema is the schema of a parameter and how it is written in the form.
func (p *Param) schema() (schema, encoding object) {
	asJSON := object{"contentType": "application/json"}
	list := func(items object) object {
		out := object{"type": "array", "items": items}
		if p.Max > 0 {
			out["maxItems"] = p.Max
		}
		return out
	}
	number := object{"type": "integer", "format": "int64"}
	switch p.Kind {
	case "accid":
		schema = accidSchema()
	case "string":
		schema = object{"type": "string"}
		if p.Max > 0 && !p.Bytes {
			schema["maxLength"] = p.Max
		}
	case "double":
		schema = object{"type": "number"}
	case "json":
		schema, encoding = object{}, asJSON
	case "json-object":
		schema, encoding = object{"type": "object"}, asJSON
	case "bool":
		schema = object{"type": "boolean"}
	case "int", "long":
		schema = number
		if p.Kind == "int" {
			schema["format"] = "int32"
		}
		if p.Min != nil {
			schema["minimum"] = *p.Min
		}
		if len(p.Enum) > 0 {
			schema["enum"] = p.Enum
		}
		if n, err := strconv.ParseInt(p.Default, 10, 64); err == nil {
			schema["default"] = n
		}
	case "json-array":
		schema, encoding = list(object{"type": "string"}), asJSON
	case "json-array<accid>":
		schema, encoding = list(accidSchema()), asJSON
	case "json-array<long>":
		schema, encoding = list(number), asJSON
	case "json-array<object>":
		schema, encoding = list(object{"type": "object"}), asJSON
	case "csv-int":
		schema, encoding = list(number), object{"style": "form", "explode": false}
	case "base64":
		schema = object{"type": "string", "contentEncoding": "base64"}
	case "file":
		schema = object{"type": "string", "format": "binary"}
	default:
		panic("nimapi: no schema for parameters of kind " + p.Kind)
	}
	var notes []string
	if p.Zero {
		notes = append(notes, "absent counts as 0 or empty")
	}
	if p.Max > 0 && (p.Kind == "json" || p.Kind == "json-object") {
		notes = append(notes, "at most "+strconv.Itoa(p.Max)+" characters of JSON")
	}
	if p.Bytes {
		notes = append(notes, "at most "+strconv.Itoa(p.Max)+" bytes")
	}
	if len(p.Aliases) > 0 {
		notes = append(notes, "also "+strings.Join(p.Aliases, ", "))
	}
	if len(notes) > 0 {
		schema["description"] = strings.Join(notes, "; ")
	}
	return schema, encoding
}

func accidSchema() object {
	return object{"type": "string", "minLength": 1, "maxLength": 32, "pattern": "^[A-Za-z0-9_@.-]+$"}
}

// serveOpenAPI hands the description out. There is no secret in it.
func (a *API) serveOpenAPI(w http.ResponseWriter, r *http.Request) {
	doc := a.openAPI()
	sum := sha256.Sum256(doc)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(doc))
}
