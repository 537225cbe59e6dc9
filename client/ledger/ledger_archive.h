// A ledger as files, laid out as c2sp.org/tlog-tiles has them: `checkpoint`, `tile/<level>/<index>[.p/<width>]` and
// `tile/entries/<index>[.p/<width>]`. Any web server can serve them, and whoever has them can verify all of it without
// the server that they are of.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/ledger/ledger_proofs.h"

namespace retention {

inline constexpr uint64_t kTileHashes = 256;

// Which part of a ledger: the entries, or hashes of a level.
struct TilePart {
  bool entries = false;
  unsigned level = 0;
  uint64_t index = 0;
  uint64_t width = kTileHashes;

  // "tile/entries/x001/x234/067.p/12".
  std::string Path() const;
};

// Calls `take` for all parts of a ledger of so many entries, until it fails.
absl::Status ForEachPart(uint64_t size, const std::function<absl::Status(const TilePart&)>& take);

// Writes a file of it, as a whole or not at all. UNAVAILABLE if it cannot.
absl::Status WriteArchived(const std::filesystem::path& directory, const std::string& path, const std::string& bytes);
// NOT_FOUND if there is none; UNAVAILABLE if it cannot be read.
absl::StatusOr<std::string> ReadArchived(const std::filesystem::path& directory, const std::string& path);

// Reads all of it. DATA_LOSS naming the first file or entry that is missing, or is not what the signed checkpoint says.
absl::StatusOr<LedgerHead> VerifyArchive(const std::filesystem::path& directory, const LedgerKey& key);

}  // namespace retention
