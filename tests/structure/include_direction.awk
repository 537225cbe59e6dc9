# Reads `file:line:#include ...` and prints what points the wrong way:
#
#   proto <- storage <- server/{anonymisation,ledger} <- server/engine <- server/ops <- server/rpc <- server/main.cc
#   client -> proto only
#
# server/engine/errors.h stands below all of server/.
BEGIN {
  may["errors"] = " errors "
  may["storage"] = " storage proto stored "
  may["anonymisation"] = " anonymisation errors storage proto stored "
  may["ledger"] = " ledger errors storage proto stored "
  may["engine"] = " engine anonymisation ledger errors storage proto stored "
  may["ops"] = " ops" may["engine"]
  may["rpc"] = " rpc" may["ops"]
  may["main"] = " main" may["rpc"]
  may["client"] = " client proto "
}

function LayerOf(path) {
  if (path ~ /^server\/engine\/errors\./) return "errors"
  if (path ~ /^server\/(anonymisation|ledger|engine|ops|rpc)\//) { split(path, part, "/"); return part[2] }
  if (path ~ /^server\//) return "main"
  if (path ~ /^(storage|client|tests)\//) { split(path, part, "/"); return part[1] }
  if (path ~ /^retention\/stored\//) return "stored"
  if (path ~ /^(retention|google)\/.*\.pb\.h$/) return "proto"
  return ""
}

{
  file = $0
  sub(/:.*/, "", file)
  target = $0
  sub(/^[^<"]*[<"]/, "", target)
  sub(/[>"].*/, "", target)
  place = $0
  sub(/:[^:]*$/, "", place)
  place = file ":" substr($0, length(file) + 2)
  sub(/#.*/, "", place)

  from = LayerOf(file)
  to = LayerOf(target)
  if (from in may && to != "" && index(may[from], " " to " ") == 0) {
    print place " " target " (" from " does not include " to ")"
  }
  of_rocksdb = target ~ /^rocksdb\// || (target ~ /^storage\/rocksdb_/ && target != "storage/rocksdb_store.h")
  if (of_rocksdb && file !~ /^(storage|tests\/storage|tests\/testing)\//) {
    print place " " target " (RocksDB stays in storage/)"
  }
  if (target ~ /^grpc/ || target ~ /\.grpc\.pb\.h$/) {
    if (file !~ /^(server\/rpc|client|tests\/(rpc|client|bench|crash|privacy))\// && file != "server/main.cc") {
      print place " " target " (gRPC stays in server/rpc, server/main.cc and client/)"
    }
  }
}
