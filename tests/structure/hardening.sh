#!/usr/bin/env bash
# Looks whether programs are built so that a fault in memory is hard to use:
#
#   tests/structure/hardening.sh PROGRAM...
#
# Each at an address that nobody knows (PIE), its tables of addresses read-only once it runs (full RELRO), no stack that can be
# executed, with guards of stacks, and calls that know how large a buffer is. Exits 1 and says what is missing where.
set -euo pipefail

failed=0
fortified=0
missing() {
  echo "hardening: $1: $2"
  failed=1
}

for program in "$@"; do
  header=$(readelf -hW "$program")
  segments=$(readelf -lW "$program")
  dynamic=$(readelf -dW "$program")
  symbols=$(readelf -sW --dyn-syms "$program")
  grep -q 'Type:.*DYN' <<<"$header" || missing "$program" "not at a random address"
  grep -q 'FLAGS_1.*PIE' <<<"$dynamic" || missing "$program" "not a program at a random address (PIE)"
  grep -q GNU_RELRO <<<"$segments" || missing "$program" "its tables of addresses stay writable (RELRO)"
  grep -q 'BIND_NOW\|FLAGS_1.*NOW' <<<"$dynamic" || missing "$program" "its addresses are found late (BIND_NOW)"
  grep -q 'GNU_STACK.* RW ' <<<"$segments" || missing "$program" "its stack can be executed"
  grep -q __stack_chk_fail <<<"$symbols" || missing "$program" "no guards of stacks"
  # Not every program has a call that could.
  if grep -q '__[a-z]*_chk\b' <<<"$symbols"; then fortified=1; fi
done
((fortified == 1)) || missing "all of them" "no call knows how large a buffer is (FORTIFY)"
((failed == 0)) && echo "hardening: $# programs, all hold"
exit "$failed"
