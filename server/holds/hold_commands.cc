#include "server/holds/hold_commands.h"

#include <algorithm>

#include "absl/strings/strip.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/holds/hold_intake.h"
#include "server/meetings/locator.h"
#include "server/rows/extension_names.h"
#include "server/rows/row_keys.h"
#include "server/rows/row_walk.h"
#include "text/normal_address.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;

constexpr std::string_view kReleased = "RELEASED";
constexpr std::string_view kEnded = "ENDED";

std::string BasisWord(v1::HoldBasis basis) {
  const std::string name = v1::HoldBasis_Name(basis);
  return std::string(absl::StripPrefix(name, "HOLD_BASIS_"));
}

Hold Asked(const v1::Hold& asked, const Change& change) {
  Hold hold{.terms = asked, .created = absl::FromUnixMicros(absl::ToUnixMicros(change.now()))};
  hold.terms.clear_create_time();
  hold.terms.clear_ledger_id();
  hold.terms.clear_pbx_count();
  return hold;
}

}  // namespace

v1::Hold DescribeHold(const Hold& hold, const HoldRegister& holds) {
  v1::Hold described = hold.terms;
  SetTime(absl::ToUnixMicros(hold.created), *described.mutable_create_time());
  described.set_ledger_id(hold.LedgerId());
  described.set_pbx_count(static_cast<uint32_t>(holds.CountPbxsOf(hold)));
  return described;
}

absl::StatusOr<std::optional<v1::Hold>> HoldCommands::FindPlaced(const Hold& hold, const Change& change) const {
  const HoldPtr held = register_.Find(hold.terms.hold_id());
  if (held == nullptr) return std::nullopt;
  // One that is being released keeps its id until it is done with.
  if (held->InForce(change.last_due()) && held->terms.SerializeAsString() == hold.terms.SerializeAsString()) {
    return DescribeHold(*held, register_);
  }
  return ErrorWithReason(absl::StatusCode::kAlreadyExists, "HOLD_EXISTS", "another hold has this id");
}

absl::StatusOr<v1::Hold> HoldCommands::Create(const v1::Hold& asked, bool poll_held, Change& change) const {
  Hold hold = Asked(asked, change);
  const auto placed = FindPlaced(hold, change);
  if (!placed.ok()) return placed.status();
  if (placed->has_value()) return **placed;
  if (absl::Status status = CheckHold(hold.terms, holdings_.policy(), change.now()); !status.ok()) return status;
  if (register_.size() >= HoldRegister::kMaxHolds) {
    return ErrorWithReason(absl::StatusCode::kResourceExhausted, "TOO_MANY_HOLDS", "at most 10,000 holds at a time");
  }
  return Place(std::move(hold), poll_held, change);
}

absl::Status HoldCommands::PlaceInstead(const v1::Hold& asked, Change& change) const {
  Hold hold = Asked(asked, change);
  const auto placed = FindPlaced(hold, change);
  if (!placed.ok() || placed->has_value()) return placed.status();
  return Place(std::move(hold), /*poll_held=*/false, change).status();
}

absl::StatusOr<v1::Hold> HoldCommands::Place(Hold hold, bool poll_held, Change& change) const {
  std::vector<PbxId> pbxs;
  if (absl::Status status = Resolve(hold, poll_held, pbxs, change); !status.ok()) return status;
  uint8_t random[sizeof(hold.number)];
  if (absl::Status status = holdings_.random.Fill(random, sizeof(random)); !status.ok()) return status;
  for (const uint8_t byte : random) hold.number = hold.number << 8 | byte;
  v1::Hold described = DescribeHold(hold, register_);
  const std::string basis = BasisWord(hold.terms.basis());
  std::optional<HoldCover> cover;
  if (const std::string& controller = hold.Controller(); !controller.empty()) {
    cover = register_.CoverOf(controller, pbxs, holdings_.vault, change.batch());
    hold.generation = cover->generation;
    described.set_pbx_count(static_cast<uint32_t>(cover->present.size()));
  }
  Put(std::move(hold), std::move(cover), LedgerEntry::KIND_HOLD_PLACED, basis, change);
  return described;
}

void HoldCommands::Put(Hold hold, std::optional<HoldCover> cover, LedgerEntry::Kind kind, std::string_view reason,
                       Change& change) const {
  LedgerEntry entry;
  entry.set_kind(kind);
  entry.set_reason(std::string(reason));
  entry.set_day(hold.End().number());
  entry.set_hold(hold.number);
  change.Enter(std::move(entry));
  register_.Put(std::move(hold), std::move(cover), change);
}

absl::StatusOr<bool> HoldCommands::IsMeetingHeld(const StoreView& view, const PbxId& pbx, const RoomId& room,
                                                 absl::Time now) const {
  const DueDay last_due = holdings_.LastDue(now);
  auto cursor = view.ScanPrefix(Family::kState, LocatorPrefix(pbx, room));
  for (; cursor->Valid(); cursor->Next()) {
    const auto locator = MeetingLocator::Parse(cursor->value());
    if (!locator.has_value()) return absl::DataLossError("a meeting's locator does not parse");
    if (locator->days[kHistory] > last_due) return true;
  }
  if (!cursor->status().ok()) return cursor->status();
  // Its PDFs outlive its history.
  return HasRows(view, FiledPrefix(DueDay::Open(), kPdfShare, pbx, room));
}

absl::StatusOr<bool> HoldCommands::FindsPoll(const StoreView& view, const v1::Hold& asked, absl::Time now) const {
  const std::string& meeting_id = MeetingOfScope(asked.scope());
  const auto pbx = holdings_.registry.Find(PbxOfScope(asked.scope()), now);
  if (meeting_id.empty() || !pbx.has_value()) return false;
  const auto named = holdings_.names.Find(view, *pbx, meeting_id);
  // A room in which a poll was asked keeps its name.
  if (!named.ok() || !named->stored()) return named.ok() ? absl::StatusOr<bool>(false) : named.status();
  const auto held = IsMeetingHeld(view, *pbx, named->room, now);
  if (!held.ok() || *held) return held.ok() ? absl::StatusOr<bool>(false) : held.status();
  auto cursor = view.ScanPrefix(Family::kFiled, FiledPrefix(DueDay::Open(), kPoll, *pbx));
  for (; cursor->Valid(); cursor->Next()) {
    const auto key = FiledKey::Decode(cursor->key());
    const auto row = key.has_value() ? holdings_.vault.Open(*key, cursor->value()) : absl::DataLossError("malformed");
    if (IsUnreadable(row.status())) continue;  // nobody can tell whose it is
    if (!row.ok()) return row.status();
    stored::v1::Value value;
    if (value.ParseFromString(row->Reveal()) && value.room() == named->room.view()) return true;
  }
  if (!cursor->status().ok()) return cursor->status();
  return false;
}

absl::Status HoldCommands::Resolve(Hold& hold, bool poll_held, std::vector<PbxId>& pbxs, Change& change) const {
  const absl::Time now = change.now();
  const v1::HoldScope& scope = hold.terms.scope();
  hold.email = NormalAddress(scope.subject().email());
  if (const std::string& controller = hold.Controller(); !controller.empty()) {
    auto found = OfController(controller, change);
    if (!found.ok()) return found.status();
    pbxs = *std::move(found);
    return pbxs.empty() ? ControllerUnknown() : absl::OkStatus();
  }
  const auto pbx = holdings_.registry.Find(PbxOfScope(scope), now);
  if (scope.has_pbx_id()) {
    if (pbx.has_value()) hold.targets.push_back({.pbx = *pbx, .owner = {}});
    for (const PbxId& ended : EndedOf(scope.pbx_id(), change)) hold.targets.push_back({.pbx = ended, .owner = {}});
    return hold.targets.empty() ? PbxUnknown() : absl::OkStatus();
  }
  const absl::Status found = pbx.has_value() ? ResolveIn(*pbx, hold, poll_held, change) : PbxUnknown();
  if (!found.ok() && !absl::IsNotFound(found)) return found;
  AddFormer(hold, change);
  return hold.targets.empty() ? found : absl::OkStatus();
}

absl::StatusOr<std::vector<PbxId>> HoldCommands::OfController(const std::string& controller_id,
                                                              const Change& change) const {
  auto pbxs = holdings_.registry.OfController(controller_id, holdings_.store, holdings_.vault, change.now());
  if (!pbxs.ok()) return pbxs;
  const OwnerId controller = ControllerOwner(holdings_.vault, controller_id);
  const std::vector<PbxId> ended = register_.EndedPbxs(
      change.last_due(), [&controller](const HeldPbxEnd& end) { return end.controller == controller; });
  pbxs->insert(pbxs->end(), ended.begin(), ended.end());
  // Those that have come to their end before the sweep.
  for (const auto& [pbx_id, end] : holdings_.registry.Over(change.now())) {
    const auto pbx = holdings_.registry.Held(pbx_id);
    if (!pbx.has_value() || !change.Concerned(*pbx)) continue;
    const auto record = ReadPbxRecord(holdings_.store, holdings_.vault, *pbx);
    if (IsUnreadable(record.status())) continue;
    if (!record.ok()) return record.status();
    if (record->has_value() && (*record)->controller_id() == controller_id) pbxs->push_back(*pbx);
  }
  return pbxs;
}

std::vector<PbxId> HoldCommands::EndedOf(const std::string& pbx_id, const Change& change) const {
  const std::string entry_key = PbxEntryKeyOf(holdings_.vault, pbx_id);
  std::vector<PbxId> ended = register_.EndedPbxs(
      change.last_due(), [&entry_key](const HeldPbxEnd& end) { return entry_key.ends_with(end.name.view()); });
  // Before the sweep.
  const auto over = holdings_.registry.Held(pbx_id);
  const bool is_over = over.has_value() && !holdings_.registry.Find(pbx_id, change.now()).has_value();
  if (is_over && change.Concerned(*over)) ended.push_back(*over);
  return ended;
}

void HoldCommands::AddFormer(Hold& hold, const Change& change) const {
  const std::vector<PbxId> ended = EndedOf(PbxOfScope(hold.terms.scope()), change);
  if (ended.empty()) return;
  const std::string scope = hold.terms.scope().SerializeAsString();
  for (const HoldPtr& other : register_.List("")) {
    if (!other->InForce(change.last_due()) || other->terms.scope().SerializeAsString() != scope) continue;
    for (const HoldTarget& target : other->targets) {
      const bool has_ended = std::find(ended.begin(), ended.end(), target.pbx) != ended.end();
      const bool is_new = std::find(hold.targets.begin(), hold.targets.end(), target) == hold.targets.end();
      if (has_ended && is_new) hold.targets.push_back(target);
    }
    if (hold.email.empty()) hold.email = other->email;
  }
}

absl::Status HoldCommands::ResolveIn(const PbxId& pbx, Hold& hold, bool poll_held, Change& change) const {
  const v1::HoldScope& scope = hold.terms.scope();
  if (const v1::HoldExtension* extension = ExtensionOfScope(scope)) {
    const auto holder = FindHolder(holdings_.store, holdings_.vault, pbx, {.number = extension->number()}, kLastSaid);
    if (!holder.ok()) return holder.status();
    if (!holder->has_value()) return ExtensionUnknown();
    const auto held = ReadExtension(holdings_.store, holdings_.vault, pbx, **holder);
    if (!held.ok()) return held.status();
    if (!held->has_value()) return ExtensionUnknown();
    hold.targets.push_back({.pbx = pbx, .owner = **holder});
    if (scope.has_subject()) hold.email = NormalAddress((*held)->email());
    return absl::OkStatus();
  }
  // What it covers is known by its room, which is to be the same as long as the hold stands.
  const auto room = holdings_.names.Keep(holdings_.store, pbx, MeetingOfScope(scope), change.batch());
  if (!room.ok()) return room.status();
  const auto held = IsMeetingHeld(holdings_.store, pbx, *room, change.now());
  if (!held.ok()) return held.status();
  if (!*held && !poll_held) return MeetingUnknown();
  hold.targets.push_back({.pbx = pbx, .owner = RoomOwner(*room)});
  return absl::OkStatus();
}

absl::StatusOr<v1::Hold> HoldCommands::Update(const v1::UpdateHoldRequest& request, Change& change) const {
  const HoldPtr held = register_.Find(request.hold_id());
  if (held == nullptr || !held->InForce(change.last_due())) return HoldUnknown();
  Hold hold = *held;
  if (request.basis() != v1::HOLD_BASIS_UNSPECIFIED) hold.terms.set_basis(request.basis());
  if (!request.owner().empty()) hold.terms.set_owner(request.owner());
  if (!request.reason().empty()) hold.terms.set_reason(request.reason());
  if (request.has_review_date()) *hold.terms.mutable_review_date() = request.review_date();
  if (request.has_end_date()) *hold.terms.mutable_end_date() = request.end_date();
  if (absl::Status s = CheckHoldTerms(hold.terms, request.has_review_date(), holdings_.policy(), change.now());
      !s.ok()) {
    return s;
  }
  v1::Hold described = DescribeHold(hold, register_);
  // What is replaced goes with the next scrub.
  change.MarkState(HoldKey(hold.number));
  const std::string basis = BasisWord(hold.terms.basis());
  Put(std::move(hold), std::nullopt, LedgerEntry::KIND_HOLD_UPDATED, basis, change);
  return described;
}

absl::Status HoldCommands::Release(std::string_view hold_id, Change& change) {
  const HoldPtr held = register_.Find(hold_id);
  if (held == nullptr || !held->InForce(change.last_due())) return HoldUnknown();
  Hold hold = *held;
  hold.released = absl::FromUnixMicros(absl::ToUnixMicros(change.now()));
  if (absl::Status status = released_.MakeRoom(1, change); !status.ok()) return status;
  PutReleased(hold, /*by_itself=*/false, change.batch());
  Put(std::move(hold), std::nullopt, LedgerEntry::KIND_HOLD_RELEASED, kReleased, change);
  return absl::OkStatus();
}

absl::StatusOr<bool> HoldCommands::EndOver(Change& change) {
  const std::vector<HoldPtr> over = register_.Ended(change.last_due());
  const size_t ending = std::min(over.size(), kMaxStepHolds);
  if (absl::Status s = released_.MakeRoom(ending, change); !s.ok()) return s;
  for (size_t i = 0; i < ending; ++i) {
    Hold ended = *over[i];
    ended.released = DueInstant(ended.End(), holdings_.policy().zone());
    PutReleased(ended, /*by_itself=*/true, change.batch());
    Put(std::move(ended), std::nullopt, LedgerEntry::KIND_HOLD_RELEASED, kEnded, change);
  }
  return over.size() > kMaxStepHolds;
}

}  // namespace retention
