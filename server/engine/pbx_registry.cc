#include "server/engine/pbx_registry.h"

#include <algorithm>

#include "absl/strings/string_view.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/engine/policy.h"
#include "storage/keys.h"

namespace retention {

FiledKey PbxRecordKey(const PbxId& pbx) { return {.day = DueDay::Open(), .category = kPbxSync, .pbx = pbx}; }

FiledKey ExtensionKey(const Vault& vault, const PbxId& pbx, std::string_view number) {
  return {.day = DueDay::Open(),
          .category = kPbxSync,
          .pbx = pbx,
          .owner = OwnerId{vault.Hash("extension", pbx.view(), number)}};
}

std::string ExtensionName(const Vault& vault, const PbxId& pbx, std::string_view number) {
  return number.empty() ? std::string() : std::string(ExtensionKey(vault, pbx, number).owner.view());
}

absl::Status PbxRegistry::Load(const StoreView& store, Vault& vault) {
  std::map<std::string, PbxId, std::less<>> known;
  std::vector<PbxId> ending;
  auto cursor = store.ScanPrefix(Family::kState, PbxEntryPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    stored::v1::PbxEntry entry;
    if (!entry.ParseFromArray(cursor->value().data(), static_cast<int>(cursor->value().size())) ||
        entry.pbx().size() != PbxId::kBytes) {
      return absl::DataLossError("a row of the PBX registry does not parse");
    }
    const PbxId pbx = PbxId::From(entry.pbx());
    if (entry.ending()) {
      ending.push_back(pbx);
      continue;
    }
    const FiledKey key = PbxRecordKey(pbx);
    auto row = store.Get(Family::kFiled, key.Encode());
    if (!row.ok()) return row.status();
    if (!row->has_value()) return absl::DataLossError("a PBX has no record");
    auto plaintext = vault.Open(key, **row);
    if (!plaintext.ok()) return plaintext.status();
    stored::v1::Value value;
    if (!value.ParseFromString(plaintext->Reveal())) return absl::DataLossError("a PBX record does not parse");
    known.emplace(value.pbx().pbx_id(), pbx);
  }
  std::unique_lock lock(mutex_);
  known_ = std::move(known);
  index_.clear();
  names_.clear();
  for (const auto& [id, pbx] : known_) {
    index_.emplace(id, pbx);
    names_.emplace(pbx, id);
  }
  ending_ = std::move(ending);
  return cursor->status();
}

std::optional<PbxId> PbxRegistry::Find(std::string_view pbx_id) const {
  std::shared_lock lock(mutex_);
  const auto it = index_.find(absl::string_view(pbx_id.data(), pbx_id.size()));
  if (it == index_.end()) return std::nullopt;
  return it->second;
}

std::string PbxRegistry::ExternalId(const PbxId& pbx) const {
  std::shared_lock lock(mutex_);
  const auto it = names_.find(pbx);
  return it == names_.end() ? std::string() : it->second;
}

std::vector<std::pair<std::string, PbxId>> PbxRegistry::List(std::string_view after, size_t limit) const {
  std::shared_lock lock(mutex_);
  std::vector<std::pair<std::string, PbxId>> page;
  for (auto it = known_.upper_bound(after); it != known_.end() && page.size() < limit; ++it) page.push_back(*it);
  return page;
}

std::vector<PbxId> PbxRegistry::Ending() const {
  std::shared_lock lock(mutex_);
  return ending_;
}

size_t PbxRegistry::size() const {
  std::shared_lock lock(mutex_);
  return known_.size();
}

void PbxRegistry::Insert(std::string_view pbx_id, const PbxId& pbx) {
  std::unique_lock lock(mutex_);
  known_.emplace(std::string(pbx_id), pbx);
  index_.emplace(std::string(pbx_id), pbx);
  names_.emplace(pbx, std::string(pbx_id));
}

void PbxRegistry::Erase(std::string_view pbx_id) {
  std::unique_lock lock(mutex_);
  const auto it = known_.find(pbx_id);
  if (it == known_.end()) return;
  ending_.push_back(it->second);
  names_.erase(it->second);
  index_.erase(it->first);
  known_.erase(it);
}

void PbxRegistry::FinishEnding(const PbxId& pbx) {
  std::unique_lock lock(mutex_);
  std::erase(ending_, pbx);
}

}  // namespace retention
