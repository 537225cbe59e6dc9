#!/usr/bin/env bash
# Installs what is missing, builds preset dev and runs every test. The last line is `N passed, N failed`, with
# `, N skipped` where some were; exits 0 only if all passed that ran.
#
#   tests/run.sh [CTEST OPTION...]     as tests/run.sh -R Filing
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly TEST_SECONDS_MAX=300  # For tests that set no limit of their own.
build=build/dev
log=$build/ctest.log

stopped() {
  echo "tests: $1"
  echo "0 passed, 1 failed"
  exit 1
}

deploy/setup.sh build || stopped "the packages cannot be installed"
cmake --preset dev || stopped "the project does not configure"
cmake --build --preset dev -j "$(nproc)" || stopped "the project does not build"

# The tests open hundreds of stores, each of which waits for the disk at every write: in memory where there is room.
shm_free_kib=$(df --output=avail /dev/shm 2>/dev/null | tail -n 1 || echo 0)
if [[ -w /dev/shm ]] && ((shm_free_kib > 4 * 1024 * 1024)); then
  TEST_TMPDIR=$(mktemp -d /dev/shm/retention-tests.XXXXXX)
  trap 'rm -rf "$TEST_TMPDIR"' EXIT
  export TEST_TMPDIR
fi

outcome=0
ctest --test-dir "$build" --output-on-failure --parallel 2 --timeout "$TEST_SECONDS_MAX" --no-tests=error "$@" \
  </dev/null 2>&1 | tee "$log" || outcome=$?

# ctest counts what was skipped as passed, and does not count what is disabled.
summary=$(grep -E '^[0-9]+% tests passed, [0-9]+ tests? failed out of [0-9]+' "$log") || stopped "ctest ran nothing"
failed=$(sed -E 's/.* ([0-9]+) tests? failed.*/\1/' <<<"$summary")
total=$(sed -E 's/.* out of ([0-9]+).*/\1/' <<<"$summary")
skipped=$(grep -cE '^[[:space:]]+[0-9]+ - .* \(Skipped\)$' "$log" || true)
disabled=$(grep -cE '^[[:space:]]+[0-9]+ - .* \(Disabled\)$' "$log" || true)
if ((outcome != 0 && failed == 0)); then failed=1; fi
line="$((total - failed - skipped)) passed, $failed failed"
if ((skipped + disabled > 0)); then line+=", $((skipped + disabled)) skipped"; fi
echo "$line"
exit "$((failed > 0))"
