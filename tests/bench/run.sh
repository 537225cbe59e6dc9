#!/usr/bin/env bash
# Measures what is promised about speed and memory: `tests/bench/run.sh [--quick] [PART...]`.
#
# Prints `bench NAME VALUE UNIT  # target ...` and, as comments, what explains the figures. A missed target is reported,
# never an error. --quick: a tenth of the rows, shorter runs, under 5 minutes once built. Parts: access, ingest, cost, logs, backup, drop, scrub, close,
# pbx, cohort, query, memory; all if none is named. Server and load generator share the machine. Data lie beside the build, on disk, fsync on;
# BENCH_DIR names another place. BENCH_BIN: binaries built elsewhere, used as they are.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
bin=${BENCH_BIN:-$root/build/release/bin}
quick=()
seconds=10
live_rows=20000000
parts=()
for argument in "$@"; do
  case $argument in
    --quick) quick=(--quick) seconds=4 live_rows=2000000 ;;
    access | ingest | cost | logs | backup | drop | scrub | close | pbx | cohort | query | memory) parts+=("$argument") ;;
    *) echo "usage: $0 [--quick] [access|ingest|cost|logs|backup|drop|scrub|close|pbx|cohort|query|memory ...]" >&2; exit 2 ;;
  esac
done
[ ${#parts[@]} -gt 0 ] || parts=(access ingest cost logs backup drop scrub close pbx cohort query memory)

cd "$root"
log=$(mktemp)
if [ -z "${BENCH_BIN:-}" ] && ! { cmake --preset release && cmake --build --preset release \
       --target retention_server retention_bench retention_bench_load; } >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
rm -f "$log"

mkdir -p "${BENCH_DIR:-$root/build}"
work=$(mktemp -d "${BENCH_DIR:-$root/build}/bench-run-XXXXXX")
server_pid=
cleanup() {
  [ -z "$server_pid" ] || kill -9 "$server_pid" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

# The promises, beside the figures.
judge() {
  awk '
    BEGIN {
      least["tls_ingest_share"] = 0.85; least["ingest_stream"] = 100000; least["ingest_unary"] = 12000; least["cohort_rows"] = 1000000
      least["log_lines"] = 100000; least["backup_ingest_share"] = 0.9
      most["report_p99"] = 5; most["drop_unreadable"] = 100; most["drop_gone"] = 2000; most["drop_growth"] = 3; most["scrub_cost"] = 10
      most["role_check_p99"] = 20; most["query_p99"] = 10; most["cohort_rss"] = 256; most["pbx_unreadable"] = 100; most["close_stall"] = 50; most["pbx_gone"] = 10; most["rss"] = 1024; most["start"] = 3
    }
    $1 == "bench" && ($2 in least) { $0 = sprintf("%-44s # target >= %s: %s", $0, least[$2], $3 >= least[$2] ? "met" : "MISSED") }
    $1 == "bench" && ($2 in most) { $0 = sprintf("%-44s # target <= %s: %s", $0, most[$2], $3 <= most[$2] ? "met" : "MISSED") }
    { print; fflush() }'
}

now() { date +%s.%N; }

# Starts a server on the directories under $1 and sets server_pid, target and started_in (seconds from exec to service).
start_server() {
  local out=$1/server.log begin
  : >"$out"
  begin=$(now)
  "$bin/retention_server" --listen 127.0.0.1:0 --metrics-address 127.0.0.1:0 --policy "$root/deploy/policy.txtpb" \
    --data-dir "$1/data" --key-ring-dir "$1/ring" "${@:2}" >>"$out" 2>&1 &
  server_pid=$!
  until target=$(sed -n 's/.*listening on \([^ ]*\).*/\1/p' "$out" | head -1) && [ -n "$target" ]; do
    if ! kill -0 "$server_pid" 2>/dev/null; then
      cat "$out" >&2
      exit 1
    fi
    sleep 0.01
  done
  started_in=$(awk -v a="$begin" -v b="$(now)" 'BEGIN { printf "%.3f", b - a }')
}

# Ends the server with signal $1.
stop_server() {
  kill "-$1" "$server_pid"
  wait "$server_pid" 2>/dev/null || true
  server_pid=
}

load() { "$bin/retention_bench_load" --target "$target" --seconds "$seconds" "$@"; }
engine() { "$bin/retention_bench" --policy "$root/deploy/policy.txtpb" --directory "$work" ${quick[@]+"${quick[@]}"} "$@"; }

# One kind of load on a fresh server.
on_fresh_server() {
  local directory
  directory=$(mktemp -d "$work/server-XXXXXX")
  start_server "$directory"
  load "$@"
  stop_server TERM
  rm -rf "$directory"
}

# Reports asked for by a process of its own: beside streams that send all that is answered, then beside the 100,000
# events per second that are promised.
bench_reports() {
  local directory streams
  directory=$(mktemp -d "$work/server-XXXXXX")
  start_server "$directory"
  load --name ingest_before_reports stream >/dev/null
  seconds=$((seconds + 4)) load --first-stream 100 --name ingest_beside_reports stream &
  streams=$!
  sleep 2
  load --name report_p99_saturated read
  wait "$streams"
  seconds=$((seconds + 4)) load --first-stream 200 --batches-per-second 1000 --name ingest_beside_reports_paced stream &
  streams=$!
  sleep 2
  load --name report_p99 read
  wait "$streams"
  stop_server TERM
  rm -rf "$directory"
}

# The same load over mutual TLS and in plain, in turn, so that both have the machine alike.
bench_access() {
  local pki=$work/pki round directory rate plain=0 tls=0 rounds=3
  local server_tls=(--tls-cert "$pki/server.pem" --tls-key "$pki/server.key" --tls-client-ca "$pki/ca.pem"
    --tls-crl "$pki/crl.pem" --roles "$pki/roles.json" --principals "$pki/principals")
  local load_tls=(--tls-ca "$pki/ca.pem" --tls-cert "$pki/portal.pem" --tls-key "$pki/portal.key")
  "$root/deploy/dev-certificates.sh" "$pki"
  echo '{"name": "bench", "allow_rules": [{"name": "portal", "source": {"principals": ["spiffe://retention.example/portal"]}}]}' >"$pki/roles.json"
  engine access --certificates "$pki"
  for ((round = 0; round < rounds; ++round)); do
    for kind in plain tls; do
      directory=$(mktemp -d "$work/server-XXXXXX")
      if [ $kind = plain ]; then
        start_server "$directory"
        rate=$(load stream | awk '{ print $3 }')
        plain=$(awk -v a="$plain" -v b="$rate" 'BEGIN { print a + b }')
      else
        start_server "$directory" "${server_tls[@]}"
        rate=$(load "${load_tls[@]}" stream | awk '{ print $3 }')
        tls=$(awk -v a="$tls" -v b="$rate" 'BEGIN { print a + b }')
      fi
      stop_server TERM
      rm -rf "$directory"
      echo "# round $round, $kind: $rate events/s"
    done
  done
  echo "bench tls_ingest_share $(awk -v a="$tls" -v b="$plain" 'BEGIN { printf "%.3f", a / b }') of plain"
}

bench_ingest() {
  echo "# meetings of 28 events, 4 streams of batches of 100, each acknowledged after fsync; a meeting's events come together"
  on_fresh_server stream
  echo "# the same with 1,000 meetings at once, so that neighbouring events belong to different meetings"
  on_fresh_server --open-meetings 250 --name ingest_stream_interleaved stream
  on_fresh_server unary
  bench_reports
  engine ingest
}

# Log lines alone, then beside the meeting events that are promised: what is asked there is that neither starves the other.
bench_logs() {
  local directory streams
  echo "# log lines of 130 bytes, 4 streams of batches of 1,000, each acknowledged after fsync"
  on_fresh_server logs
  directory=$(mktemp -d "$work/server-XXXXXX")
  start_server "$directory"
  load --name ingest_beside_logs stream &
  streams=$!
  load --name log_lines_beside_ingest logs
  wait "$streams"
  stop_server TERM
  rm -rf "$directory"
}

resident_peak_mib() { awk '/^VmHWM/ { printf "%.0f", $2 / 1024 }' "/proc/$server_pid/status"; }

bench_memory() {
  local directory=$work/held after_stop after_kill
  mkdir "$directory"
  engine fill --data-dir "$directory/data" --key-ring-dir "$directory/ring" --rows "$live_rows"
  start_server "$directory"
  after_stop=$started_in
  echo "# resident after the start $(awk '/^VmRSS/ { printf "%.0f", $2 / 1024 }' "/proc/$server_pid/status") MiB"
  load read
  load --first-stream 100000 --name ingest_stream_over_held_rows stream
  echo "bench rss $(resident_peak_mib) MiB"
  stop_server KILL
  start_server "$directory"
  after_kill=$started_in
  stop_server TERM
  echo "# start after a stop $after_stop s, after kill -9 during ingest $after_kill s"
  echo "bench start $(awk -v a="$after_stop" -v b="$after_kill" 'BEGIN { print (a > b ? a : b) }') s"
  rm -rf "$directory"
}

echo "# $(nproc) processors, data on $(stat -f -c %T "$work"), $(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unversioned)"
exec > >(judge)
judge_pid=$!
for part in "${parts[@]}"; do
  case $part in
    access) bench_access ;;
    ingest) bench_ingest ;;
    logs) bench_logs ;;
    memory) bench_memory ;;
    *) engine "$part" ;;
  esac
done
exec >&-
wait "$judge_pid"
