#!/usr/bin/env bash
# gofmt, vet and the rules of the house (internal/archtest: imports, comments, lock files).
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(git ls-files --cached --others --exclude-standard '*.go' | while read -r f; do if [ -f "$f" ]; then echo "$f"; fi; done)
bad=$(gofmt -l "${files[@]}")
if [ -n "$bad" ]; then
  echo "lint: not formatted (gofmt -w):"
  echo "$bad"
  exit 1
fi
go vet ./...
go test -count=1 ./internal/archtest
if git grep -nE '"resolved": "https?:' -- '*package-lock.json'; then
  echo "lint: a lock file names a registry"
  exit 1
fi
