package nimapi

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hongyan/internal/im/app"
)

// reference is what the tests read of docs/api/server-v1.json.
type reference struct {
	Endpoints []struct {
		Path   string `json:"path"`
		Method string `json:"method"`
		Params []struct {
			Name     string   `json:"name"`
			Type     string   `json:"type"`
			Required bool     `json:"required"`
			Max      any      `json:"max"`
			Allowed  []string `json:"allowed"`
			Default  any      `json:"default"`
			Aliases  []string `json:"aliases"`
		} `json:"params"`
		Rate *struct {
			Count  int64  `json:"count"`
			Per    string `json:"per"`
			Block  string `json:"block"`
			Bucket string `json:"bucket"`
		} `json:"rate"`
	} `json:"endpoints"`
}

func readReference(t *testing.T) reference {
	b, err := os.ReadFile("../../../docs/api/server-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var r reference
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Endpoints) != 142 {
		t.Fatalf("%d endpoints", len(r.Endpoints))
	}
	return r
}

// TestEveryEndpointHasARow: the table and the document name the same endpoints.
func TestEveryEndpointHasARow(t *testing.T) {
	documented := map[string]string{}
	for _, e := range readReference(t).Endpoints {
		documented[e.Path] = e.Method
	}
	served := 0
	rows := map[string]bool{}
	for _, r := range New(Config{}).Routes() {
		rows[r.Path] = true
		if r.Unsupported == "" {
			served++
		}
		if strings.HasPrefix(r.Path, basePath+ownPath) || r.Path == basePath+openAPIName {
			continue
		}
		if m, ok := documented[r.Path]; !ok || !slices.Contains(r.Methods, m) {
			t.Errorf("row %s %v: documented method %q", r.Path, r.Methods, m)
		}
	}
	for path := range documented {
		if !rows[path] {
			t.Errorf("%s has no row", path)
		}
	}
	t.Logf("%d of %d endpoints served", served, len(documented))
}

// settingLimits are lengths that a setting of the app or the domain decides, so
// the form has no limit of its own.
var settingLimits = map[string]bool{
	"name": true, "icon": true, "sign": true, "email": true, "birth": true, "mobile": true, "ex": true, // account.CardUpdate
	"body": true, "ext": true, "payload": true, "pushcontent": true, "pushContent": true, "env": true, "limit": true,
	"props": true, // ignored
}

// TestParamsMatchTheDocument compares names, types, necessity, limits and
// enumerations of every endpoint that is served.
func TestParamsMatchTheDocument(t *testing.T) {
	routes := map[string]Route{}
	for _, r := range New(Config{}).Routes() {
		routes[r.Path] = r
	}
	for _, e := range readReference(t).Endpoints {
		r := routes[e.Path]
		if r.Unsupported != "" || r.Open {
			continue
		}
		if len(r.Params) != len(e.Params) {
			t.Errorf("%s: %d parameters, documented %d", e.Path, len(r.Params), len(e.Params))
		}
		for _, d := range e.Params {
			where := e.Path + " " + d.Name
			i := slices.IndexFunc(r.Params, func(p Param) bool { return p.Name == d.Name })
			if i < 0 {
				t.Errorf("%s: not bound", where)
				continue
			}
			p := r.Params[i]
			if p.Required != d.Required {
				t.Errorf("%s: required %v, documented %v", where, p.Required, d.Required)
			}
			if !sameKind(p, d.Type) {
				t.Errorf("%s: kind %s, documented %s", where, p.Kind, d.Type)
			}
			if want := firstNumber(d.Max); !settingLimits[d.Name] && p.Kind != "accid" && want != 0 && p.Max != want {
				t.Errorf("%s: at most %d, documented %d", where, p.Max, want)
			}
			for _, a := range d.Aliases {
				if !strings.EqualFold(a, p.Name) && !slices.Contains(p.Aliases, a) {
					t.Errorf("%s: alias %s not bound", where, a)
				}
			}
			// These document their meaningful values; others are accepted.
			free := d.Name == "useYidun" || d.Name == "silentType" || strings.HasSuffix(where, "team/muteTeam.action ope")
			if strings.HasPrefix(p.Kind, "int") && len(d.Allowed) > 0 && !free {
				var got []string
				for _, n := range p.Enum {
					got = append(got, strconv.FormatInt(n, 10))
				}
				if !slices.Equal(got, d.Allowed) {
					t.Errorf("%s: values %v, documented %v", where, got, d.Allowed)
				}
			}
			if p.Default != "" && strings.TrimSuffix(fmt.Sprint(d.Default), " (unverified)") != p.Default {
				t.Errorf("%s: default %s, documented %v", where, p.Default, d.Default)
			}
		}
	}
}

// sameKind compares types; a JSON object that is only stored may be bound as
// text ("other shapes must not fail the call"), a body as any JSON.
func sameKind(p Param, documented string) bool {
	switch documented {
	case "json-array<string>":
		return p.Kind == "json-array"
	case "json-object":
		return p.Kind == "json-object" || p.Kind == "json" || p.Kind == "string"
	default:
		return p.Kind == documented
	}
}

func firstNumber(max any) int {
	n, _ := strconv.Atoi(regexp.MustCompile(`\d+`).FindString(fmt.Sprint(max)))
	return n
}

// TestLimitsMatchTheDocument compares rate limits with the document's.
func TestLimitsMatchTheDocument(t *testing.T) {
	set, err := app.ParseSettings(nil)
	if err != nil {
		t.Fatal(err)
	}
	spans := map[string]time.Duration{"1s": time.Second, "10s": 10 * time.Second, "1min": time.Minute, "1day": 24 * time.Hour}
	api := New(Config{})
	for _, e := range readReference(t).Endpoints {
		if e.Rate == nil {
			continue
		}
		row := api.rows[e.Path]
		got, want := row.limit, limit{strings.TrimPrefix(e.Path, basePath), e.Rate.Count, spans[e.Rate.Per], spans[e.Rate.Block]}
		if e.Rate.Bucket != "endpoint" {
			want.bucket = e.Rate.Bucket
		}
		if got.count == 0 {
			got.count, got.window, got.block = set.RESTRate, time.Second, time.Duration(set.RESTBlock)*time.Second
		}
		if got != want {
			t.Errorf("%s: %+v, documented %+v", e.Path, got, want)
		}
	}
}

// TestEveryAnswerIsDescribed: every endpoint that is served says what its
// answers hold, and nothing else does.
func TestEveryAnswerIsDescribed(t *testing.T) {
	have := answers()
	for _, r := range New(Config{}).Routes() {
		name := shortName(r.Path)
		_, ok := have[name]
		served := r.Unsupported == "" && r.Path != allocatePath && r.Path != basePath+openAPIName // these two are described elsewhere
		if ok != served {
			t.Errorf("%s: described %v, served %v", r.Path, ok, served)
		}
		delete(have, name)
	}
	for name := range have {
		t.Errorf("%s is no endpoint", name)
	}
}
