# Reads `file:line:#include ...` and prints what points the wrong way. A folder may include itself and those that stand
# before it in its order:
#
#   proto < storage < storage/secrets, and storage < storage/rocksdb
#   the folders of server/ in the order of `server_folders` below, over storage/, storage/secrets/ and text/
#   client/ over the API and text/ alone, its folders in the order of `client_folders`
BEGIN {
  server_folders = "base ledger law anonymisation rows meetings logs orders holds controllers pbxs recording policies days engine access ops rpc app"
  client_folders = "simulation importers ledger notice objects commands"
  May("proto", "proto")
  May("stored", "proto stored")
  May("storage", "proto stored storage")
  May("storage/secrets", "proto stored storage storage/secrets")
  May("storage/rocksdb", "proto stored storage storage/rocksdb")
  May("text", "text")
  below = "proto stored storage storage/secrets text"
  count = split(server_folders, folder, " ")
  for (i = 1; i <= count; ++i) {
    below = below " server/" folder[i]
    May("server/" folder[i], below)
  }
  # Only the composition root knows which store it is.
  May("server/app", below " storage/rocksdb")
  # Pure: they know no store's rows.
  May("server/law", "proto stored storage server/base server/ledger server/law")
  May("server/anonymisation", "proto stored storage server/base server/anonymisation")
  below = "proto text client"
  May("client", below)
  count = split(client_folders, folder, " ")
  for (i = 1; i <= count; ++i) {
    below = below " client/" folder[i]
    May("client/" folder[i], below)
  }
}

function May(from, to) { may[from] = " " to " " }

function LayerOf(path, parts) {
  if (path ~ /^retention\/stored\//) return "stored"
  if (path ~ /^(retention|google)\/.*\.pb\.h$/) return "proto"
  if (path !~ /^(storage|text|server|client)\//) return ""
  sub(/\/[^\/]*$/, "", path)
  return path
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
  if (from != "" && !(from in may)) print place " " from " has no place in the order of folders"
  if (from in may && to != "" && index(may[from], " " to " ") == 0) {
    print place " " target " (" from " does not include " to ")"
  }
  # The way from a question to its answer (I9): cubes and public lists, and nothing that could open or show a row.
  if (file ~ /^server\/days\/released_cubes\./ && target ~ /^(storage\/secrets|server)\// &&
      target !~ /^server\/(anonymisation|base|law\/(cohort_days|policy)\.h|days\/released_cubes)/) {
    print place " " target " (answers come from released cubes alone)"
  }
  if (target ~ /^rocksdb\// && file !~ /^(storage\/rocksdb|tests\/storage|tests\/testing)\//) {
    print place " " target " (RocksDB stays in storage/rocksdb/)"
  }
  if (target ~ /^grpc/ || target ~ /\.grpc\.pb\.h$/) {
    if (file !~ /^(server\/rpc|server\/app|client|tests\/(rpc|client|bench|crash|privacy))\//) {
      print place " " target " (gRPC stays in server/rpc/, server/app/ and client/)"
    }
  }
}
