#!/usr/bin/env bash
# Runs every fuzz target: fuzz.sh SECONDS_IN_ALL [LEAST_SECONDS_PER_TARGET]
set -euo pipefail
cd "$(dirname "$0")/.."
total=${1:-600}
least=${2:-1}

targets=()
while read -r pkg; do
  while read -r name; do
    if [ -n "$name" ]; then targets+=("$pkg $name"); fi
  done < <(go test -list '^Fuzz' "$pkg" | grep '^Fuzz' || true)
done < <(git grep -lE '^func Fuzz' -- '*_test.go' | xargs -r -n1 dirname | sort -u | sed 's|^|./|')

n=${#targets[@]}
if [ "$n" = 0 ]; then echo "fuzz: no targets found"; exit 1; fi
each=$((total / n))
if [ "$each" -lt "$least" ]; then each=$least; fi
echo "fuzz: $n targets, ${each}s each"
for t in "${targets[@]}"; do
  read -r pkg name <<<"$t"
  if ! out=$(go test -run '^$' -fuzz "^$name\$" -fuzztime "${each}s" -fuzzminimizetime 5s "$pkg" 2>&1); then
    echo "$out"
    # Go's engine at times reports the end of its own time as a failure. A finding is written down.
    if grep -q 'context deadline exceeded' <<<"$out" && ! grep -q 'Failing input written' <<<"$out"; then
      echo "fuzz: $pkg $name ran out of time in the middle of an input; nothing was found"
      continue
    fi
    echo "fuzz: $pkg $name failed; the input is in $pkg/testdata/fuzz/$name: commit it with the fix"
    exit 1
  fi
done
echo "fuzz: ok, $n targets"
