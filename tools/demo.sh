#!/usr/bin/env bash
# Starts bin/hongyan on the embedded default with a demo app and two accounts, and prints how to use them.
# DATA (./data), LISTEN (127.0.0.1:7443) and HTTP (127.0.0.1:7080) move it.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/bin/hongyan
data=${DATA:-./data}
listen=${LISTEN:-127.0.0.1:7443}
http=${HTTP:-127.0.0.1:7080}
key=demo-app-key

umask 077
mkdir -p "$data"
random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }
for name in secret alice bob; do
  if [ ! -s "$data/demo.$name" ]; then random >"$data/demo.$name"; fi
done
secret=$(cat "$data/demo.secret")

log=$data/demo.log
# The secret goes through the environment: an argument can be read by everybody on the machine.
HONGYAN_APP=$key:$secret "$bin" serve --data "$data" --listen "$listen" --http "$http" ${SERVE_FLAGS:-} >"$log" 2>&1 &
server=$!
ended=0
end() {
  if [ "$ended" = 0 ]; then
    ended=1
    kill -TERM "$server" 2>/dev/null || true
  fi
}
trap end INT TERM EXIT

ready=""
for _ in $(seq 300); do
  if ! kill -0 "$server" 2>/dev/null; then break; fi
  if curl -fsS -o /dev/null "http://$http/readyz" 2>/dev/null; then ready=1; break; fi
  sleep 0.1
done
if [ -z "$ready" ]; then
  echo "The server did not start:" >&2
  tail -n 20 "$log" >&2
  exit 1
fi

for accid in alice bob; do
  token=$(cat "$data/demo.$accid")
  "$bin" account create --data "$data" --key "$key" --accid "$accid" --token "$token" >>"$log" 2>&1 ||
    "$bin" account token --data "$data" --key "$key" --accid "$accid" --token "$token" >>"$log" 2>&1 ||
    { tail -n 5 "$log" >&2; exit 1; }
done

cat <<TEXT

Hongyan runs. Ctrl-C ends it; the data stays in $data, the log is $log.

  SDK options     appkey: "$key"
                  lbsUrls: ["https://$listen/lbs/webconf.jsp"]
  accounts        alice  token $(cat "$data/demo.alice")
                  bob    token $(cat "$data/demo.bob")
  server API      https://$listen/nimserver/  and  http://$http/nimserver/
                  AppKey $key   AppSecret $secret
  trust           $data/tls/ca.pem is the authority of its certificate
  open            https://$listen/healthz

Alice writes to Bob from the shell:

  cur=\$(date +%s); sum=\$(printf '%s' "${secret}nonce\$cur" | sha1sum | cut -d' ' -f1)
  curl -s http://$http/nimserver/msg/sendMsg.action -H "AppKey: $key" -H "Nonce: nonce" -H "CurTime: \$cur" -H "CheckSum: \$sum" \\
    -d 'from=alice&ope=0&to=bob&type=0&body={"msg":"hello"}'

TEXT
trap end INT TERM
while kill -0 "$server" 2>/dev/null; do wait "$server" && code=0 || code=$?; done
trap - INT TERM EXIT
exit "${code:-0}"
