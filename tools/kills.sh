#!/usr/bin/env bash
# kill -9 rounds on the real binary: kills.sh ROUNDS
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -d test/kill ]; then
  echo "kills: left out, there is no test/kill"
  if [ -n "${HONGYAN_TEST_LEFT_OUT:-}" ]; then echo "kill -9 rounds: there is no test/kill" >>"$HONGYAN_TEST_LEFT_OUT"; fi
  if [ "${CI:-}" = true ]; then exit 1; fi
  exit 0
fi
HONGYAN_BIN=${HONGYAN_BIN:-$PWD/bin/hongyan} go test -count=1 -timeout 60m ./test/kill -run TestKill -kill.rounds="$1"
