#!/usr/bin/env bash
# Kill rounds and long fuzzing: soak.sh ROUNDS FUZZ_SECONDS
set -euo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS
tools/kills.sh "${1:-20}"
tools/fuzz.sh "${2:-600}"
echo "soak: ok, $((SECONDS - started))s"
