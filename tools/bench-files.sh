#!/usr/bin/env bash
# Uploads, downloads and thumbnails beside nginx (PUT and GET of the same bytes) and vipsthumbnail, in one run; then what
# memory 200 uploads of 50 MB take. Needs the Debian packages nginx-light and libvips-tools: tools/deps.sh bench.
# BENCH_LARGE (MiB), BENCH_COUNT, BENCH_PICTURES, BENCH_MEMORY make it larger or smaller; further arguments go to `hongyan bench files`.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${HONGYAN_BIN:-$PWD/bin/hongyan}
large=${BENCH_LARGE:-1024} count=${BENCH_COUNT:-2000} pictures=${BENCH_PICTURES:-40} memory=${BENCH_MEMORY:-200}
for program in nginx vipsthumbnail; do
  command -v "$program" >/dev/null || { echo "bench-files: $program is missing; tools/deps.sh bench installs it"; exit 1; }
done
ulimit -n "$(ulimit -Hn)"
unset HONGYAN_BIN

# Both servers write to the same disk.
work=$(mktemp -d "${TMPDIR:-/tmp}/hongyan-files.XXXXXX")
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
mkdir -p "$work/dav" "$work/tmp" "$work/data"
chmod -R 0777 "$work"
port=$((20000 + RANDOM % 20000))
cat >"$work/nginx.conf" <<CONF
daemon off;
worker_processes auto;
pid $work/nginx.pid;
error_log $work/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  client_max_body_size 2g;
  client_body_temp_path $work/tmp;
  proxy_temp_path $work/tmp/p; fastcgi_temp_path $work/tmp/f; uwsgi_temp_path $work/tmp/u; scgi_temp_path $work/tmp/s;
  server {
    listen 127.0.0.1:$port;
    root $work;
    location /dav/ { dav_methods PUT DELETE; create_full_put_path on; }
  }
}
CONF
nginx -c "$work/nginx.conf" -p "$work" -e "$work/error.log" &
pid=$!
for _ in $(seq 100); do
  curl -s -o /dev/null "http://127.0.0.1:$port/" && break
  sleep 0.05
done

"$bin" bench env
echo
echo "nginx neither digests nor syncs what it is sent; hongyan does both before it answers."
"$bin" bench files --spawn --spawn-dir "$work/data" --large "$large" --count "$count" --peer "http://127.0.0.1:$port/dav" --peer-pid "$pid" "$@"

echo
picture=$work/picture.jpg
"$bin" bench files --spawn --spawn-dir "$work/data" --large 0 --count 0 --pictures "$pictures" --picture "$picture" "$@"
mkdir "$work/pictures"
for i in $(seq "$pictures"); do cp "$picture" "$work/pictures/$i.jpg"; done
# As many processes as processors, one picture each.
TIMEFORMAT='%R %U %S'
took=$({ time (cd "$work/pictures" && ls ./*.jpg | VIPS_CONCURRENCY=1 xargs -n 1 -P "$(nproc)" vipsthumbnail --size 256x256 -o 't_%s.jpg') >/dev/null; } 2>&1 | tail -1)
echo "$took" | awk -v n="$pictures" '{ printf "\nvipsthumbnail: %d pictures in %.2f s, %.1f a second, CPU %.2f s\n", n, $1, n / $1, $2 + $3 }'

if [ "$memory" -gt 0 ]; then
  echo
  "$bin" bench files --spawn --spawn-dir "$work/data" --large 0 --count 0 --memory "$memory" --memory-size 50
  "$bin" bench files --spawn --spawn-dir "$work/data" --large 0 --count 0 --memory "$memory" --memory-size 50 --form
fi
