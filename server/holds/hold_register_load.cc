// The register as the store has it.
#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/holds/hold_register.h"
#include "server/rows/row_keys.h"
#include "storage/keys.h"

namespace retention {
namespace {

absl::StatusOr<std::map<OwnerId, HoldCover>> ReadCovers(const StoreView& store) {
  std::map<OwnerId, HoldCover> covers;
  auto cursor = store.ScanPrefix(Family::kState, HoldCoverPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    const auto key = DecodeHoldCoverKey(cursor->key());
    stored::v1::HoldCoverEntry entry;
    if (!key.has_value() || !entry.ParseFromArray(cursor->value().data(), static_cast<int>(cursor->value().size()))) {
      return absl::DataLossError("what holds of a controller cover does not parse");
    }
    HoldCover& cover = covers[key->controller];
    if (entry.left_generation() == 0) {
      cover.present.insert(key->pbx);
    } else {
      cover.left.emplace(key->pbx, entry.left_generation());
      cover.generation = std::max(cover.generation, entry.left_generation());
    }
  }
  if (!cursor->status().ok()) return cursor->status();
  return covers;
}

absl::StatusOr<std::map<PbxId, HeldPbxEnd>> ReadHeldEnds(const StoreView& store) {
  std::map<PbxId, HeldPbxEnd> ended;
  auto cursor = store.ScanPrefix(Family::kState, HeldEndPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    const auto pbx = DecodeHeldEndKey(cursor->key());
    stored::v1::HeldEnd stored;
    if (!pbx.has_value() || !stored.ParseFromArray(cursor->value().data(), static_cast<int>(cursor->value().size())) ||
        (!stored.controller().empty() && stored.controller().size() != OwnerId::kBytes) ||
        stored.name().size() != OwnerId::kBytes) {
      return absl::DataLossError("the end of a PBX that holds cover does not parse");
    }
    HeldPbxEnd& end = ended[*pbx];
    if (!stored.controller().empty()) end.controller = OwnerId::From(stored.controller());
    end.name = OwnerId::From(stored.name());
  }
  if (!cursor->status().ok()) return cursor->status();
  return ended;
}

// False if they do not parse.
bool ReadTargets(const stored::v1::StoredHold& stored, std::vector<HoldTarget>& targets) {
  if (stored.owner_size() != 0 && stored.owner_size() != stored.pbx_size()) return false;
  for (int i = 0; i < stored.pbx_size(); ++i) {
    if (stored.pbx(i).size() != PbxId::kBytes) return false;
    HoldTarget& target = targets.emplace_back(HoldTarget{.pbx = PbxId::From(stored.pbx(i)), .owner = {}});
    if (stored.owner_size() == 0) continue;
    if (stored.owner(i).size() != OwnerId::kBytes) return false;
    target.owner = OwnerId::From(stored.owner(i));
  }
  return true;
}

absl::StatusOr<Hold> ReadHold(std::string_view key, std::string_view value, Vault& vault) {
  const auto number = DecodeHoldKey(key);
  if (!number.has_value()) return absl::DataLossError("a hold's key does not parse");
  auto plaintext = vault.OpenState(key, value);
  if (!plaintext.ok()) return plaintext.status();
  stored::v1::StoredHold stored;
  std::vector<HoldTarget> targets;
  if (!stored.ParseFromString(plaintext->Reveal()) || !ReadTargets(stored, targets)) {
    return absl::DataLossError("a hold does not parse");
  }
  Hold hold{.number = *number,
            .terms = stored.hold(),
            .created = absl::FromUnixMicros(stored.created_us()),
            .targets = std::move(targets),
            .generation = stored.generation(),
            .email = stored.email()};
  if (stored.released_us() != 0) hold.released = absl::FromUnixMicros(stored.released_us());
  return hold;
}

}  // namespace

absl::Status HoldRegister::Load(const StoreView& store, Vault& vault) {
  std::map<std::string, HoldPtr, std::less<>> holds;
  auto cursor = store.ScanPrefix(Family::kState, HoldPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    // In a copy from before it was done with; or its key is lost, and others are placed instead (Engine::ReplaceHolds).
    const auto gone = vault.IsStateGone(cursor->value());
    if (!gone.ok()) return gone.status();
    if (*gone) continue;
    auto hold = ReadHold(cursor->key(), cursor->value(), vault);
    if (!hold.ok()) return hold.status();
    std::string id = hold->terms.hold_id();
    holds.emplace(std::move(id), std::make_shared<const Hold>(*std::move(hold)));
  }
  if (!cursor->status().ok()) return cursor->status();
  auto stored = ReadCovers(store);
  if (!stored.ok()) return stored.status();
  auto ended = ReadHeldEnds(store);
  if (!ended.ok()) return ended.status();
  std::map<std::string, HoldCover> covers;
  for (const auto& [id, hold] : holds) {
    if (hold->Controller().empty()) continue;
    const auto [it, inserted] = covers.try_emplace(hold->Controller());
    if (inserted) it->second = std::move((*stored)[ControllerOwner(vault, hold->Controller())]);
    it->second.generation = std::max(it->second.generation, hold->generation);
  }
  const auto same = [](const auto& a, const auto& b) {
    return a.second->number == b.second->number && a.second->released == b.second->released &&
           a.second->terms.SerializeAsString() == b.second->terms.SerializeAsString();
  };
  const MutexLock lock(mutex_);
  if (covers != covers_ || !std::equal(holds.begin(), holds.end(), holds_.begin(), holds_.end(), same)) {
    version_.fetch_add(1);
  }
  changes_.fetch_add(1);
  holds_ = std::move(holds);
  by_pbx_.clear();
  by_controller_.clear();
  covers_.clear();
  controllers_of_.clear();
  ended_ = *std::move(ended);
  any_.store(false);
  for (auto& [controller, cover] : covers) IndexCover(controller, std::move(cover));
  for (const auto& [id, hold] : holds_) Index(hold);
  return absl::OkStatus();
}

}  // namespace retention
