#include "client/ledger/ledger_archive.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

constexpr char kCheckpointFile[] = "checkpoint";
constexpr size_t kLengthBytes = 2;

absl::Status Differs(const std::string& what) {
  return absl::DataLossError(absl::StrCat(what, " is not what the checkpoint says, or is damaged"));
}

// The leaves of a bundle; nothing if it is malformed.
std::vector<std::string> LeavesOf(const std::string& bundle) {
  std::vector<std::string> leaves;
  for (size_t at = 0; at < bundle.size();) {
    if (bundle.size() - at < kLengthBytes) return {};
    const size_t bytes = static_cast<uint8_t>(bundle[at]) << 8 | static_cast<uint8_t>(bundle[at + 1]);
    at += kLengthBytes;
    if (bundle.size() - at < bytes) return {};
    leaves.push_back(bundle.substr(at, bytes));
    at += bytes;
  }
  return leaves;
}

std::string RootOfTile(std::vector<std::string> hashes) {
  for (; hashes.size() > 1; hashes.resize(hashes.size() / 2)) {
    for (size_t i = 0; i < hashes.size() / 2; ++i) hashes[i] = HashOfNodes(hashes[2 * i], hashes[2 * i + 1]);
  }
  return hashes.front();
}

// A part that must be there.
absl::StatusOr<std::string> ReadPart(const fs::path& directory, const TilePart& part) {
  auto bytes = ReadArchived(directory, part.Path());
  if (absl::IsNotFound(bytes.status())) return absl::DataLossError(absl::StrCat(part.Path(), " is missing"));
  return bytes;
}

}  // namespace

std::string TilePart::Path() const {
  std::string number = absl::StrFormat("%03d", index % 1000);
  for (uint64_t rest = index / 1000; rest > 0; rest /= 1000) number = absl::StrFormat("x%03d/%s", rest % 1000, number);
  std::string path = absl::StrCat("tile/", entries ? std::string("entries") : absl::StrCat(level), "/", number);
  if (width < kTileHashes) absl::StrAppend(&path, ".p/", width);
  return path;
}

absl::Status ForEachPart(uint64_t size, const std::function<absl::Status(const TilePart&)>& take) {
  for (const bool entries : {true, false}) {
    uint64_t hashes = size;
    for (unsigned level = 0; hashes > 0; ++level, hashes /= kTileHashes) {
      for (uint64_t first = 0; first < hashes; first += kTileHashes) {
        const absl::Status status = take({.entries = entries,
                                          .level = level,
                                          .index = first / kTileHashes,
                                          .width = std::min(kTileHashes, hashes - first)});
        if (!status.ok()) return status;
      }
      if (entries) break;
    }
  }
  return absl::OkStatus();
}

absl::Status WriteArchived(const fs::path& directory, const std::string& path, const std::string& bytes) {
  const fs::path file = directory / path;
  const fs::path written = file.string() + ".tmp";
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  if (!error) {
    std::ofstream out(written, std::ios::binary);
    out << bytes;
    out.close();
    if (!out) error = std::error_code(errno, std::generic_category());
  }
  if (!error) fs::rename(written, file, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(file.string(), " cannot be written: ", error.message()));
}

absl::StatusOr<std::string> ReadArchived(const fs::path& directory, const std::string& path) {
  const fs::path file = directory / path;
  std::error_code error;
  if (!fs::exists(file, error)) return absl::NotFoundError(absl::StrCat(file.string(), " is missing"));
  std::ifstream in(file, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  if (!in || bytes.fail()) {
    return absl::UnavailableError(absl::StrCat(file.string(), " cannot be read: ", std::strerror(errno)));
  }
  return bytes.str();
}

absl::StatusOr<LedgerHead> VerifyArchive(const fs::path& directory, const LedgerKey& key) {
  const auto checkpoint = ReadArchived(directory, kCheckpointFile);
  if (!checkpoint.ok()) return checkpoint.status();
  auto head = VerifyCheckpoint(*checkpoint, key);
  if (!head.ok()) return head.status();
  GrowingTree tree;
  std::vector<std::string> hashes;  // of the level, from the entries or the tiles below
  std::vector<std::string> above;
  const auto take = [&](const TilePart& part) -> absl::Status {
    const auto bytes = ReadPart(directory, part);
    if (!bytes.ok()) return bytes.status();
    if (part.entries) {
      const auto leaves = LeavesOf(*bytes);
      if (leaves.size() != part.width) return Differs(part.Path());
      std::vector<std::string> leaf_hashes;
      for (const std::string& leaf : leaves) leaf_hashes.push_back(HashOfLeaf(leaf));
      // Beside the entries lie their hashes, so that it can be said which entry it is.
      TilePart beside = part;
      beside.entries = false;
      const auto tile = ReadPart(directory, beside);
      if (!tile.ok()) return tile.status();
      if (tile->size() != part.width * kHashBytes) return Differs(beside.Path());
      for (size_t i = 0; i < leaves.size(); ++i) {
        if (tile->compare(i * kHashBytes, kHashBytes, leaf_hashes[i]) != 0) {
          return Differs(
              absl::StrCat("entry ", part.index * kTileHashes + i + 1, " (", part.Path(), ", or ", beside.Path(), ")"));
        }
        tree.Add(leaf_hashes[i]);
      }
      if (part.width == kTileHashes) hashes.push_back(RootOfTile(std::move(leaf_hashes)));
      return absl::OkStatus();
    }
    if (part.level == 0) return absl::OkStatus();
    if (part.index == 0 && part.level > 1) hashes = std::exchange(above, {});
    std::string expected;
    const auto first = hashes.begin() + static_cast<std::ptrdiff_t>(part.index * kTileHashes);
    const std::vector<std::string> of_tile(first, first + static_cast<std::ptrdiff_t>(part.width));
    for (const std::string& hash : of_tile) expected += hash;
    if (*bytes != expected) return Differs(part.Path());
    if (part.width == kTileHashes) above.push_back(RootOfTile(of_tile));
    return absl::OkStatus();
  };
  if (absl::Status status = ForEachPart(head->size, take); !status.ok()) return status;
  if (tree.head() != *head) return Differs("the tree over all entries");
  return head;
}

}  // namespace retention
