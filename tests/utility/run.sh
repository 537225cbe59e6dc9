#!/usr/bin/env bash
# Measures how useful statistics are: has a server count a simulated platform, and sets its answers beside the truth of
# the same events. Prints what compare.py says; keeps nothing.
#
#   tests/utility/run.sh small|middle|large [DRAWS [PROFILE]]
#
# About 400, 7,000 and 90,000 participations on a working day. DRAWS: so many servers, each of which draws anew, count the
# same events (1). PROFILE: SMALL, LARGE or DAILY; by default that of such a platform. Needs build/release (or BUILD=build/dev) with retention_server, retentionctl and the Python package. The large
# one takes 2 GB in TMPDIR.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly START_SECONDS_MAX=30
build=${BUILD:-build/release}

# Months for months, weeks for weeks; the first day is a Monday, where cohorts are weeks.
case ${1:-} in
  small) platform=(--pbxs 3 --people 250 --meetings-per-day 62) first=2026-01-01 days=90 profile=SMALL ;;
  middle) platform=(--pbxs 40 --people 4400 --meetings-per-day 1300) first=2026-01-05 days=21 profile=LARGE ;;
  large) platform=(--pbxs 400 --people 56000 --meetings-per-day 16700) first=2026-01-05 days=7 profile=LARGE ;;
  *)
    echo "usage: tests/utility/run.sh small|middle|large [PROFILE]" >&2
    exit 2
    ;;
esac
draws=${2:-1}
profile=${3:-$profile}

work=$(mktemp -d)
server=
cleanup() {
  if [[ -n $server ]] && kill "$server" 2>/dev/null; then wait "$server" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT

sed "s/STATISTICS_PROFILE_LARGE/STATISTICS_PROFILE_$profile/" deploy/policy.txtpb >"$work/policy.txtpb"
simulate=(events simulate --seed 11 --start "$first" --days "$days" "${platform[@]}")
"$build/bin/retentionctl" "${simulate[@]}" --output "$work/events.jsonl"

start_server() {
  rm -rf "$work/data" "$work/ring"
  : >"$work/server.out"  # Looked for before the server's shell has made it.
  "$build/bin/retention_server" --listen 127.0.0.1:0 --metrics-address 127.0.0.1:0 --data-dir "$work/data" \
    --key-ring-dir "$work/ring" --policy "$work/policy.txtpb" --ballast-mib 0 \
    "--clock=simulated:$(date -d "$first - 1 day" +%F)T00:00:00Z" >"$work/server.out" 2>"$work/server.log" </dev/null &
  server=$!
  local waited
  for ((waited = 0; waited < START_SECONDS_MAX * 10; ++waited)); do
    address=$(sed -n 's/^listening on //p' "$work/server.out")
    if [[ -n $address ]]; then return 0; fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  tail -5 "$work/server.log" >&2
  exit 1
}
ctl() { "$build/bin/retentionctl" --server "$address" --timeout 1h "$@"; }

last=$(date -d "$first + $((days - 1)) day" +%F)
for ((draw = 1; draw <= draws; ++draw)); do
  start_server
  ctl "${simulate[@]}" --advance-clock >/dev/null
  # Until the last cohort has settled and is drawn.
  for ((day = 1; day <= 5; ++day)); do
    ctl -o json clock advance --to "$(date -d "$last + $day day" +%F)T12:00:00Z" >/dev/null
    ctl -o json sweep run >/dev/null
  done
  PYTHONPATH="$build/python:tests/utility" /usr/bin/python3 -B tests/utility/compare.py "$work/events.jsonl" "$first" \
    "$last" --server "$address" --rows "$work/rows.csv" >"$work/compared"
  kill "$server" && wait "$server"
  server=
done
cat "$work/compared"
