#include "server/ledger/leaf.h"

#include <limits>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;

// Do not change: see FORMAT.md.
constexpr char kVersion2 = 2;
constexpr char kVersion1Tag = 0x08;  // of field 1, its sequence, which is never 0
constexpr uint64_t kFirstStep = 10;

std::string Serialized(const LedgerEntry& entry) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  entry.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

std::optional<LedgerEntry> Parsed(std::string_view bytes) {
  LedgerEntry entry;
  if (!entry.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || entry.sequence() == 0) return std::nullopt;
  return entry;
}

}  // namespace

std::string LeafOf(const LedgerEntry& entry) { return std::string(1, kVersion2) + Serialized(entry); }

std::optional<LedgerEntry> ReadLeaf(std::string_view leaf) {
  if (leaf.empty() || leaf.size() > kLeafBytesMax) return std::nullopt;
  const bool is_first_version = leaf.front() == kVersion1Tag;
  if (!is_first_version && leaf.front() != kVersion2) return std::nullopt;
  const std::string_view message = is_first_version ? leaf : leaf.substr(1);
  auto entry = Parsed(message);
  if (!entry.has_value() || !entry->hash().empty() || Serialized(*entry) != message) return std::nullopt;
  return entry;
}

std::string RowOf(std::string_view leaf, std::string_view hash) {
  if (leaf.empty() || leaf.front() != kVersion1Tag) return std::string(leaf).append(hash);
  LedgerEntry entry = Parsed(leaf).value_or(LedgerEntry());
  entry.set_hash(std::string(hash));
  return Serialized(entry);
}

std::optional<LedgerRow> ReadRow(std::string_view row) {
  if (row.empty()) return std::nullopt;
  if (row.front() == kVersion1Tag) {
    auto entry = Parsed(row);
    if (!entry.has_value() || entry->hash().size() != kLedgerHashBytes) return std::nullopt;
    const std::string hash = entry->hash();
    entry->clear_hash();
    return LedgerRow{.leaf = Serialized(*entry), .hash = hash, .entry = *std::move(entry)};
  }
  if (row.size() <= kLedgerHashBytes) return std::nullopt;
  const std::string_view leaf = row.substr(0, row.size() - kLedgerHashBytes);
  auto entry = ReadLeaf(leaf);
  if (!entry.has_value()) return std::nullopt;
  return LedgerRow{.leaf = std::string(leaf), .hash = std::string(row.substr(leaf.size())), .entry = *std::move(entry)};
}

uint64_t LedgerStep(uint64_t count) {
  if (count == 0) return 0;
  uint64_t decade = kFirstStep;
  while (decade < count && decade <= std::numeric_limits<uint64_t>::max() / 100) {
    for (const uint64_t step : {2 * decade, 5 * decade}) {
      if (count <= step) return step;
    }
    decade *= 10;
  }
  return decade;
}

uint64_t LedgerSize(v1::DataCategory category, uint64_t values) {
  switch (category) {
    case v1::DATA_CATEGORY_PBX_SYNC:
    case v1::DATA_CATEGORY_DIAL_IN:
    case v1::DATA_CATEGORY_SERVER_LOG:
    case v1::DATA_CATEGORY_STATISTICS:
      return values;
    default:
      return LedgerStep(values);
  }
}

}  // namespace retention
