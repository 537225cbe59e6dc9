#!/usr/bin/env bash
# Shows that every rule of check.sh can fail: a sound little tree passes, and each planted violation is found by its
# rule and no other.
set -euo pipefail

check=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/check.sh
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
failed=0

sound_tree() {
  find "$root" -mindepth 1 -delete
  mkdir -p "$root"/{storage/rocksdb,client,proto/retention/v1,tests/engine} "$root"/server/{anonymisation,app,base,days,engine,ops,rpc}
  printf 'add_library(a store.cc rocksdb/rocksdb_store.cc)\n' >"$root/storage/CMakeLists.txt"
  printf '#include "storage/store.h"\n' >"$root/storage/store.cc"
  printf '#include "storage/store.h"\n#include <rocksdb/db.h>\n' >"$root/storage/rocksdb/rocksdb_store.cc"
  printf '#include "retention/stored/v1/stored.pb.h"\n' >"$root/storage/store.h"
  printf 'add_library(b sampler.cc)\n' >"$root/server/anonymisation/CMakeLists.txt"
  printf '#include "server/base/errors.h"\n#include "storage/store.h"\n' >"$root/server/anonymisation/sampler.cc"
  printf 'add_library(c engine.cc)\n' >"$root/server/engine/CMakeLists.txt"
  printf '#include "server/engine/engine.h"\n' >"$root/server/engine/engine.cc"
  printf '#include "storage/store.h"\n' >"$root/server/engine/engine.h"
  printf '#include "absl/status/status.h"\n' >"$root/server/base/errors.h"
  printf 'add_executable(d app/main.cc rpc/service.cc)\n' >"$root/server/CMakeLists.txt"
  printf '#include <grpcpp/grpcpp.h>\n#include "server/engine/engine.h"\n' >"$root/server/app/main.cc"
  printf '#include "retention/v1/event_service.grpc.pb.h"\n' >"$root/server/rpc/service.cc"
  printf '#include "server/ops/metrics.h"\n' >>"$root/server/rpc/service.cc"
  printf '#include "server/engine/engine.h"\n' >"$root/server/ops/metrics.h"
  printf 'add_library(f released_cubes.cc)\n' >"$root/server/days/CMakeLists.txt"
  printf '#include "server/days/released_cubes.h"\n' >"$root/server/days/released_cubes.cc"
  printf '#include "storage/store.h"\n' >"$root/server/days/released_cubes.h"
  printf 'add_library(e client.cc)\n' >"$root/client/CMakeLists.txt"
  printf '#include "retention/v1/event.pb.h"\n' >"$root/client/client.cc"
  printf 'foreach(subject engine_test)\nendforeach()\n' >"$root/tests/engine/CMakeLists.txt"
  printf '#include "server/engine/engine.h"\n#include "tests/engine/harness.h"\n' >"$root/tests/engine/engine_test.cc"
  printf '#include "server/engine/engine.h"\n' >"$root/tests/engine/harness.h"
  printf 'import "retention/v1/policy.proto";\n' >"$root/proto/retention/v1/event.proto"
}

# Plants the text $3 at the end of file $2 of a sound tree and expects rule $1 to be broken, and only that.
expect() {
  local rule=$1 file=$2 text=$3 output
  sound_tree
  mkdir -p "$root/$(dirname "$file")"
  printf '%b\n' "$text" >>"$root/$file"
  if output=$(bash "$check" "$root"); then
    echo "FAILED: $rule does not see: $file: ${text:0:80}"
    failed=1
  elif grep -qv "^$rule: " <<<"$output"; then
    echo "FAILED: $file: $text: expected $rule alone, got: ${output:0:200}"
    failed=1
  fi
}

sound_tree
bash "$check" "$root" || failed=1

expect include_direction storage/store.cc '#include "server/engine/other.h"'
expect include_direction storage/store.cc '#include "server/base/errors.h"'
expect include_direction server/anonymisation/sampler.cc '#include "server/engine/engine.h"'
expect include_direction server/engine/engine.cc '#include "server/rpc/other.h"'
expect include_direction server/days/released_cubes.cc '#include "storage/secrets/vault.h"'
expect include_direction server/days/released_cubes.h '#include "server/meetings/meeting_view.h"'
expect include_direction server/ops/metrics.h '#include "server/rpc/other.h"'
expect include_direction server/rpc/service.cc '#include "server/app/main.h"'
expect include_direction client/client.cc '#include "storage/store.h"'
expect include_direction client/client.cc '#include "retention/stored/v1/stored.pb.h"'
expect include_direction client/client.cc '#include "client/commands/command_line.h"'
expect include_direction server/engine/engine.cc '#include <rocksdb/db.h>'
expect include_direction server/engine/engine.cc '#include "storage/rocksdb/rocksdb_engine.h"'
expect include_direction tests/engine/engine_test.cc '#include <rocksdb/db.h>'
expect include_direction server/engine/engine.cc '#include <grpcpp/grpcpp.h>'
expect include_direction tests/engine/engine_test.cc '#include "retention/v1/event_service.grpc.pb.h"'
expect include_direction server/app/main.cc '#include <rocksdb/db.h>'
expect include_direction server/main.cc '#include "storage/store.h"'
expect include_circles tests/engine/harness.h '#include "tests/engine/engine_test.h"'
expect proto_keywords proto/retention/v1/event.proto '  google.type.Date from = 1;'
expect proto_originals proto/retention/v1/hold_service.proto '  rpc GetHold(GetHoldRequest) returns (GetHoldResponse);\nmessage GetHoldResponse {\n  repeated HeldCount kept = 2;'
expect proto_packages proto/retention/v1/hold.proto 'package retention.v1;\noption go_package = "retention/v1;retentionv1";'
expect proto_direction proto/retention/v1/event.proto 'import "retention/stored/v1/stored.proto";'
expect dead_files server/engine/forgotten.cc 'int x;'
expect dead_files server/engine/forgotten.h 'int x;'
expect dead_files server/engine/engin.cc 'int x;'
expect file_length storage/store.cc "$(printf '\\n%.0s' {1..600})"
expect unfinished storage/store.cc '// TO''DO: later'
expect unfinished deploy/notes.md 'FIX''ME'
expect machine_paths deploy/notes.md 'see /wo''rk/main'
expect package_hosts deploy/package-lock.json '"resol''ved": "https://example/buf.tgz"'
expect package_hosts deploy/npmrc 'https://regis''try.example.org/'
expect sleeping_tests tests/engine/engine_test.cc 'std::this_thread::sleep_''for(1s);'
expect sleeping_tests tests/engine/engine_test.cc 'usl''eep(1);'

if ((failed == 0)); then echo "structure: every rule can fail"; fi
exit "$failed"
