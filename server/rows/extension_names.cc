#include "server/rows/extension_names.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/law/policy.h"
#include "server/rows/row_walk.h"

namespace retention {
namespace {

FiledKey ExtensionRow(const PbxId& pbx, const OwnerId& owner) {
  return {.day = DueDay::Open(), .category = kPbxSync, .pbx = pbx, .owner = owner};
}

// nullopt if there is no such row; one without anything in it if nobody can read it.
absl::StatusOr<std::optional<stored::v1::Value>> ReadValue(const StoreView& store, Vault& vault, const FiledKey& key) {
  const auto row = GetRow(store, key);
  if (!row.ok()) return row.status();
  if (!row->has_value()) return std::nullopt;
  stored::v1::Value value;
  const auto plaintext = vault.Open(key, **row);
  if (IsUnreadable(plaintext.status())) return value;
  if (!plaintext.ok()) return plaintext.status();
  if (!value.ParseFromString(plaintext->Reveal())) value.Clear();
  return value;
}

}  // namespace

FiledKey HolderKey(const PbxId& pbx, const OwnerId& holder) { return ExtensionRow(pbx, holder); }

FiledKey NumberKey(const Vault& vault, const PbxId& pbx, std::string_view number) {
  return ExtensionRow(pbx, OwnerId{vault.Hash("extension number", pbx.view(), number)});
}

FiledKey ExtensionIdKey(const Vault& vault, const PbxId& pbx, std::string_view id) {
  return ExtensionRow(pbx, OwnerId{vault.Hash("extension id", pbx.view(), id)});
}

OwnerId HolderOfNumber(const Vault& vault, const PbxId& pbx, std::string_view number, uint32_t nth) {
  return OwnerId{
      vault.Hash("extension", pbx.view(), absl::StrCat(absl::string_view(number.data(), number.size()), "\n", nth))};
}

Tenures Tenures::Parse(const stored::v1::Value& value) {
  Tenures tenures;
  tenures.holders = value.tenures().holders();
  for (const auto& stored : value.tenures().tenures()) {
    Tenure tenure{.from_us = stored.from_us(), .holder = {}};
    if (stored.holder().size() == OwnerId::kBytes) tenure.holder = OwnerId::From(stored.holder());
    tenures.all.push_back(tenure);
  }
  return tenures;
}

std::string Tenures::Serialize() const {
  stored::v1::Value value;
  value.mutable_tenures()->set_holders(holders);
  for (const Tenure& tenure : all) {
    auto& stored = *value.mutable_tenures()->add_tenures();
    stored.set_from_us(tenure.from_us);
    if (tenure.holder.has_value()) stored.set_holder(std::string(tenure.holder->view()));
  }
  return value.SerializeAsString();
}

std::optional<OwnerId> Tenures::At(int64_t time_us) const {
  for (auto tenure = all.rbegin(); tenure != all.rend(); ++tenure) {
    if (tenure->from_us <= time_us) return tenure->holder;
  }
  return std::nullopt;
}

void Tenures::Begin(int64_t from_us, std::optional<OwnerId> holder) {
  all.push_back({.from_us = from_us, .holder = holder});
  if (all.size() > kMaxTenures) all.erase(all.begin());
}

Tenures FirstTenures(const Vault& vault, const PbxId& pbx, std::string_view number) {
  return {.all = {{.from_us = 0, .holder = HolderOfNumber(vault, pbx, number, 0)}}, .holders = 1};
}

absl::StatusOr<std::optional<Tenures>> ReadTenures(const StoreView& store, Vault& vault, const FiledKey& key) {
  const auto value = ReadValue(store, vault, key);
  if (!value.ok()) return value.status();
  if (!value->has_value()) return std::nullopt;
  return Tenures::Parse(**value);
}

absl::StatusOr<std::optional<v1::Extension>> ReadExtension(const StoreView& store, Vault& vault, const PbxId& pbx,
                                                           const OwnerId& holder) {
  const auto value = ReadValue(store, vault, HolderKey(pbx, holder));
  if (!value.ok()) return value.status();
  if (!value->has_value() || !(*value)->has_pbx_extension()) return std::nullopt;
  return (*value)->pbx_extension();
}

absl::StatusOr<HolderFate> FateOfHolder(const StoreView& store, Vault& vault, const PbxId& pbx, const OwnerId& holder,
                                        int64_t told_us) {
  const FiledKey key = HolderKey(pbx, holder);
  const auto row = GetRow(store, key);
  if (!row.ok()) return row.status();
  if (!row->has_value()) return HolderFate::kUnknown;
  if (Vault::ValueCount(**row) == 0) return HolderFate::kRemoved;
  const auto value = ReadValue(store, vault, key);
  if (!value.ok()) return value.status();
  const int64_t ended_us = value->has_value() ? (*value)->life().ended_us() : 0;
  return ended_us != 0 && told_us <= ended_us ? HolderFate::kRemoved : HolderFate::kHeld;
}

absl::StatusOr<std::optional<OwnerId>> FindHolder(const StoreView& store, Vault& vault, const PbxId& pbx,
                                                  const ExtensionName& name, int64_t time_us) {
  if (!name.id.empty()) {
    const auto tenures = ReadTenures(store, vault, ExtensionIdKey(vault, pbx, name.id));
    if (!tenures.ok()) return tenures.status();
    if (tenures->has_value()) {
      if (const auto holder = (*tenures)->At(time_us)) return holder;
    }
  }
  if (name.number.empty()) return std::nullopt;
  auto tenures = ReadTenures(store, vault, NumberKey(vault, pbx, name.number));
  if (!tenures.ok()) return tenures.status();
  if (!tenures->has_value()) *tenures = FirstTenures(vault, pbx, name.number);
  const auto holder = (*tenures)->At(time_us);
  if (!holder.has_value() || name.id.empty()) return holder;
  // Somebody else is known to be there: the one who is meant is to come.
  const auto extension = ReadExtension(store, vault, pbx, *holder);
  if (!extension.ok()) return extension.status();
  const bool is_other =
      extension->has_value() && !(*extension)->extension_id().empty() && (*extension)->extension_id() != name.id;
  return is_other ? HolderOfNumber(vault, pbx, name.number, (*tenures)->holders) : *holder;
}

}  // namespace retention
