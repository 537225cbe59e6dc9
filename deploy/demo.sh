#!/usr/bin/env bash
# The whole promise on a simulated calendar: three months of a made-up platform and one imported meeting come in,
# fourteen months pass week by week, and every byte on disk is searched for what must be gone.
#
# Needs nothing but Debian 12 (installs and builds first). Leaves nothing behind but build/. The last line is
# `demo: events=N erased=N cohorts=N plaintext_hits=0`; exits 1 if anything was found, or nothing was counted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C.UTF-8 TZ=UTC

readonly FIRST_DAY=2026-01-05 LAST_DAY=2026-03-29  # Monday to Sunday; the days of the platform.
readonly MONTHS=14
readonly PLATFORM=(--seed 7 --start "$FIRST_DAY" --days 84 --pbxs 6 --people 900 --meetings-per-day 240)
readonly SCHOOL=(orgelbau orgelbau-2026-01)  # PBX and meeting of the imported recording.
readonly START_SECONDS_MAX=30
bin=build/release/bin

deploy/setup.sh build
cmake --preset release >/dev/null
cmake --build --preset release -j "$(nproc)" --target retention_server retentionctl

work=$(mktemp -d)
server=
cleanup() {
  local outcome=$?
  if ((outcome != 0)) && [[ -s $work/server.log ]]; then
    echo "demo: failed; the last words of the server:" >&2
    tail -5 "$work/server.log" >&2
  fi
  if [[ -n $server ]] && kill "$server" 2>/dev/null; then wait "$server" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT
begun=$SECONDS

say() {
  echo
  if (($# > 0)); then printf '# %s\n' "$@"; fi
}
run() {
  printf '$ retentionctl %s\n' "$*"
  ctl "$@"
}
ctl() { "$bin/retentionctl" --server "$address" "$@"; }

# What the server printed behind `$1 on `.
printed() { sed -n "s/^$1 on //p" "$work/server.out"; }

start_server() {
  "$bin/retention_server" --listen 127.0.0.1:0 --metrics-address 127.0.0.1:0 \
    --data-dir "$work/data" --key-ring-dir "$work/ring" --policy deploy/policy.txtpb --ballast-mib 0 \
    "--clock=simulated:${FIRST_DAY}T00:00:00+01:00" >"$work/server.out" 2>"$work/server.log" </dev/null &
  server=$!
  local waited
  for ((waited = 0; waited < START_SECONDS_MAX * 10; ++waited)); do
    address=$(printed listening)
    metrics=$(printed metrics)
    if [[ -n $address && -n $metrics ]]; then return 0; fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  echo "demo: the server does not start" >&2
  exit 1
}

# What the server counted so far, as `NAME NUMBER` lines: erased values by category (in steps of 1-2-5), and EVENTS, ERASED,
# COHORTS.
counted() {
  curl -sf "http://127.0.0.1:${metrics#port }/metrics" | awk -F'[{}]' '
    /^retention_events_total\{outcome="accepted"\}/ { number["EVENTS"] += $3 }
    /^retention_cohorts_released_total / { split($0, part, " "); number["COHORTS"] += part[2] }
    /^retention_values_erased_total\{/ {
      match($2, /category="[A-Z_]+"/)
      number[substr($2, RSTART + 10, RLENGTH - 11)] += $3
      number["ERASED"] += $3
    }
    END { for (name in number) printf "%s %d\n", name, number[name] }'
}

readonly COLUMNS=(EVENTS RECORDING PARTICIPANT_NAME PARTICIPANT_EMAIL PARTICIPANT_IP MEETING_NAME FILE_SHARE HISTORY)
declare -A now_counted=() week_begins=()

week_heading() {
  printf '%-10s %8s | %9s %6s %7s %6s %8s %6s %8s | %s\n' 'week to' events recording names e-mails IPs meetings files \
    history cohorts
}

# Brings the week up to day $1 to its end: one line with what came in and which cohorts were released in it, and what was
# erased until then, as the metrics say it: in steps of 1-2-5.
end_week() {
  local name number
  ctl -o json sweep run >/dev/null
  while read -r name number; do now_counted[$name]=$number; done < <(counted)
  local line=("$1")
  for name in "${COLUMNS[@]}" COHORTS; do
    case $name in
      EVENTS | COHORTS) line+=($((${now_counted[$name]:-0} - ${week_begins[$name]:-0}))) ;;
      *) line+=("${now_counted[$name]:-0}") ;;
    esac
    week_begins[$name]=${now_counted[$name]:-0}
  done
  printf '%-10s %8d | %9d %6d %7d %6d %8d %6d %8d | %7d\n' "${line[@]}"
}

# Occurrences of any identity in the files under the given places: the bytes, whatever the files are.
# grep's own failure is no "none found".
search() {
  local status=0
  grep -raoFf "$work/identities" "$@" >"$work/found" || status=$?
  if ((status > 1)); then
    echo "demo: the search failed" >&2
    return 1
  fi
  wc -l <"$work/found"
}

hits=0
search_disk() {
  local found
  found=$(LC_ALL=C search "$work/data" "$work/ring")
  hits=$((hits + found))
  printf 'searched %s of data and keys for %d names, addresses, numbers and texts: %d found\n' \
    "$(du -shc "$work/data" "$work/ring" | tail -1 | cut -f1)" "$(wc -l <"$work/identities")" "$found"
}

report() {
  printf '$ retentionctl meetings report %s\n' "${SCHOOL[*]}"
  ctl meetings report "${SCHOOL[@]}" 2>&1 || true
}

day_after() { date -d "$1 + ${2:-1} day" +%F; }

say "A platform of 900 people and 6 PBXs, about 1,500 participants on a working day, from $FIRST_DAY to $LAST_DAY."
"$bin/retentionctl" events simulate "${PLATFORM[@]}" --output "$work/events.jsonl" --identities "$work/simulated.tsv"
{
  cut -f2 "$work/simulated.tsv"
  sed -nE 's/.*<name>(.*)<\/name>.*/\1/p; s/.*meetingName="([^"]*)".*/\1/p; s/.*<question>(.*)<\/question>.*/\1/p' \
    deploy/demo-meeting.xml
  sed -nE 's/.*"key":"([^"]*)".*/\1/p; s/.*CDATA\[(.*)\]\].*/\1/p' deploy/demo-meeting.xml
} | sort -u >"$work/identities"
mkdir "$work/days"
awk -v days="$work/days" '{ print >(days "/" substr($0, index($0, "\"time\":\"") + 8, 10)) }' "$work/events.jsonl"

say "The search is able to find: over the events as they will be sent, it does."
printf 'found %d times\n' "$(LC_ALL=C search "$work/events.jsonl")"
if (($(LC_ALL=C search "$work/events.jsonl") == 0)); then exit 1; fi

start_server
say "The server runs on a simulated clock, with the deletion concept of a privacy notice:"
run policy show

say "Weeks go by. Events come in day by day; what falls due is erased on its day, by the server itself." \
  "Values erased in each week, by category, and cohorts released into statistics:"
week_heading
midnight() { echo "${1}T00:00:00Z"; }
for ((day = 0; day < 84; ++day)); do
  date=$(date -d "$FIRST_DAY + $day day" +%F)
  ctl -o json clock advance --to "$(midnight "$(day_after "$date")")" >/dev/null
  for batch in "$work/days/$(date -d "$date - 1 day" +%F)" "$work/days/$date"; do
    [[ -f $batch ]] || continue
    ctl -o json events send "$batch" >/dev/null
    rm "$batch"
  done
  if [[ $date == 2026-01-13 ]]; then
    say "A real meeting, as another platform recorded it, took place on 13 January:"
    run events import --format bigbluebutton-xml --pbx "${SCHOOL[0]}" --meeting "${SCHOOL[1]}" --sync-pbx \
      --owner-extension 2001 --protocolled --shift-to 2026-01-13T09:00:00Z deploy/demo-meeting.xml
    say "Its report, with names:"
    report
    say "What falls due with its names, on 20 January:"
    run due list --from 2026-01-20 --to 2026-01-20
    say
    week_heading
  fi
  ((day % 7 == 6)) || continue
  end_week "$date"
  case $date in
    2026-02-15)
      say "The school's PBX reports again, as every PBX does; one that nobody hears of for 60 days would end." \
        "Its only extension is gone, and takes its poll along. That it is meant to has to be confirmed:"
      ctl -o json pbxs get "${SCHOOL[0]}" >"$work/school.json"
      sed -nE '/"(pbx_id|controller_id)"/p' "$work/school.json" | sed '1s/^/{/; $s/,$/}/' >"$work/sync.json"
      run pbxs sync --confirm-removals "$work/sync.json"
      say
      week_heading
      ;;
    2026-01-25)
      say "Seven days after the meeting the names are gone; time and reconnections stay for two months:"
      report
      say "What is held is sealed from its first byte on:"
      search_disk
      say
      week_heading
      ;;
    2026-03-15)
      say "Two months after the meeting its report is anonymised, and nothing says that there ever was one:"
      report
      say
      week_heading
      ;;
  esac
done

for date in 2026-03-30 2026-03-31 2026-04-01 2026-04-02; do
  ctl -o json clock advance --to "$(midnight "$date")" >/dev/null
done
ctl -o json sweep run >/dev/null
range=(--from "$FIRST_DAY" --to "$LAST_DAY")
say "Statistics from released cohorts: counted once, blurred once. Every figure has its 95 % interval." "People:"
run statistics query --metric people --group-by month "${range[@]}"
say "Share by client:"
run statistics query --metric share --group-by client "${range[@]}"
say "Mean time in a meeting, by media site:"
run statistics query --metric duration-mean --group-by region "${range[@]}"
say "And by month, where more people stand behind each figure:"
run statistics query --metric duration-mean --group-by month "${range[@]}"
say "Nine of ten stay no longer than:"
run statistics query --metric duration-percentile --percentile 90 "${range[@]}"
say "A question about too few people gets no figure:"
run statistics query --metric people --filter "client = phone AND region = jnb" --from 2026-01-08 --to 2026-01-08

end=$(date -d "$FIRST_DAY + $MONTHS month" +%F)
say "No more meetings, but the calendar goes on to $end. Weeks in which nothing fell due are left out."
week_heading
date=2026-04-05
while [[ $date < $end ]]; do
  ctl -o json clock advance --to "$(midnight "$(day_after "$date")")" >/dev/null
  end_week "$date" >"$work/week"
  if grep -qE '\| .*[1-9].* \| ' "$work/week"; then cat "$work/week"; fi
  case $date in
    2026-05-24)
      say "Nobody has heard of the PBXs since the end of March; they are warned of:"
      run pbxs list
      say
      week_heading
      ;;
    2026-05-31)
      say "They ended with the 60th day, and all that lived as long as they did ended with them:"
      run pbxs list
      run due list
      say
      week_heading
      ;;
  esac
  date=$(day_after "$date" 7)
done

say "A year after their first day, cohorts are erased too; of their months the sums stay, which are anonymous."
run statistics query --metric people --group-by month "${range[@]}"
say "Nothing else is held:"
run due list
say "The last search of every byte:"
search_disk
printf 'data and keys on disk, in bytes: %s\n' "$(du -sbc "$work/data" "$work/ring" | tail -1 | cut -f1)"
printf '\nThe simulated %d months took %d s.\n' "$MONTHS" "$((SECONDS - begun))"

for name in EVENTS ERASED COHORTS; do now_counted[$name]=0; done
while read -r name number; do now_counted[$name]=$number; done < <(counted)
events=${now_counted[EVENTS]} erased=${now_counted[ERASED]} cohorts=${now_counted[COHORTS]}
echo "demo: events=$events erased=$erased cohorts=$cohorts plaintext_hits=$hits"
((hits == 0 && events > 0 && erased > 0 && cohorts > 0))
