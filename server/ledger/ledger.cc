#include "server/ledger/ledger.h"

#include <openssl/sha.h>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "storage/keys.h"

namespace retention {
namespace {

std::string Serialized(const stored::v1::LedgerEntry& entry) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  entry.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

// The hash that `entry` must carry after an entry with hash `previous`.
std::string ChainHash(const std::string& previous, stored::v1::LedgerEntry entry) {
  entry.clear_hash();
  const std::string text = previous + Serialized(entry);
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const uint8_t*>(text.data()), text.size(), reinterpret_cast<uint8_t*>(hash.data()));
  return hash;
}

}  // namespace

absl::StatusOr<Ledger> Ledger::Open(const StoreView& store) {
  // Sequences are dense from 1: a doubling and a bisection find the end without reading the chain.
  const auto present = [&](uint64_t sequence) -> absl::StatusOr<bool> {
    auto row = store.Get(Family::kLedger, LedgerKey(sequence));
    if (!row.ok()) return row.status();
    return row->has_value();
  };
  uint64_t beyond = 1;
  for (;; beyond *= 2) {
    const auto found = present(beyond);
    if (!found.ok()) return found.status();
    if (!*found) break;
  }
  uint64_t last = beyond / 2;  // present, or 0
  while (beyond - last > 1) {
    const uint64_t middle = last + (beyond - last) / 2;
    const auto found = present(middle);
    if (!found.ok()) return found.status();
    (*found ? last : beyond) = middle;
  }
  Ledger ledger;
  ledger.next_ = last + 1;
  if (last == 0) return ledger;
  const auto row = store.Get(Family::kLedger, LedgerKey(last));
  if (!row.ok()) return row.status();
  stored::v1::LedgerEntry entry;
  if (!row->has_value() || !entry.ParseFromString(**row) || entry.sequence() != last) {
    return absl::DataLossError(absl::StrCat("ledger entry ", last, " does not parse"));
  }
  ledger.head_ = entry.hash();
  return ledger;
}

void Ledger::Append(stored::v1::LedgerEntry entry, absl::Time now, Batch& batch) {
  entry.set_sequence(next_);
  entry.set_time_us(absl::ToUnixMicros(now));
  entry.set_hash(ChainHash(head_, entry));
  head_ = entry.hash();
  batch.Put(Family::kLedger, LedgerKey(next_++), Serialized(entry));
}

absl::Status VerifyLedger(const StoreView& store, const std::function<void(const stored::v1::LedgerEntry&)>& visit) {
  std::string head(SHA256_DIGEST_LENGTH, '\0');
  uint64_t sequence = 1;
  auto cursor = store.Scan(Family::kLedger, LedgerKey(0), "");
  for (; cursor->Valid(); cursor->Next(), ++sequence) {
    stored::v1::LedgerEntry entry;
    if (!entry.ParseFromArray(cursor->value().data(), static_cast<int>(cursor->value().size())) ||
        entry.sequence() != sequence || cursor->key() != LedgerKey(sequence) ||
        entry.hash() != ChainHash(head, entry)) {
      return absl::DataLossError(absl::StrCat("the ledger is broken at entry ", sequence));
    }
    head = entry.hash();
    visit(entry);
  }
  return cursor->status();
}

}  // namespace retention
