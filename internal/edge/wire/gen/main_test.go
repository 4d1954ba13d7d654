package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestUpToDate fails when the committed files are not what the generator
// writes from the current tables.
func TestUpToDate(t *testing.T) {
	root, err := repoRoot()
	if err != nil {
		t.Fatal(err)
	}
	files, err := Generate(filepath.Join(root, "docs", "protocol", "wire"))
	if err != nil {
		t.Fatal(err)
	}
	wireDir := filepath.Join(root, "internal", "edge", "wire")
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(wireDir, filepath.FromSlash(name)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is stale (%v): run go generate ./internal/edge/wire/...", name, err)
		}
	}
	for _, p := range products {
		committed, err := filepath.Glob(filepath.Join(wireDir, p+"wire", "*_gen.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range committed {
			if files[p+"wire/"+filepath.Base(path)] == nil {
				t.Errorf("%s is no longer generated", path)
			}
		}
	}
}
