#include "server/controllers/controllers.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/base/request_parts.h"
#include "server/controllers/controller_intake.h"
#include "server/rows/row_keys.h"
#include "server/rows/row_walk.h"
#include "storage/keys.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;
using stored::v1::StoredController;

absl::Status NotDescribed() {
  return ErrorWithReason(absl::StatusCode::kNotFound, "CONTROLLER_UNKNOWN", "no controller of this id is described");
}

v1::Controller WithoutOutput(const v1::Controller& asked) {
  v1::Controller controller = asked;
  controller.clear_create_time();
  controller.clear_update_time();
  controller.clear_ledger_id();
  controller.clear_pbx_count();
  return controller;
}

bool SaysTheSame(const StoredController& stored, const v1::Controller& asked) {
  return stored.controller().SerializeAsString() == WithoutOutput(asked).SerializeAsString();
}

LedgerEntry EntryOf(LedgerEntry::Kind kind, const StoredController& stored) {
  LedgerEntry entry;
  entry.set_kind(kind);
  entry.set_controller(stored.number());
  return entry;
}

}  // namespace

absl::Status Controllers::Load() {
  std::map<std::string, Described, std::less<>> described;
  size_t damaged = 0;
  auto cursor = holdings_.store.ScanPrefix(Family::kState, ControllerPrefix(), AtLoss::kPass);
  for (; cursor->Valid(); cursor->Next()) {
    auto plaintext = holdings_.vault.OpenState(cursor->key(), cursor->value());
    if (IsUnreadable(plaintext.status())) {
      // Gone: in a copy from before it was taken away.
      const auto gone = holdings_.vault.IsStateGone(cursor->value());
      if (!gone.ok()) return gone.status();
      if (!*gone) ++damaged;
      continue;
    }
    if (!plaintext.ok()) return plaintext.status();
    auto stored = std::make_shared<StoredController>();
    if (!stored->ParseFromString(plaintext->Reveal())) return absl::DataLossError("a controller does not parse");
    const std::string& id = stored->controller().controller_id();
    described.emplace(id, std::move(stored));
  }
  if (!cursor->status().ok()) return cursor->status();
  damaged_ = damaged + cursor->losses();
  const MutexLock lock(mutex_);
  described_ = std::move(described);
  return absl::OkStatus();
}

Controllers::Described Controllers::Find(std::string_view controller_id) const {
  const MutexLock lock(mutex_);
  const auto found = described_.find(controller_id);
  return found == described_.end() ? nullptr : found->second;
}

v1::Controller Controllers::Describe(const StoredController& stored, uint32_t pbx_count) const {
  v1::Controller described = stored.controller();
  SetTime(stored.created_us(), *described.mutable_create_time());
  SetTime(stored.updated_us(), *described.mutable_update_time());
  if (stored.number() != 0) described.set_ledger_id(absl::StrFormat("%016x", stored.number()));
  described.set_pbx_count(pbx_count);
  return described;
}

v1::Controller Controllers::Describe(const StoredController& stored, absl::Time now) const {
  return Describe(stored, holdings_.registry.CountOfController(stored.controller().controller_id(), now));
}

absl::StatusOr<StoredController> Controllers::PlanCreate(const v1::Controller& asked, absl::Time now) const {
  if (absl::Status s = CheckController(asked); !s.ok()) return s;
  if (const Described held = Find(asked.controller_id()); held != nullptr) {
    if (SaysTheSame(*held, asked)) return *held;
    return ErrorWithReason(absl::StatusCode::kAlreadyExists, "CONTROLLER_EXISTS",
                           "a controller of this id is described, and otherwise");
  }
  {
    const MutexLock lock(mutex_);
    if (described_.size() >= kMaxControllers) {
      return ErrorWithReason(absl::StatusCode::kResourceExhausted, "TOO_MANY_CONTROLLERS", "at most 1,000 controllers");
    }
  }
  StoredController planned;
  *planned.mutable_controller() = WithoutOutput(asked);
  planned.set_created_us(absl::ToUnixMicros(now));
  planned.set_updated_us(planned.created_us());
  return planned;
}

absl::StatusOr<StoredController> Controllers::PlanUpdate(const v1::Controller& asked, absl::Time now) const {
  if (absl::Status s = CheckController(asked); !s.ok()) return s;
  const Described held = Find(asked.controller_id());
  if (held == nullptr) return NotDescribed();
  StoredController planned = *held;
  if (SaysTheSame(*held, asked)) return planned;
  *planned.mutable_controller() = WithoutOutput(asked);
  planned.set_updated_us(absl::ToUnixMicros(now));
  return planned;
}

absl::StatusOr<v1::Controller> Controllers::TryCreate(const v1::Controller& asked, absl::Time now) const {
  const auto planned = PlanCreate(asked, now);
  if (!planned.ok()) return planned.status();
  return Describe(*planned, now);
}

absl::StatusOr<v1::Controller> Controllers::TryUpdate(const v1::Controller& asked, absl::Time now) const {
  const auto planned = PlanUpdate(asked, now);
  if (!planned.ok()) return planned.status();
  return Describe(*planned, now);
}

absl::Status Controllers::TryDelete(const std::string& controller_id, absl::Time now) const {
  if (absl::Status s = CheckPartyIdentifier("controller_id", controller_id); !s.ok()) return s;
  if (Find(controller_id) == nullptr) return NotDescribed();
  if (holdings_.registry.CountOfController(controller_id, now) > 0) {
    return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "CONTROLLER_IN_USE", "PBXs name this controller");
  }
  // One of which nobody can tell may name it.
  if (holdings_.registry.CountOfController("", now) == 0) return absl::OkStatus();
  return absl::DataLossError("the record of a PBX is damaged or lost: it may name this controller");
}

void Controllers::Put(const StoredController& stored, LedgerEntry::Kind kind, Change& change) {
  change.PutSealed(ControllerKey(ControllerOwner(holdings_.vault, stored.controller().controller_id())),
                   Personal(stored.SerializeAsString()));
  change.Enter(EntryOf(kind, stored));
  change.ThenDo([this, stored] {
    const MutexLock lock(mutex_);
    described_[stored.controller().controller_id()] = std::make_shared<const StoredController>(stored);
  });
}

absl::StatusOr<v1::Controller> Controllers::Create(const v1::Controller& asked, Change& change) {
  auto planned = PlanCreate(asked, change.now());
  if (!planned.ok()) return planned.status();
  if (planned->number() != 0) return Describe(*planned, change.now());  // it is described already
  uint8_t random[sizeof(uint64_t)];
  if (absl::Status s = holdings_.random.Fill(random, sizeof(random)); !s.ok()) return s;
  uint64_t number = 0;
  for (const uint8_t byte : random) number = number << 8 | byte;
  planned->set_number(number);
  Put(*planned, LedgerEntry::KIND_CONTROLLER_CREATED, change);
  return Describe(*planned, change.now());
}

absl::StatusOr<v1::Controller> Controllers::Update(const v1::Controller& asked, Change& change) {
  const auto planned = PlanUpdate(asked, change.now());
  if (!planned.ok()) return planned.status();
  const Described held = Find(asked.controller_id());
  if (!SaysTheSame(*held, asked)) {
    // What is replaced goes with the next scrub.
    change.MarkState(ControllerKey(ControllerOwner(holdings_.vault, asked.controller_id())));
    Put(*planned, LedgerEntry::KIND_CONTROLLER_UPDATED, change);
  }
  return Describe(*planned, change.now());
}

absl::Status Controllers::Delete(const std::string& controller_id, Change& change) {
  if (absl::Status s = TryDelete(controller_id, change.now()); !s.ok()) return s;
  change.DeleteState(ControllerKey(ControllerOwner(holdings_.vault, controller_id)));
  change.Enter(EntryOf(LedgerEntry::KIND_CONTROLLER_DELETED, *Find(controller_id)));
  change.ThenDo([this, controller_id] {
    const MutexLock lock(mutex_);
    described_.erase(controller_id);
  });
  return absl::OkStatus();
}

absl::StatusOr<v1::GetControllerResponse> Controllers::Get(const v1::GetControllerRequest& request,
                                                           absl::Time now) const {
  if (absl::Status s = CheckPartyIdentifier("controller_id", request.controller_id()); !s.ok()) return s;
  const Described held = Find(request.controller_id());
  if (held == nullptr) return NotDescribed();
  v1::GetControllerResponse response;
  *response.mutable_controller() = Describe(*held, now);
  return response;
}

absl::StatusOr<v1::ListControllersResponse> Controllers::List(const v1::ListControllersRequest& request,
                                                              absl::Time now) const {
  const auto page_size = PageSize(request.page_size(), kDefaultControllersPerPage, kMaxControllersPerPage);
  if (!page_size.ok()) return page_size.status();
  const auto position = PositionIn(request);
  if (!position.ok()) return position.status();
  auto pbxs = holdings_.registry.CountByController(now);
  v1::ListControllersResponse response;
  const MutexLock lock(mutex_);
  for (auto it = described_.upper_bound(*position); it != described_.end(); ++it) {
    if (response.controllers_size() == *page_size) {
      response.set_next_page_token(TokenOf(response.controllers(*page_size - 1).controller_id(), request));
      break;
    }
    *response.add_controllers() = Describe(*it->second, pbxs[it->first]);
  }
  if (!position->empty()) return response;
  for (const auto& [controller_id, count] : pbxs) {
    if (count == 0 || described_.contains(controller_id)) continue;
    if (static_cast<size_t>(response.undescribed_size()) == kMaxUndescribed) break;
    v1::UndescribedController& undescribed = *response.add_undescribed();
    undescribed.set_controller_id(controller_id);
    undescribed.set_pbx_count(count);
  }
  return response;
}

uint64_t Controllers::CountUndescribedPbxs(absl::Time now) const {
  const auto pbxs = holdings_.registry.CountByController(now);
  uint64_t undescribed = 0;
  const MutexLock lock(mutex_);
  for (const auto& [controller_id, count] : pbxs) undescribed += described_.contains(controller_id) ? 0 : count;
  return undescribed;
}

}  // namespace retention
