#!/usr/bin/env bash
# Shows that the attacks on statistics can succeed: builds the engine with one protection taken away, and asks that the
# tests that attack it fail; then with the next. An attack that succeeds on no weaker build shows nothing.
#
#   tests/privacy/weaker_builds.sh [NAME...]     all if none is named; --list: their names; --check: whether each still
#                                                finds what it takes away, without a build
#
# Prints `weaker NAME: TESTS ...` and exits 1 if an attack does not succeed. Builds a copy of the tree in build/weaker: a
# quarter of an hour for all, once that is built. No part of ctest but for --check.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
copy=$root/build/weaker
readonly SECONDS_MAX=600  # What does not end in time has not shown anything.
check=
names=()
for argument in "$@"; do
  case $argument in
    --list) check=list ;;
    --check) check=check ;;
    -*) echo "usage: $0 [--list | --check | NAME...]" >&2; exit 2 ;;
    *) names+=("$argument") ;;
  esac
done
failed=0

complain() { echo "weaker $1"; failed=1; }

asked_for() {
  local name
  [ ${#names[@]} -gt 0 ] || return 0
  for name in "${names[@]}"; do [ "$name" != "$1" ] || return 0; done
  return 1
}

# The tree as it lies here, without what a run has changed; what was built of it before stays.
prepared=
changed=
prepare() {
  [ -z "$prepared" ] || return 0
  mkdir -p "$copy"
  (cd "$root" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp -p --update --parents -t "$copy")
  (cd "$copy" && cmake --preset dev >/dev/null)
  prepared=yes
}
put_back() {
  [ -z "$changed" ] || cp "$root/$changed" "$copy/$changed"
  changed=
}
trap put_back EXIT
build() { nice cmake --build "$copy/build/dev" -j "$(nproc)" --target "$1" >"$copy/build.log" 2>&1; }

# weaker NAME BINARY FILTER FILE OLD NEW: with OLD, which FILE has once, replaced by NEW, each test of BINARY that FILTER
# names must fail. With FILTERs of several tests, every one of them.
weaker() {
  local name=$1 binary=$2 filter=$3 file=$4 old=$5 new=$6 whole rest tests failures
  asked_for "$name" || return 0
  if [ "$check" = list ]; then echo "$name"; return 0; fi
  whole=$(cat "$root/$file"; echo x)
  whole=${whole%x}
  rest=${whole#*"$old"}
  if [ "$rest" = "$whole" ]; then complain "$name: $file lacks what it takes away"; return 0; fi
  if [ "${rest#*"$old"}" != "$rest" ]; then complain "$name: $file has twice what it takes away"; return 0; fi
  if [ -n "$check" ]; then return 0; fi
  prepare
  changed=$file
  printf '%s' "${whole/"$old"/"$new"}" >"$copy/$file"
  if build "$binary"; then
    export TEST_TMPDIR=$copy/tmp
    mkdir -p "$TEST_TMPDIR"
    tests=$(timeout "$SECONDS_MAX" "$copy/build/dev/bin/$binary" --gtest_filter="$filter" --gtest_brief=1 2>/dev/null || true)
    failures=$(grep -c '^\[  FAILED  \] [^ ]* ([0-9]* ms)$\|^\[  FAILED  \] [^ ]*, where .* ([0-9]* ms)$' <<<"$tests" || true)
    if grep -q '^\[  PASSED  \] [1-9]' <<<"$tests"; then
      complain "$name: $(sed -nE 's/^\[  PASSED  \] //p' <<<"$tests") of $filter all the same"
    elif ((failures == 0)); then
      complain "$name: $filter did not run"
    else
      echo "weaker $name: $failures failed of $filter"
    fi
    rm -rf "$TEST_TMPDIR"
  else
    tail -5 "$copy/build.log" >&2
    complain "$name: does not build"
  fi
  put_back
}

# Served before the key is gone by which people could be recognised.
weaker served_early privacy_test 'CrashPoints/OneDrawCrash.*/release_before_key' server/days/released_cubes.cc \
  'last_day <= served_through_.number()' \
  '(last_day <= served_through_.number() || true)'
weaker key_kept privacy_test 'OneDraw.LateEventsDoNotReopenACohort:CrashPoints/OneDrawCrash.*' storage/secrets/key_ring.cc \
  'if (absl::Status s = WriteHead(std::move(next)); !s.ok()) return s;
  ForgetThrough(destroyed_through());
  return Finish();
}

DueDay KeyRing::cohorts_destroyed_through()' \
  'return WriteHead(std::move(next));
}

DueDay KeyRing::cohorts_destroyed_through()'

# People without caps: in sums, and in tables of people no longer one in all.
weaker sums_without_caps anonymisation_test 'Contribution.WhatASearch*' server/anonymisation/cohort.cc \
  'given_ = all_ > cap_ * unit_ ? PartOf(cap_, done_, all_) : (done_ + dither_) / unit_;' \
  'given_ = (done_ + dither_) / unit_;'
weaker membership_without_caps attacks_test \
  'MembershipOverTheApi.OfWhoever*:MembershipOverTheApi.OnAPlatform*:MembershipOverTheApi.OfTheOnly*:MembershipOverTheApi.Differences*' \
  server/anonymisation/cohort.cc \
  'given_ = all_ > cap_ * unit_ ? PartOf(cap_, done_, all_) : (done_ + dither_) / unit_;' \
  'given_ = (done_ + dither_) / unit_;'

# What the ring says of draws is not listened to: the first cohort that the store lacks is drawn, and an older ring opens.
weaker ring_not_asked attacks_test 'CohortCopies.AStoreOfBefore*' server/days/sweeper.cc \
  'holdings_.policies.current().profiles.CohortOf(holdings_.ring.cohorts_destroyed_through().Next());
    if (Rele' \
  '[&] {
      const ProfileHistory& profiles = holdings_.policies.current().profiles;
      CohortDays next = profiles.CohortOf(holdings_.ring.cohorts_destroyed_through().Next());
      for (int back = 0; back < 10; ++back) {
        const CohortDays before = profiles.CohortOf(DueDay::FromNumber(next.first.number() - 1));
        if (IsReleased(enders_.store, before, holdings_.policy()).value()) break;
        if (BucketOfCohort(before, holdings_.policy()) <= holdings_.ring.destroyed_through()) break;
        next = before;
      }
      return next;
    }();
    if (Rele'
weaker older_ring_opened attacks_test 'CohortCopies.ARingOfBefore*' storage/secrets/ring_opening.cc \
  'ring.rolled_back = ring.head.generation < known_generation;' \
  'ring.rolled_back = false;'

# Another draw of what is there.
weaker drawn_again privacy_test 'CrashPoints/OneDrawCrash.*/release_before_key' server/days/released_cubes.cc \
  'cohort.first, 0));
  if (!head.ok()) return head.status();
  return head->has_value();' \
  'cohort.first, 0));
  if (!head.ok()) return head.status();
  return false;'

# One figure from several draws.
weaker tables_as_drawn attacks_test 'MembershipOverTheApi.EveryPhrasing*' server/days/released_cubes.cc \
  'return Cells(cube, table, EstimatesPart(table));' \
  'return Cells(cube, table, DrawnPart(table));'

# Others decide where and as what somebody counts.
weaker day_of_the_meeting attacks_test 'OwnEvents.WhateverOnePersonDoes*:OwnEvents.WhoCameBeforeMidnight*' \
  server/days/cohort_rows.cc \
  'if (presence.cohort == cohort_) visit_' \
  'if (version_.profiles.CohortOf(DueDay(DayOf(absl::FromUnixMicros(events.front().time_us), zone))) == cohort_) visit_'
weaker size_of_the_meeting attacks_test 'OwnEvents.WhateverOnePersonDoes*:OwnEvents.ASeatOverABorder*' \
  server/days/cohort_rows.cc \
  '.reconnections = of.reconnections,' \
  '.reconnections = static_cast<uint32_t>(read.course.events().size() / 10),'

# A figure beside the noise.
weaker exact_metric attacks_test 'SideChannels.*' server/days/waiting_cohorts.cc \
  'WaitingCohorts waiting;' \
  'WaitingCohorts waiting;
  for (const auto& [day, of] : holdings.counts.Read()) waiting.days_left += static_cast<int64_t>(of[kHistory].values);'
exit "$failed"
