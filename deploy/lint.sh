#!/usr/bin/env bash
# Checks style: clang-format of every source, buf lint of proto/, shellcheck of every script, mypy of the Python package,
# clang's thread-safety analysis of all that holds a lock, clang-tidy of what matters most. Changes nothing. Exits 1 if
# anything is to be corrected; the last line says what.
#
#   deploy/lint.sh          all
#   deploy/lint.sh fast     without clang-tidy
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly TIDY_SECONDS_MAX=600
readonly BUF_ATTEMPTS=3
failed=()

deploy/setup.sh lint

mapfile -t sources < <(find client server storage tests text \( -name '*.cc' -o -name '*.h' \) -print | sort)
mapfile -t scripts < <(find .ci deploy tests -type f -print0 | xargs -0 grep -lE '^#!.*\bbash$' | sort)

format() { clang-format-14 --dry-run --Werror "${sources[@]}"; }

shell() { shellcheck --source-path=SCRIPTDIR "${scripts[@]}"; }

types() { mypy --config-file client/python/mypy.ini client/python/retention_statistics; }

# buf comes from npm, in the version and with the checksum that the lock names, into the build directory; nothing of it
# runs on installation.
install_buf() {
  local try
  mkdir -p build/lint/buf
  if cmp -s deploy/buf/package-lock.json build/lint/buf/installed.json; then return 0; fi
  cp deploy/buf/package.json deploy/buf/package-lock.json build/lint/buf/
  for ((try = 1; try <= BUF_ATTEMPTS; ++try)); do
    # npm leaves out what it cannot fetch of the packages for each processor, and is content.
    if npm --prefix build/lint/buf ci --ignore-scripts --no-audit --no-fund --loglevel=error && buf --version; then
      cp deploy/buf/package-lock.json build/lint/buf/installed.json
      return 0
    fi
    echo "lint: attempt $try of $BUF_ATTEMPTS to install buf failed" >&2
    sleep $((try * 5))
  done
  return 1
}

buf() {
  local programs=(build/lint/buf/node_modules/@bufbuild/buf-linux-*/bin/buf)
  [[ -x ${programs[0]} ]] && "${programs[0]}" "$@"
}

protocol() { install_buf && buf lint proto; }

# Commands of compilation, one a source, in build/lint, and generated headers, in build/dev.
configure() {
  if [[ ! -f build/dev/build.ninja ]]; then cmake --preset dev >build/lint/configure.log || return 1; fi
  cmake --build --preset dev --target retention_proto >build/lint/build.log || return 1
  cmake --preset dev -B build/lint/commands -DCMAKE_UNITY_BUILD=OFF >build/lint/configure.log || return 1
  sed 's#build/lint/commands/proto#build/dev/proto#g' build/lint/commands/compile_commands.json \
    >build/lint/compile_commands.json
}

# What a lock guards is private to a class, whose functions are in the folder of its header: no source that only uses
# the class needs to be looked at.
locks() {
  local header locked
  configure || return 1
  mapfile -t locked < <(
    grep -lF '#include "storage/mutex.h"' "${sources[@]}" | while IFS= read -r header; do
      if [[ $header == *.cc ]]; then echo "$header"; else grep -lF "\"$header\"" "$(dirname "$header")"/*.cc; fi
    done | sort -u
  )
  printf '%s\n' "${locked[@]}" | xargs -P "$(nproc)" -n 4 clang-check-14 -p build/lint --extra-arg=-Wno-everything \
    --extra-arg=-Wthread-safety{,-beta} --extra-arg=-Werror=thread-safety{,-beta}
}

# What a mistake in would cost most: keys, sealing, erasure, noise. The rest is for the preset `tidy`.
tidy() {
  local tidied=(
    storage/keys.cc storage/secrets/cipher_pool.cc storage/secrets/derived_keys.cc storage/secrets/envelope.cc
    storage/secrets/key_ring.cc storage/secrets/key_ring_owners.cc storage/secrets/ring_opening.cc storage/secrets/vault.cc
    server/anonymisation/cohort.cc server/anonymisation/sampler.cc
    server/days/sweeper.cc server/law/filing.cc server/law/periods.cc server/rows/change.cc
    server/ledger/ledger.cc
  )
  configure || return 1
  printf '%s\n' "${tidied[@]}" |
    timeout "$TIDY_SECONDS_MAX" xargs -P "$(nproc)" -n 1 \
      clang-tidy-14 -p build/lint --quiet --warnings-as-errors='*' 2>build/lint/tidy.log
}

mkdir -p build/lint
for check in format shell types protocol locks tidy; do
  if [[ ${1:-all} == fast && $check == tidy ]]; then continue; fi
  begun=$SECONDS
  if "$check"; then
    echo "lint: $check: clean ($((SECONDS - begun)) s)"
  else
    echo "lint: $check: FAILED"
    failed+=("$check")
  fi
done
if ((${#failed[@]} > 0)); then
  echo "lint: to be corrected: ${failed[*]}"
  exit 1
fi
echo "lint: clean (${#sources[@]} sources, ${#scripts[@]} scripts)"
