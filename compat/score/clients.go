package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// versions of nim-web-sdk-ng that the SDK tests run, and of which NIM has to be
// proven with each.
var versions = []string{"0.15.0", "0.17.2"}

// A client is a build and a version, "mini-0.15.0"; this build runs in Chromium.
const chromium = "browser-"

// readClaims returns the clients that each test runs with, by what it claims.
func readClaims(root string) (map[row][]string, error) {
	t, err := readTable(filepath.Join(root, claimsFile), "feature\ttest\tclients")
	if err != nil {
		return nil, err
	}
	out := map[row][]string{}
	for _, c := range t {
		r := row{c[0], sdkTests + c[1]}
		out[r] = append(out[r], strings.Fields(c[2])...)
		if len(out[r]) == 0 {
			return nil, fmt.Errorf("%s: %s: %s: no clients", claimsFile, c[0], c[1])
		}
	}
	return out, nil
}

// verdict says of each client that a test ran with whether it passed.
type verdict map[string]bool

// faults says what a run lacks to prove a row that claims these clients; "" is
// nothing.
func (v verdict) faults(claimed []string) string {
	var failed, left []string
	for client, passed := range v {
		if !passed {
			failed = append(failed, client)
		}
	}
	for _, client := range claimed {
		if _, ran := v[client]; !ran {
			left = append(left, client)
		}
	}
	slices.Sort(failed)
	switch {
	case len(failed) > 0:
		return fmt.Sprintf("the test failed on %d of %d clients: %s", len(failed), len(v), strings.Join(failed, " "))
	case len(left) > 0:
		return "the test did not run with " + strings.Join(left, " ")
	default:
		return ""
	}
}

// readResults reads feature, client, result, test.
func readResults(file string) (map[row]verdict, error) {
	t, err := readTable(file, "feature\tclient\tresult\ttest")
	if err != nil {
		return nil, err
	}
	out := map[row]verdict{}
	for _, c := range t {
		r := row{c[0], sdkTests + c[3]}
		if out[r] == nil {
			out[r] = verdict{}
		}
		before, ran := out[r][c[1]]
		out[r][c[1]] = c[2] == "pass" && (before || !ran)
	}
	return out, nil
}

// addPassed adds what the tests claim and a run has shown with every client.
func addPassed(root string, rows []row, claims map[row][]string, results map[row]verdict) ([]row, error) {
	for r, clients := range claims {
		if results[r].faults(clients) == "" {
			rows = append(rows, r)
		}
	}
	if err := writeScore(root, rows); err != nil {
		return nil, err
	}
	return readScore(root)
}

// provenWith returns the clients that prove each feature. What only a Go test
// proves has an empty list.
func provenWith(rows []row, claims map[row][]string) map[string][]string {
	out := map[string][]string{}
	for _, r := range rows {
		if out[r.feature] == nil {
			out[r.feature] = []string{}
		}
		out[r.feature] = append(out[r.feature], claims[r]...)
	}
	return out
}

// exists tells whether a version has the feature.
func (f feature) exists(version string) bool {
	return len(f.versions) == 0 || slices.Contains(f.versions, version)
}

func withVersion(clients []string, version string) bool {
	return slices.ContainsFunc(clients, func(c string) bool { return strings.HasSuffix(c, "-"+version) })
}

func inChromium(clients []string) bool {
	return slices.ContainsFunc(clients, func(c string) bool { return strings.HasPrefix(c, chromium) })
}

// lacking returns the versions that a NIM feature still has to be proven with.
// The other products may be proven with any.
func lacking(f feature, clients []string) []string {
	var out []string
	for _, v := range versions {
		if f.product == "nim" && f.exists(v) && !withVersion(clients, v) {
			out = append(out, v)
		}
	}
	return out
}

// checkVersions finds NIM features that are proven, but not with every version
// that has them.
func checkVersions(features []feature, have map[string][]string, excused map[string]string) []error {
	var faults []error
	for _, f := range features {
		if have[f.id] == nil || excused[f.id] != "" {
			continue
		}
		if l := lacking(f, have[f.id]); len(l) > 0 {
			faults = append(faults, fmt.Errorf("%s: nothing proves it with %s: %s needs a test that does, or %s the reason",
				f.id, strings.Join(l, " and "), scoreFile, excusedFile))
		}
	}
	return faults
}

// reportClients prints how much of each product the SDK tests prove with each
// version, of what that version has, and how much of it in Chromium.
func reportClients(w io.Writer, features []feature, have map[string][]string, excused map[string]string) {
	for _, p := range products[:3] {
		for _, kind := range []string{command, event} {
			count := make([]tally, len(versions))
			browser := 0
			for _, f := range features {
				if f.product != p || f.kind != kind {
					continue
				}
				for i, v := range versions {
					switch {
					case !f.exists(v):
						continue
					case withVersion(have[f.id], v):
						count[i].proven++
					case excused[f.id] != "":
						count[i].excused++
					}
					count[i].all++
				}
				if inChromium(have[f.id]) {
					browser++
				}
			}
			line := fmt.Sprintf("%s %ss by the SDK:", p, kind)
			for i, v := range versions {
				line += fmt.Sprintf(" on %s %d of %d,", v, count[i].proven, count[i].all-count[i].excused)
			}
			fmt.Fprintf(w, "%s in Chromium %d\n", line, browser)
		}
	}
}
