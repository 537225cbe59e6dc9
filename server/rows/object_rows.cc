#include "server/rows/object_rows.h"

#include <string>

namespace retention {

absl::Status VisitObjects(
    const StoreView& store, Vault& vault, std::string_view prefix,
    absl::FunctionRef<absl::Status(const FiledKey& key, stored::v1::Value& value, uint32_t values)> visit) {
  auto cursor = store.ScanPrefix(Family::kFiled, std::string(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    const auto key = FiledKey::Decode(cursor->key());
    if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
    auto plaintext = vault.Open(*key, cursor->value());
    if (!plaintext.ok() && !absl::IsDataLoss(plaintext.status())) return plaintext.status();
    stored::v1::Value value;
    if (plaintext.ok() && !value.ParseFromString(plaintext->Reveal())) value.Clear();
    if (absl::Status status = visit(*key, value, Vault::ValueCount(cursor->value())); !status.ok()) return status;
  }
  return cursor->status();
}

}  // namespace retention
