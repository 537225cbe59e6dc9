#include "server/pbxs/extension_book.h"

#include <algorithm>
#include <utility>

#include "server/rows/row_walk.h"

namespace retention {

absl::Status ExtensionBook::ReadAll() {
  all_.emplace();
  const auto read = [&](const FiledKey& key, std::string_view envelope) {
    if (key.owner != OwnerId{}) all_->emplace(key.owner, envelope);  // else the record of the PBX
    return absl::OkStatus();
  };
  absl::Status status = VisitRows(holdings_.store, FiledPrefix(DueDay::Open(), kPbxSync, pbx_), read);
  if (!status.ok()) return status;
  for (const auto& [owner, envelope] : *all_) {
    if (Vault::ValueCount(envelope) == 0) continue;  // tenures, or a mark
    if (const auto held = Held(owner); !held.ok()) return held.status();
  }
  return absl::OkStatus();
}

std::vector<const HeldExtension*> ExtensionBook::All() const {
  std::vector<const HeldExtension*> all;
  all.reserve(held_.size());
  for (const auto& [holder, held] : held_) all.push_back(&held);
  return all;
}

absl::StatusOr<std::optional<std::string>> ExtensionBook::Row(const OwnerId& owner) const {
  if (!all_.has_value()) return GetRow(holdings_.store, HolderKey(pbx_, owner));
  const auto found = all_->find(owner);
  return found == all_->end() ? std::nullopt : std::make_optional(found->second);
}

absl::StatusOr<stored::v1::Value> ExtensionBook::Open(const OwnerId& owner, std::string_view envelope) const {
  auto opened = holdings_.vault.Open(HolderKey(pbx_, owner), envelope);
  if (!opened.ok()) return opened.status();
  stored::v1::Value value;
  if (!value.ParseFromString(opened->Reveal())) return absl::DataLossError("an extension does not parse");
  return value;
}

absl::StatusOr<const HeldExtension*> ExtensionBook::Held(const OwnerId& holder) {
  if (const auto known = held_.find(holder); known != held_.end()) return &known->second;
  auto row = Row(holder);
  if (!row.ok()) return row.status();
  if (!row->has_value() || Vault::ValueCount(**row) == 0) return nullptr;
  auto value = Open(holder, **row);
  if (!value.ok()) return value.status();
  HeldExtension held{.holder = holder,
                     .envelope = *std::move(*row),
                     .time_us = value->time_us(),
                     .life = value->life(),
                     .extension = std::move(*value->mutable_pbx_extension())};
  return &held_.emplace(holder, std::move(held)).first->second;
}

absl::StatusOr<ExtensionBook::Name*> ExtensionBook::NameIn(const FiledKey& key) {
  if (const auto known = names_.find(key.owner); known != names_.end()) return &known->second;
  auto row = Row(key.owner);
  if (!row.ok()) return row.status();
  if (!row->has_value()) return nullptr;
  auto value = Open(key.owner, **row);
  if (!value.ok()) return value.status();
  Name name{.tenures = Tenures::Parse(*value), .is_stored = true};
  if (name.tenures.all.empty()) return absl::DataLossError("tenures of an extension do not parse");
  return &names_.emplace(key.owner, std::move(name)).first->second;
}

absl::StatusOr<bool> ExtensionBook::IsTheirs(std::string_view number, const OwnerId& holder) {
  const auto row = Row(holder);
  if (!row.ok()) return row.status();
  if (!row->has_value()) return true;
  const auto held = Held(holder);
  if (!held.ok()) return held.status();
  return *held != nullptr && (*held)->extension.number() == number;
}

absl::StatusOr<ExtensionBook::Name*> ExtensionBook::Number(std::string_view number) {
  const FiledKey key = NumberKey(holdings_.vault, pbx_, number);
  auto name = NameIn(key);
  if (!name.ok() || *name != nullptr) return name;
  Name first{.tenures = FirstTenures(holdings_.vault, pbx_, number), .is_stored = false};
  // Who had it first may have left it all the same: in a copy of the store the row that says so can be gone.
  Tenures& tenures = first.tenures;
  for (;;) {
    const auto is_theirs = IsTheirs(number, *tenures.all.back().holder);
    if (!is_theirs.ok()) return is_theirs.status();
    if (*is_theirs) break;
    tenures.all.back().holder = HolderOfNumber(holdings_.vault, pbx_, number, tenures.holders++);
  }
  return &names_.emplace(key.owner, std::move(first)).first->second;
}

absl::StatusOr<const HeldExtension*> ExtensionBook::At(std::string_view number) {
  const auto name = Number(number);
  if (!name.ok()) return name.status();
  return Held(*(*name)->tenures.all.back().holder);
}

absl::StatusOr<const HeldExtension*> ExtensionBook::WithId(std::string_view id) {
  if (id.empty()) return nullptr;
  const auto name = NameIn(ExtensionIdKey(holdings_.vault, pbx_, id));
  if (!name.ok()) return name.status();
  if (*name == nullptr) return nullptr;
  const auto& holder = (*name)->tenures.all.back().holder;
  return holder.has_value() ? Held(*holder) : nullptr;
}

absl::StatusOr<const HeldExtension*> ExtensionBook::HadNumber(std::string_view number, int64_t time_us) {
  if (number.empty()) return nullptr;
  const auto name = Number(number);
  if (!name.ok()) return name.status();
  const auto holder = (*name)->tenures.At(time_us - 1);
  if (!holder.has_value()) return nullptr;
  const auto held = Held(*holder);
  if (!held.ok() || *held == nullptr) return held;
  // Who left it in that very instant had left it.
  const bool has_left = (*held)->extension.number() != number && (*held)->time_us == time_us;
  return has_left ? nullptr : *held;
}

absl::StatusOr<const HeldExtension*> ExtensionBook::HadId(std::string_view id, int64_t time_us) {
  if (id.empty()) return nullptr;
  const auto name = NameIn(ExtensionIdKey(holdings_.vault, pbx_, id));
  if (!name.ok()) return name.status();
  if (*name == nullptr) return nullptr;
  const auto holder = (*name)->tenures.At(time_us - 1);
  return holder.has_value() ? Held(*holder) : nullptr;
}

absl::StatusOr<bool> ExtensionBook::IsLastTenure(std::string_view number, int64_t time_us) {
  const auto name = Number(number);
  if (!name.ok()) return name.status();
  return (*name)->tenures.all.back().from_us < time_us;
}

absl::StatusOr<bool> ExtensionBook::MovedInAfter(const HeldExtension& who, std::string_view number, int64_t time_us) {
  const auto is_last = IsLastTenure(number, time_us);
  if (!is_last.ok()) return is_last.status();
  return *is_last && who.extension.number() == number && who.life.there_us() > time_us &&
         who.life.there_us() > who.life.came_us();
}

absl::StatusOr<int64_t> ExtensionBook::RemovedAt(std::string_view id) {
  if (id.empty()) return 0;
  const auto name = NameIn(ExtensionIdKey(holdings_.vault, pbx_, id));
  if (!name.ok()) return name.status();
  if (*name == nullptr) return 0;
  const Tenure& last = (*name)->tenures.all.back();
  return last.holder.has_value() ? 0 : last.from_us;
}

absl::StatusOr<int64_t> ExtensionBook::LastSaidOf(std::string_view number) {
  const auto name = Number(number);
  if (!name.ok()) return name.status();
  const auto held = At(number);
  if (!held.ok()) return held.status();
  const int64_t from_us = (*name)->tenures.all.back().from_us;
  return *held == nullptr ? from_us : std::max(from_us, (*held)->time_us);
}

absl::Status ExtensionBook::LeaveNumber(const std::string& number, int64_t time_us) {
  const auto name = Number(number);
  if (!name.ok()) return name.status();
  Tenures& tenures = (*name)->tenures;
  tenures.Begin(time_us, HolderOfNumber(holdings_.vault, pbx_, number, tenures.holders++));
  changed_names_.insert(NumberKey(holdings_.vault, pbx_, number).owner);
  return absl::OkStatus();
}

absl::Status ExtensionBook::LeaveId(const std::string& id, int64_t time_us) {
  if (id.empty()) return absl::OkStatus();
  const FiledKey key = ExtensionIdKey(holdings_.vault, pbx_, id);
  const auto name = NameIn(key);
  if (!name.ok()) return name.status();
  if (*name == nullptr) {
    // Its key is gone: what it said before is not known any more.
    names_.emplace(key.owner, Name{.tenures = {.all = {{.from_us = time_us, .holder = {}}}}, .is_stored = false});
  } else {
    (*name)->tenures.Begin(time_us, std::nullopt);
  }
  changed_names_.insert(key.owner);
  return absl::OkStatus();
}

absl::StatusOr<ExtensionBook::Coming> ExtensionBook::ComeTo(const std::string& number,
                                                            const std::optional<OwnerId>& holder) {
  const auto name = Number(number);
  if (!name.ok()) return name.status();
  Tenures& tenures = (*name)->tenures;
  if (!holder.has_value()) return Coming{.holder = *tenures.all.back().holder};
  tenures.all.back().holder = holder;
  // Who comes back to their own number was never away from it.
  const bool is_back = tenures.all.size() > 1 && tenures.all[tenures.all.size() - 2].holder == holder;
  if (is_back) tenures.all.pop_back();
  changed_names_.insert(NumberKey(holdings_.vault, pbx_, number).owner);
  return Coming{.holder = *holder, .is_back = is_back};
}

absl::Status ExtensionBook::TakeId(const std::string& id, const OwnerId& holder) {
  const FiledKey key = ExtensionIdKey(holdings_.vault, pbx_, id);
  auto name = NameIn(key);
  if (!name.ok()) return name.status();
  if (*name == nullptr) {
    Name first{.tenures = {.all = {{.from_us = 0, .holder = holder}}}, .is_stored = false};
    *name = &names_.emplace(key.owner, std::move(first)).first->second;
  } else {
    (*name)->tenures.all.back().holder = holder;
  }
  changed_names_.insert(key.owner);
  return absl::OkStatus();
}

absl::Status ExtensionBook::Put(const HeldExtension* former, const OwnerId& holder, const v1::Extension& extension,
                                int64_t time_us, bool is_back) {
  stored::v1::Value value;
  value.set_time_us(time_us);
  stored::v1::ExtensionLife& life = *value.mutable_life();
  if (former == nullptr) {
    life.set_came_us(time_us);
    life.set_there_us(time_us);
  } else {
    life = former->life;
    if (is_back) life.clear_there_us();
    if (!is_back && former->extension.number() != extension.number()) life.set_there_us(time_us);
  }
  *value.mutable_pbx_extension() = extension;
  Personal text(value.SerializeAsString());
  const FiledKey key = HolderKey(pbx_, holder);
  if (former == nullptr) {
    change_.File(key, std::move(text), 1);
  } else if (former->extension.SerializeAsString() == extension.SerializeAsString()) {
    change_.Rewrite(key, std::move(text), 1);
  } else {
    return change_.Replace(key, std::move(text), 1);
  }
  return absl::OkStatus();
}

absl::Status ExtensionBook::End(const HeldExtension& held, std::string_view reason) {
  const FiledKey key = HolderKey(pbx_, held.holder);
  if (absl::Status s = change_.Drop(key, held.envelope, "", reason); !s.ok()) return s;
  // A mark meets what comes late of theirs.
  change_.File(key, Personal(std::string()), 0);
  return absl::OkStatus();
}

void ExtensionBook::PutNames() {
  for (const OwnerId& owner : changed_names_) {
    Name& name = names_.at(owner);
    Personal text(name.tenures.Serialize());
    if (name.is_stored) {
      change_.Rewrite(HolderKey(pbx_, owner), std::move(text), 0);
    } else {
      change_.File(HolderKey(pbx_, owner), std::move(text), 0);
    }
    name.is_stored = true;
  }
  changed_names_.clear();
}

absl::StatusOr<EndedHolders> ExtensionBook::Rearrange(std::span<const Arrival> arrivals,
                                                      std::span<const HeldExtension* const> ending, int64_t time_us,
                                                      std::string_view reason) {
  EndedHolders ended;
  for (const HeldExtension* held : ending) {
    if (absl::Status s = LeaveNumber(held->extension.number(), time_us); !s.ok()) return s;
    if (absl::Status s = LeaveId(held->extension.extension_id(), time_us); !s.ok()) return s;
    if (absl::Status s = End(*held, reason); !s.ok()) return s;
    ended.emplace(held->holder.view(), kLastSaid);
  }
  const auto moves = [](const Arrival& arrival) {
    return arrival.who != nullptr && arrival.who->extension.number() != arrival.extension.number();
  };
  for (const Arrival& arrival : arrivals) {
    if (!moves(arrival)) continue;
    if (absl::Status s = LeaveNumber(arrival.who->extension.number(), time_us); !s.ok()) return s;
  }
  for (const Arrival& arrival : arrivals) {
    const v1::Extension& extension = arrival.extension;
    std::optional<OwnerId> holder;
    bool is_back = false;
    if (arrival.who != nullptr) holder = arrival.who->holder;
    if (arrival.who == nullptr || moves(arrival)) {
      const auto came = ComeTo(extension.number(), holder);
      if (!came.ok()) return came.status();
      holder = came->holder;
      is_back = came->is_back;
    }
    const std::string& id = extension.extension_id();
    if (!id.empty() && (arrival.who == nullptr || arrival.who->extension.extension_id() != id)) {
      if (absl::Status s = TakeId(id, *holder); !s.ok()) return s;
    }
    if (absl::Status s = Put(arrival.who, *holder, extension, time_us, is_back); !s.ok()) return s;
  }
  PutNames();
  return ended;
}

absl::StatusOr<EndedHolders> ExtensionBook::RemoveUnknown(std::string_view number, int64_t time_us) {
  const auto name = Number(number);
  if (!name.ok()) return name.status();
  const OwnerId holder = *(*name)->tenures.all.back().holder;
  if (absl::Status s = LeaveNumber(std::string(number), time_us); !s.ok()) return s;
  change_.File(HolderKey(pbx_, holder), Personal(std::string()), 0);
  PutNames();
  return EndedHolders{{std::string(holder.view()), kLastSaid}};
}

bool ExtensionBook::EndUntil(const HeldExtension& held, int64_t until_us) {
  if (until_us <= held.life.ended_us()) return false;
  stored::v1::Value value;
  value.set_time_us(held.time_us);
  *value.mutable_life() = held.life;
  value.mutable_life()->set_ended_us(until_us);
  *value.mutable_pbx_extension() = held.extension;
  change_.Rewrite(HolderKey(pbx_, held.holder), Personal(value.SerializeAsString()), 1);
  held_.at(held.holder).life.set_ended_us(until_us);
  return true;
}

absl::StatusOr<EndedHolders> ExtensionBook::PassThrough(std::string_view number, const std::optional<OwnerId>& holder,
                                                        int64_t until_us) {
  if (!holder.has_value()) return RemoveUnknown(number, until_us);
  if (const auto came = ComeTo(std::string(number), holder); !came.ok()) return came.status();
  if (absl::Status s = LeaveNumber(std::string(number), until_us); !s.ok()) return s;
  PutNames();
  return EndedHolders();
}

absl::Status ExtensionBook::BeginTenure(const HeldExtension& mover) {
  const auto name = Number(mover.extension.number());
  if (!name.ok()) return name.status();
  Tenures& tenures = (*name)->tenures;
  const OwnerId gone = HolderOfNumber(holdings_.vault, pbx_, mover.extension.number(), tenures.holders++);
  tenures.all.back().holder = gone;
  tenures.Begin(mover.life.there_us(), mover.holder);
  change_.File(HolderKey(pbx_, gone), Personal(std::string()), 0);
  changed_names_.insert(NumberKey(holdings_.vault, pbx_, mover.extension.number()).owner);
  PutNames();
  return absl::OkStatus();
}

absl::Status ExtensionBook::CloseId(const std::string& id, int64_t time_us) {
  const auto removed = RemovedAt(id);
  if (!removed.ok() || *removed >= time_us) return removed.status();
  if (absl::Status s = LeaveId(id, time_us); !s.ok()) return s;
  PutNames();
  return absl::OkStatus();
}

absl::StatusOr<EndedHolders> ExtensionBook::CloseNumber(std::string_view number, int64_t time_us) {
  const auto there = At(number);
  if (!there.ok()) return there.status();
  if (*there != nullptr) return EndedHolders();
  const auto name = Number(number);
  if (!name.ok()) return name.status();
  std::vector<Tenure>& all = (*name)->tenures.all;
  if (all.size() == 1) return RemoveUnknown(number, time_us);
  const auto former = Held(*all[all.size() - 2].holder);
  if (!former.ok()) return former.status();
  if (*former != nullptr) return RemoveUnknown(number, time_us);
  // What named it meanwhile was of who is gone.
  all.back().from_us = time_us;
  changed_names_.insert(NumberKey(holdings_.vault, pbx_, number).owner);
  PutNames();
  return EndedHolders();
}

}  // namespace retention
