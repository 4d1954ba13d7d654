#!/usr/bin/env bash
# Imports a made-up app from one Hongyan into another: once at a stretch, once killed in the middle and started again. Prints rows
# of a Markdown table; fails unless both end equal. BENCH_IMPORT_ACCOUNTS, BENCH_IMPORT_TEAMS and BENCH_IMPORT_MESSAGES say how much.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${HONGYAN_BIN:-$PWD/bin/hongyan}
unset HONGYAN_BIN
accounts=${BENCH_IMPORT_ACCOUNTS:-10000}
teams=${BENCH_IMPORT_TEAMS:-1000}
messages=${BENCH_IMPORT_MESSAGES:-1000000}

dir=$(mktemp -d "${TMPDIR:-/tmp}/hongyan-import.XXXXXX")
source_pid=
cleanup() {
  if [ -n "$source_pid" ]; then kill "$source_pid" 2>/dev/null || true; wait "$source_pid" 2>/dev/null || true; fi
  rm -rf "$dir"
}
trap cleanup EXIT

export YUNXIN_APP_SECRET=secret-of-the-source-0123456789
"$bin" app create --data "$dir/source" --key source --secret "$YUNXIN_APP_SECRET" >/dev/null
# Our own source need not be spared: what is measured is the import.
"$bin" app set --data "$dir/source" --key source rest_rate=1000000 >/dev/null
begin=$(date +%s)
"$bin" bench seed --data "$dir/source" --accounts "$accounts" --teams "$teams" --messages "$messages" --list "$dir/accounts.csv" --log-level error
echo "import: the source has $accounts accounts, $teams teams and $messages messages, made in $(($(date +%s) - begin)) s" >&2
"$bin" serve --data "$dir/source" --http 127.0.0.1:0 --listen off --metrics off >"$dir/source.log" 2>&1 &
source_pid=$!
addr=
for _ in $(seq 300); do
  addr=$(sed -n 's/.*ready.* http=\([0-9.:]*\).*/\1/p' "$dir/source.log")
  if [ -n "$addr" ]; then break; fi
  kill -0 "$source_pid" || { cat "$dir/source.log" >&2; exit 1; }
  sleep 0.1
done

import() { # import TARGET: exit code 0 means equal
  "$bin" import yunxin --data "$dir/$1" --from "http://$addr" --from-key source --accounts "$dir/accounts.csv" --rate 100000 --log-level error
}

show() { # show NAME SECONDS FILE
  echo "| import $1 | $2 | $(sed -n 's/^peak resident memory: \(.*\)/\1/p' "$3") | $(tail -n 2 "$3" | head -n 1) |"
}

"$bin" app create --data "$dir/whole" --key target >/dev/null
begin=$(date +%s)
import whole >"$dir/whole.out"
took=$(($(date +%s) - begin))

# The same, killed half-way through the time that the history took to come over.
"$bin" app create --data "$dir/cut" --key target >/dev/null
begin=$(date +%s)
import cut >"$dir/cut.out" 2>"$dir/cut.err" &
pid=$!
sleep $((took / 4 > 1 ? took / 4 : 1))
pkill -9 -P "$pid" 2>/dev/null || kill -9 "$pid" 2>/dev/null || true
wait "$pid" 2>/dev/null || true
import cut >"$dir/cut.out"
cut=$(($(date +%s) - begin))

echo
echo "| $accounts accounts, $teams teams, $messages messages | seconds, comparison included | peak resident memory | comparison |"
echo "|---|---|---|---|"
show "at a stretch" "$took" "$dir/whole.out"
show "killed after $((took / 4)) s, and resumed" "$cut" "$dir/cut.out"
cat "$dir/whole.out" >&2
grep -qx equal "$dir/whole.out" && grep -qx equal "$dir/cut.out"
