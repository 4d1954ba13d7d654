#!/usr/bin/env bash
# Installs what the tests need and says so before it does: deps.sh all | go | sdk; deps.sh bench: what figures are compared with
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-all}

missing=()
if [ "$what" = bench ]; then
  command -v nginx >/dev/null 2>&1 || missing+=(nginx-light)
  command -v vipsthumbnail >/dev/null 2>&1 || missing+=(libvips-tools)
elif [ "$what" != sdk ]; then
  tools/pg have >/dev/null 2>&1 || missing+=(postgresql-15)
  command -v ffmpeg >/dev/null 2>&1 || missing+=(ffmpeg)
fi
if [ "$what" != go ] && [ "$what" != bench ] && [ -z "${CHROMIUM_BIN:-}" ] && ! command -v chromium >/dev/null 2>&1; then missing+=(chromium); fi

if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "deps: installing ${missing[*]} with apt-get"
    # One by one: where one cannot be had the other still serves.
    DEBIAN_FRONTEND=noninteractive apt-get update -qq >/dev/null || echo "deps: apt-get update failed"
    for p in "${missing[@]}"; do
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$p" >/dev/null ||
        echo "deps: $p cannot be installed; its tests are left out"
    done
  else
    echo "deps: no root or no apt-get; not installed, their tests are left out: ${missing[*]}"
  fi
fi

# An S3 server for tests, a module of its own; again only when its lock file has changed since.
if [ "$what" != bench ] && ! { [ -x bin/versitygw ] && cmp -s test/s3/go.sum bin/.versitygw.sum; }; then
  echo "deps: building versitygw for the tests over S3"
  mkdir -p bin
  if (cd test/s3 && CGO_ENABLED=0 go build -ldflags '-s -w' -o ../../bin/versitygw github.com/versity/versitygw/cmd/versitygw); then
    cp test/s3/go.sum bin/.versitygw.sum
  else
    echo "deps: versitygw cannot be built; its tests are left out"
  fi
fi

if [ "$what" != go ] && [ "$what" != bench ]; then
  if ! command -v npm >/dev/null 2>&1; then
    echo "deps: npm is missing; install Node.js 20 or newer"
    exit 1
  fi
  # Again only when the lock file has changed since.
  stamp=test/sdk/node_modules/.installed
  if ! cmp -s test/sdk/package-lock.json "$stamp"; then
    echo "deps: npm ci in test/sdk"
    (cd test/sdk && npm ci --no-audit --no-fund --loglevel=error)
    cp test/sdk/package-lock.json "$stamp"
  fi
fi
