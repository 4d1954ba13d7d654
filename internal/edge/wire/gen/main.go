// Command gen writes the packages nimwire, qchatwire and chatroomwire from the
// command tables in docs/protocol/wire. Run it with
// "go generate ./internal/edge/wire/..."; the output is committed and a test
// compares it with a fresh run.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := repoRoot()
	if err != nil {
		return err
	}
	files, err := Generate(filepath.Join(root, "docs", "protocol", "wire"))
	if err != nil {
		return err
	}
	wireDir := filepath.Join(root, "internal", "edge", "wire")
	// Files of services that no longer exist must go, or they would clash.
	for _, p := range products {
		old, err := filepath.Glob(filepath.Join(wireDir, p+"wire", "*_gen.go"))
		if err != nil {
			return err
		}
		for _, name := range old {
			if err := os.Remove(name); err != nil {
				return err
			}
		}
	}
	for name, text := range files {
		path := filepath.Join(wireDir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// repoRoot walks up from the working directory to go.mod: go generate runs in
// the package directory, people run it from the root.
func repoRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod above the working directory")
		}
		dir = parent
	}
}
