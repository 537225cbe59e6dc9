#!/usr/bin/env bash
# Checks the tree under a directory against the project's rules of structure. Prints one line per violation,
# `rule: file:line: what`, and exits 1 if there is any.
#
#   tests/structure/check.sh DIRECTORY
#
# shellcheck disable=SC2317  # The rules are called by their names.
# shellcheck disable=SC2046  # Names of files have no spaces here.
set -euo pipefail
export LC_ALL=C

readonly LINES_MAX=450  # A file that long holds more than one thing.

cd "${1:?usage: check.sh DIRECTORY}"
rules=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
found=0

# Prints the lines of standard input, if any, as violations of rule $1.
report() {
  local line
  while IFS= read -r line; do
    echo "$1: $line"
    found=1
  done
}

# Files below the directories $1 (or everywhere) with the suffixes $2..., relative to the root.
files() {
  local places=$1 suffix names=()
  shift
  for suffix in "$@"; do names+=(-o -name "*$suffix"); done
  # shellcheck disable=SC2086  # `places` is a list.
  find $places \( -name .git -o -name build -o -name node_modules -o -name .cache \) -prune -o -type f \
    \( "${names[@]:1}" \) -print | sed 's|^\./||' | sort
}

sources() { files . .cc .h; }

each_include() {
  grep -HnE '^[[:space:]]*#[[:space:]]*include' $(sources) /dev/null || true
}

# An include never points up, and RocksDB and gRPC stay where they belong: include_direction.awk.
include_direction() { each_include | awk -f "$rules/include_direction.awk"; }

# No file includes itself, however far around. A header and its source are one.
include_circles() {
  each_include | sed -nE 's/^([^:]*)\.(cc|h):[0-9]*:[^"]*"([^"]*)\.h".*/\1 \3/p' | awk '$1 != $2' | sort -u |
    tsort 2>&1 >/dev/null | sed -nE 's/^tsort: ([^ ]*\/[^ ]*)$/\1: part of a circle of includes/p'
}

# The public protocol does not know what is stored.
proto_direction() {
  grep -HnE '^import "retention/stored/' $(files proto/retention/v1 .proto) /dev/null |
    sed 's/$/ (what is stored is no part of the API)/' || true
}

# Whoever generates code for Go, Java or C# gets packages that are named after ours.
proto_packages() {
  awk '
    function expect(line) { if (!(line in lines)) print file ": lacks " line }
    function check(    dashed, dotted, i, names, camel) {
      if (package == "") return
      dashed = dotted = package
      gsub(/\./, "/", dashed)
      gsub(/\./, "", dotted)
      for (i = split(package, names, "."); i > 0; --i)
        camel = toupper(substr(names[i], 1, 1)) substr(names[i], 2) (camel == "" ? "" : "." camel)
      expect("option csharp_namespace = \"" camel "\";")
      expect("option go_package = \"" dashed ";" dotted "\";")
      expect("option java_multiple_files = true;")
      expect("option java_package = \"" package "\";")
    }
    FNR == 1 { check(); file = FILENAME; package = ""; split("", lines) }
    /^package / { package = $2; sub(/;$/, "", package) }
    /^option / { lines[$0] }
    END { check() }' $(files proto/retention .proto) /dev/null
}

# No field is a keyword of a language that clients are generated for: its users could not say its name.
proto_keywords() {
  grep -HnE '^ +(repeated |optional )?[A-Za-z0-9_.<>, ]+ (and|as|assert|async|await|class|def|del|elif|except|finally|from|global|import|in|is|lambda|nonlocal|not|or|package|pass|raise|with|yield) = [0-9]+' \
    $(files proto/retention .proto) /dev/null || true
}

# Who is told exact counts of what is held is told so: by the comment of the method, or of its service.
proto_originals() {
  awk '
    FNR == 1 { comment = ""; service = 0; split("", says) }
    /^ *\/\// { comment = comment $0; next }
    /^service / { service = comment ~ /riginals/ }
    /^ +rpc / { method = $2; sub(/\(.*/, "", method); says[method] = service || comment ~ /riginals/ }
    /^message / { message = $2; sub(/Response$/, "", message) }
    /^ +(repeated )?(CategoryMoves|DueBucket|ErasedCount|ErasurePreview|HeldCount) / && (message in says) && !says[message] {
      print FILENAME ":" FNR ": counts originals, which " message " does not say"
    }
    { comment = "" }' $(files proto/retention/v1 .proto) /dev/null
}

# Every source is named in a CMakeLists.txt of its folder or above, by its name or its stem; every header is included.
dead_files() {
  {
    each_include | sed -nE 's/.*[<"]([^<"]*\/)?([^<"\/]*\.h)[>"].*/included \2/p'
    grep -HoE '[A-Za-z0-9_.]+' $(files . CMakeLists.txt) /dev/null | sed -E 's|^(\./)?||; s|/?CMakeLists.txt:| |; s|^|named |'
    sources | sed 's/^/source /'
  } | awk '
    $1 == "included" { included[$2] = 1 }
    $1 == "named" { if (NF == 2) { $3 = $2; $2 = "" } sub(/\.cc$/, "", $3); named[$2, $3] = 1 }
    $1 == "source" {
      directory = stem = $2
      if (!sub(/\/[^\/]*$/, "", directory)) directory = ""
      sub(/.*\//, "", stem)
      if (stem ~ /\.h$/) {
        if (!(stem in included)) print $2 ": nobody includes it"
        next
      }
      sub(/\.cc$/, "", stem)
      while (!((directory, stem) in named)) {
        if (directory == "") { print $2 ": no CMakeLists.txt names it"; break }
        if (!sub(/\/[^\/]*$/, "", directory)) directory = ""
      }
    }'
}

file_length() {
  awk -v max="$LINES_MAX" '
    FNR == 1 && NR > 1 && lines > max { print file ": " lines " lines, at most " max }
    { file = FILENAME; lines = FNR }
    END { if (lines > max) print file ": " lines " lines, at most " max }' $(files . .cc .h .py .sh .proto .awk)
}

# What is unfinished goes into the tracker, not into the tree.
unfinished() { search '\b(TO[D]O|FIX[M]E|XX[X])\b'; }

# The project speaks of itself alone: no path of one machine, no host that packages came from.
machine_paths() { search '(^|[^A-Za-z0-9_.])([/]work/|[/]root/|[/]home/[a-z])|[.][.][/]shared/'; }
package_hosts() { search '(^|[^A-Za-z_])registry[.][a-z]+[.]|"resolve[d]":'; }

search() {
  grep -rHnIE --exclude-dir=.git --exclude-dir=build --exclude-dir=node_modules --exclude-dir=.cache --exclude=LICENSE \
    -e "$1" . | sed 's|^\./||' || true
}

# A test that waits for time to pass is slow or flaky. Benchmarks pass time on purpose.
sleeping_tests() {
  grep -HnE '\b(sleep_for|sleep_until|usleep|nanosleep|SleepFor)\b' $(files tests .cc .h | grep -v '^tests/bench/') \
    /dev/null || true
}

for rule in include_direction include_circles proto_direction proto_packages proto_keywords proto_originals dead_files file_length unfinished \
  machine_paths package_hosts sleeping_tests; do
  report "$rule" < <("$rule")
done
if ((found == 0)); then echo "structure: $(sources | wc -l) sources, all rules hold"; fi
exit "$found"
