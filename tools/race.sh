#!/usr/bin/env bash
# The Go tests under the race detector.
set -euo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS
if ! command -v "${CC:-gcc}" >/dev/null 2>&1 && ! command -v cc >/dev/null 2>&1; then
  echo "race: left out, there is no C compiler"
  if [ "${CI:-}" = true ]; then exit 1; fi
  exit 0
fi
export CGO_ENABLED=1
run=()
if tools/pg have >/dev/null 2>&1; then run=(tools/pg run); fi
# The rules of the house and the kills do not share memory with anybody.
mapfile -t packages < <(go list ./... | grep -v -e '/internal/archtest$' -e '/test/kill$')
"${run[@]}" go test -race -count=1 -timeout 15m "${packages[@]}"
echo "race: ok, ${#packages[@]} packages, $((SECONDS - started))s"
