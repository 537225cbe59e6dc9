// The objects of rows, and their orders.
#include <utility>

#include "server/rows/change.h"
#include "server/rows/day_progress.h"
#include "server/rows/object_rows.h"

namespace retention {

std::optional<Change::ObjectOfRow> Change::ObjectIn(const FiledKey& key, const Personal& plaintext) const {
  if (!IsObject(key.category)) return std::nullopt;
  stored::v1::KeptRow kept;
  const bool is_kept = key.day == DueDay::Kept();
  if (is_kept && !kept.ParseFromString(plaintext.Reveal())) return std::nullopt;
  stored::v1::Value value;
  if (!value.ParseFromString(is_kept ? kept.row() : plaintext.Reveal())) return std::nullopt;
  ObjectOfRow object{.pbx_id = is_kept ? kept.pbx_id() : holdings_.registry.ExternalId(key.pbx),
                     .reference = value.object()};
  if (object.pbx_id.empty() || object.reference.object_ref().empty()) return std::nullopt;
  return object;
}

void Change::Refer(const FiledKey& key, const Personal& plaintext) {
  if (const auto object = ObjectIn(key, plaintext); object.has_value()) references_.Begin(NameOf(*object), key);
}

OwnerId Change::NameOf(const ObjectOfRow& object) const {
  return ObjectName(holdings_.vault, object.pbx_id, object.reference);
}

void Change::OrderIfPassedOver(const FiledKey& from, const FiledKey& to, const ObjectOfRow& object) {
  // Files have their orders when their day is over.
  if (to.category == kFileShare || to == from || !HasOrder(holdings_.gate.ProgressOf(to.day), to)) return;
  references_.End(NameOf(object), to);
  if (!HasOrder(holdings_.gate.ProgressOf(from.day), from)) Order(to.category, object);
}

void Change::Order(CategoryNumber category, std::string_view pbx_id, const stored::v1::StoredObjectRef& object) {
  if (!holdings_.policy().rule(category).erasure_order || object.object_ref().empty()) return;
  stored::v1::ErasureOrder order;
  order.set_category(static_cast<v1::DataCategory>(category));
  order.set_pbx_id(std::string(pbx_id));
  *order.mutable_object() = object;
  order.set_issued_us(absl::ToUnixMicros(now_));
  Personal plaintext(order.SerializeAsString());
  const OwnerId name = ObjectName(holdings_.vault, pbx_id, object);
  const auto [place, is_new] = order_of_.try_emplace(name, orders_.size());
  if (is_new) {
    orders_.push_back({.object = name, .plaintext = std::move(plaintext)});
  } else if (plaintext.Reveal() < orders_[place->second].plaintext.Reveal()) {
    orders_[place->second].plaintext = std::move(plaintext);  // by whichever id, but always the same
  }
}

void Change::OrderRow(const FiledKey& key, std::string_view pbx_id, const stored::v1::StoredObjectRef& object) {
  references_.End(ObjectName(holdings_.vault, pbx_id, object), key);
  Order(key.category, pbx_id, object);
}

void Change::EndObject(const FiledKey& key, std::string_view pbx_id, const stored::v1::StoredObjectRef& object,
                       bool is_kept) {
  references_.End(ObjectName(holdings_.vault, pbx_id, object), key);
  if (!is_kept && !HasOrder(holdings_.gate.ProgressOf(key.day), key)) Order(key.category, pbx_id, object);
}

absl::StatusOr<bool> Change::Holds(std::string_view pbx_id, const stored::v1::StoredObjectRef& object) const {
  return references_.AnyLeft(holdings_, ObjectName(holdings_.vault, pbx_id, object));
}

void Change::ForgetOrder(uint64_t sequence) {
  DeleteState(OrderKey(sequence));
  ++orders_forgotten_;
}

std::vector<OwnerId> Change::ordered() const {
  std::vector<OwnerId> objects;
  for (const WaitingOrder& order : orders_) objects.push_back(order.object);
  return objects;
}

absl::Status Change::PutOrders(OrderNumbers::Counter& counter) {
  uint64_t issued = 0;
  for (const WaitingOrder& order : orders_) {
    const auto held = references_.AnyLeft(holdings_, order.object);
    if (!held.ok()) return held.status();
    if (*held) continue;
    ++issued;
    const std::string key = OrderKey(++counter.last_issued);
    const auto owner = holdings_.ring.NewOwner(DueDay::Open(), KeyRing::Room::kKept);
    if (!owner.ok()) return owner.status();
    auto envelope = holdings_.vault.SealState(key, order.plaintext, *owner);
    if (!envelope.ok()) return envelope.status();
    batch_.Put(Family::kState, key, *std::move(envelope));
  }
  if (issued == 0 && orders_forgotten_ == 0) return absl::OkStatus();
  counter.unconfirmed += issued - orders_forgotten_;
  OrderNumbers::Put(counter, batch_);
  return absl::OkStatus();
}

}  // namespace retention
