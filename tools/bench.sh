#!/usr/bin/env bash
# All figures, each on a fresh server that the command starts and stops; rows of a Markdown table.
# BENCH_CONNECTIONS and BENCH_SECONDS make it larger or smaller; BENCH_IMPORT_ACCOUNTS, _TEAMS and _MESSAGES the import.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${HONGYAN_BIN:-$PWD/bin/hongyan}
connections=${BENCH_CONNECTIONS:-10000}
seconds=${BENCH_SECONDS:-20}

# Server and generator both hold a descriptor for every connection.
ulimit -n "$(ulimit -Hn)"
"$bin" bench env
"$bin" bench fsync
"$bin" bench idle --spawn --connections "$connections"
"$bin" bench login --spawn
"$bin" bench p2p --spawn --duration "${seconds}s"
"$bin" bench p2p --spawn --duration "${seconds}s" --rate 500
"$bin" bench p2p --spawn --duration "${seconds}s" --rate 2000
"$bin" bench group --spawn --duration "${seconds}s"
"$bin" bench group --spawn --duration "${seconds}s" --no-acknowledge
"$bin" bench group --spawn --duration "${seconds}s" --super --groups 1 --members 10000 --online 2000 --rate 1
"$bin" bench copies --spawn --duration "${seconds}s"
tools/bench-import.sh
