#include "server/holds/hold_desk.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "server/base/errors.h"
#include "server/holds/hold_intake.h"
#include "server/meetings/meeting_book.h"
#include "server/meetings/meeting_view.h"
#include "server/rows/day_progress.h"
#include "server/rows/object_rows.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;

constexpr std::string_view kReleased = "RELEASED";
constexpr std::string_view kEnded = "ENDED";

std::string BasisWord(v1::HoldBasis basis) {
  const std::string name = v1::HoldBasis_Name(basis);
  return std::string(absl::StripPrefix(name, "HOLD_BASIS_"));
}

absl::Status Unknown(std::string_view reason, std::string_view message) {
  return ErrorWithReason(absl::StatusCode::kNotFound, reason, message);
}

}  // namespace

v1::Hold DescribeHold(const Hold& hold, const HoldBook& book) {
  v1::Hold described = hold.terms;
  SetTime(absl::ToUnixMicros(hold.created), *described.mutable_create_time());
  described.set_ledger_id(hold.LedgerId());
  described.set_pbx_count(static_cast<uint32_t>(book.CountPbxsOf(hold)));
  return described;
}

v1::Hold HoldDesk::Describe(const Hold& hold) const { return DescribeHold(hold, holdings_.holds); }

absl::StatusOr<v1::Hold> HoldDesk::Create(const v1::Hold& asked, absl::Time now) {
  const DueDay last_due = LastDueDay(now, holdings_.policy().zone());
  Hold hold{.terms = asked, .created = absl::FromUnixMicros(absl::ToUnixMicros(now))};
  hold.terms.clear_create_time();
  hold.terms.clear_ledger_id();
  hold.terms.clear_pbx_count();
  if (const HoldPtr held = holdings_.holds.Find(asked.hold_id())) {
    // One that is being released keeps its id until it is done with.
    if (held->InForce(last_due) && held->terms.SerializeAsString() == hold.terms.SerializeAsString()) {
      return Describe(*held);
    }
    return ErrorWithReason(absl::StatusCode::kAlreadyExists, "HOLD_EXISTS", "another hold has this id");
  }
  if (absl::Status status = CheckHold(hold.terms, holdings_.policy(), now); !status.ok()) return status;
  if (holdings_.holds.size() >= HoldBook::kMaxHolds) {
    return ErrorWithReason(absl::StatusCode::kResourceExhausted, "TOO_MANY_HOLDS", "at most 10,000 holds at a time");
  }
  std::vector<PbxId> pbxs;
  if (absl::Status status = Resolve(hold, pbxs, now); !status.ok()) return status;
  uint8_t random[sizeof(hold.number)];
  if (absl::Status status = holdings_.random.Fill(random, sizeof(random)); !status.ok()) return status;
  for (const uint8_t byte : random) hold.number = hold.number << 8 | byte;
  Change change(holdings_, now);
  std::optional<HoldCover> cover;
  const std::string controller = hold.Controller();
  if (!controller.empty()) {
    cover = holdings_.holds.CoverOf(controller, pbxs, holdings_.vault, change.batch());
    hold.generation = cover->generation;
  }
  absl::Status status = Enter(hold, LedgerEntry::KIND_HOLD_PLACED, BasisWord(asked.basis()), change);
  if (status.ok()) status = change.Commit();
  if (!status.ok()) return status;
  holdings_.holds.Put(hold, std::move(cover));
  return Describe(hold);
}

absl::Status HoldDesk::Enter(const Hold& hold, LedgerEntry::Kind kind, std::string_view reason, Change& change) {
  LedgerEntry entry;
  entry.set_kind(kind);
  entry.set_reason(std::string(reason));
  entry.set_day(hold.End().number());
  entry.set_hold(hold.number);
  change.Enter(std::move(entry));
  return HoldBook::PutRow(hold, holdings_.vault, change.batch());
}

absl::Status HoldDesk::Put(Hold hold, LedgerEntry::Kind kind, std::string_view reason, absl::Time now) {
  Change change(holdings_, now);
  if (absl::Status status = Enter(hold, kind, reason, change); !status.ok()) return status;
  if (absl::Status status = change.Commit(); !status.ok()) return status;
  holdings_.holds.Put(std::move(hold));
  return absl::OkStatus();
}

absl::StatusOr<bool> HoldDesk::IsMeetingHeld(const PbxId& pbx, std::string_view meeting_id, absl::Time now) const {
  const OwnerId meeting = MeetingOwner(holdings_.vault, pbx, meeting_id);
  auto locator = ReadLocator(holdings_.store, pbx, meeting, LastDueDay(now, holdings_.policy().zone()));
  if (!locator.ok()) return locator.status();
  if (locator->has_value()) return true;
  // Its PDFs outlive its history.
  return holdings_.store.ScanPrefix(Family::kFiled, FiledPrefix(DueDay::Open(), kPdfShare, pbx, meeting))->Valid();
}

absl::Status HoldDesk::Resolve(Hold& hold, std::vector<PbxId>& pbxs, absl::Time now) const {
  const v1::HoldScope& scope = hold.terms.scope();
  hold.email = absl::AsciiStrToLower(scope.subject().email());
  if (const std::string& controller = hold.Controller(); !controller.empty()) {
    auto found = registry_.OfController(controller, holdings_.store, holdings_.vault, now);
    if (!found.ok()) return found.status();
    pbxs = *std::move(found);
    return pbxs.empty() ? ControllerUnknown() : absl::OkStatus();
  }
  const auto pbx = registry_.Find(PbxOfScope(scope), now);
  if (!pbx.has_value()) return PbxUnknown();
  hold.pbx = pbx;
  hold.owner = OwnerOfScope(holdings_.vault, *pbx, scope);
  if (const v1::HoldExtension* extension = ExtensionOfScope(scope)) {
    const FiledKey key = ExtensionKey(holdings_.vault, *pbx, extension->number());
    auto row = holdings_.store.Get(Family::kFiled, key.Encode());
    if (!row.ok()) return row.status();
    // A removed extension leaves a mark without values.
    if (!row->has_value() || Vault::ValueCount(**row) == 0) {
      return Unknown("EXTENSION_UNKNOWN", "the PBX has no such extension");
    }
    if (!scope.has_subject()) return absl::OkStatus();
    auto plaintext = holdings_.vault.Open(key, **row);
    stored::v1::Value value;
    if (!plaintext.ok()) return plaintext.status();
    if (!value.ParseFromString(plaintext->Reveal())) return absl::DataLossError("an extension's row does not parse");
    hold.email = absl::AsciiStrToLower(value.pbx_extension().email());
    return absl::OkStatus();
  }
  if (scope.has_pbx_id()) return absl::OkStatus();
  auto held = IsMeetingHeld(
      *pbx, scope.has_meeting() ? scope.meeting().meeting_id() : scope.subject().display_name().meeting_id(), now);
  if (!held.ok()) return held.status();
  return *held ? absl::OkStatus() : MeetingUnknown();
}

absl::StatusOr<v1::Hold> HoldDesk::Update(const v1::UpdateHoldRequest& request, absl::Time now) {
  const HoldPtr held = holdings_.holds.Find(request.hold_id());
  if (held == nullptr || !held->InForce(LastDueDay(now, holdings_.policy().zone()))) return HoldUnknown();
  Hold hold = *held;
  if (request.basis() != v1::HOLD_BASIS_UNSPECIFIED) hold.terms.set_basis(request.basis());
  if (!request.owner().empty()) hold.terms.set_owner(request.owner());
  if (!request.reason().empty()) hold.terms.set_reason(request.reason());
  if (request.has_review_date()) *hold.terms.mutable_review_date() = request.review_date();
  if (request.has_end_date()) *hold.terms.mutable_end_date() = request.end_date();
  if (absl::Status s = CheckHoldTerms(hold.terms, request.has_review_date(), holdings_.policy(), now); !s.ok())
    return s;
  const v1::Hold described = Describe(hold);
  // What is replaced goes with the next scrub.
  holdings_.marks.Note(DueDay(), now);
  const std::string basis = BasisWord(hold.terms.basis());
  absl::Status status = Put(std::move(hold), LedgerEntry::KIND_HOLD_UPDATED, basis, now);
  if (!status.ok()) return status;
  return described;
}

absl::Status HoldDesk::Release(std::string_view hold_id, absl::Time now) {
  const HoldPtr held = holdings_.holds.Find(hold_id);
  if (held == nullptr || !held->InForce(LastDueDay(now, holdings_.policy().zone()))) return HoldUnknown();
  Hold hold = *held;
  hold.released = absl::FromUnixMicros(absl::ToUnixMicros(now));
  return Put(std::move(hold), LedgerEntry::KIND_HOLD_RELEASED, kReleased, now);
}

absl::StatusOr<bool> HoldDesk::EndOver(absl::Time now) {
  Change change(holdings_, now);
  const std::vector<HoldPtr> over = holdings_.holds.Ended(change.last_due());
  std::vector<Hold> ended;
  for (size_t i = 0; i < std::min(over.size(), kMaxStepHolds); ++i) {
    ended.push_back(*over[i]);
    ended.back().released = DueInstant(ended.back().End(), holdings_.policy().zone());
    absl::Status status = Enter(ended.back(), LedgerEntry::KIND_HOLD_RELEASED, kEnded, change);
    if (!status.ok()) return status;
  }
  if (absl::Status status = change.Commit(); !status.ok()) return status;
  for (Hold& hold : ended) holdings_.holds.Put(std::move(hold));
  return over.size() > kMaxStepHolds;
}

absl::StatusOr<HoldDesk::Walk> HoldDesk::Go(Walk walk, const Route& route, const Visit& visit, Change& change) const {
  size_t rows = 0;
  size_t bytes = 0;
  for (const auto& [day, category] : route.buckets) {
    const auto prefix_of = [day = day, category = category](const PbxId& pbx) {
      return FiledPrefix(day, category, pbx);
    };
    const auto visited = [&](const PbxId& pbx) { return PrefixEnd(prefix_of(pbx)) <= walk.from; };
    for (auto pbx = std::partition_point(route.pbxs.begin(), route.pbxs.end(), visited); pbx != route.pbxs.end();
         ++pbx) {
      const std::string prefix = prefix_of(*pbx);
      // Where there is nothing costs a look, too.
      if (rows++ >= kMaxStepRows) return Walk{.from = std::max(walk.from, prefix)};
      auto cursor = holdings_.store.ScanPrefix(Family::kFiled, prefix);
      if (walk.from > prefix) cursor->Seek(walk.from);
      for (; cursor->Valid(); cursor->Next(), ++rows) {
        if (rows > kMaxStepRows || bytes >= kMaxStepBytes) return Walk{.from = std::string(cursor->key())};
        const auto key = FiledKey::Decode(cursor->key());
        if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
        bytes += cursor->value().size();
        absl::Status status = visit(*key, cursor->value(), change);
        // A row that is damaged itself keeps nothing else from ending; it goes with its bucket.
        if (!status.ok() && !absl::IsDataLoss(status)) return status;
      }
      if (absl::Status status = cursor->status(); !status.ok()) return status;
    }
  }
  return Walk{.done = true};
}

absl::StatusOr<HoldDesk::Step> HoldDesk::LetGo(absl::Time now) {
  const HoldPtr hold = holdings_.holds.Releasing();
  if (hold == nullptr) return Step{};
  if (releasing_ != hold->number) release_walk_ = Walk{};
  releasing_ = hold->number;
  const std::vector<PbxId> pbxs = holdings_.holds.PbxsOf(*hold);
  Route route{.pbxs = pbxs};
  const DayCount kept = holdings_.counts.Of(DueDay::Held());
  for (size_t category = 1; category < kCategories; ++category) {
    if (kept[category].rows > 0) route.buckets.emplace_back(DueDay::Held(), static_cast<CategoryNumber>(category));
  }
  Step step;
  Change change(holdings_, now);
  const auto let_go = [&step](const FiledKey& key, std::string_view envelope, Change& within) {
    auto ended = within.LetGo(key, envelope);
    if (ended.ok()) step.values += *ended;
    return ended.status();
  };
  auto walk = Go(release_walk_, route, let_go, change);
  if (!walk.ok()) return walk.status();
  if (walk->done) {
    holdings_.holds.DeleteRow(*hold, holdings_.vault, change.batch());
    holdings_.marks.Note(DueDay(), now);
  }
  if (absl::Status status = change.Commit(); !status.ok()) return status;
  if (walk->done) holdings_.holds.Erase(*hold);
  release_walk_ = *std::move(walk);
  step.more = holdings_.holds.Releasing() != nullptr;
  return step;
}

absl::StatusOr<HoldDesk::DueWalk*> HoldDesk::FindDueWalk(DueDay last_due) {
  const auto progress = ReadDayProgress(holdings_.store, last_due);
  if (!progress.ok()) return progress.status();
  std::map<DueDay, std::set<PbxId>> unordered;
  for (const auto& [day, of_day] : *progress) {
    for (const std::string& pbx : of_day.unordered_pbxs()) {
      if (pbx.size() == PbxId::kBytes) unordered[day].insert(PbxId::From(pbx));
    }
  }
  const uint64_t version = holdings_.holds.version();
  if (due_.version == version && due_.through == last_due && due_.unordered == unordered) return &due_;
  std::set<PbxId> pbxs = holdings_.holds.ConcernedPbxs(last_due);
  for (const auto& [day, of_day] : unordered) pbxs.insert(of_day.begin(), of_day.end());
  due_ = DueWalk{.version = version,
                 .through = last_due,
                 .unordered = std::move(unordered),
                 .pbxs = {pbxs.begin(), pbxs.end()},
                 .walk = {.done = pbxs.empty()}};
  return &due_;
}

absl::StatusOr<bool> HoldDesk::TakeOutOfDueDays(absl::Time now) {
  Change change(holdings_, now);
  const auto due = FindDueWalk(change.last_due());
  if (!due.ok()) return due.status();
  DueWalk& found = **due;
  if (found.walk.done) return false;
  Route route{.pbxs = found.pbxs};
  for (const auto& [day, counts] : holdings_.counts.Read()) {
    if (day > found.through) break;
    for (size_t category = 1; category < kCategories; ++category) {
      if (counts[category].rows > 0) route.buckets.emplace_back(day, static_cast<CategoryNumber>(category));
    }
  }
  const auto take_out = [&](const FiledKey& key, std::string_view envelope, Change& within) -> absl::Status {
    const std::string pbx_id = registry_.ExternalId(key.pbx);
    auto taken = within.TakeOut(key, envelope, pbx_id, kReasonDue);
    // An object of which nothing can be told still gets its order, if it can be read.
    if (!taken.ok() && !absl::IsDataLoss(taken.status())) return taken.status();
    const auto unordered = found.unordered.find(key.day);
    if (taken.value_or(false) || !IsObject(key.category) || unordered == found.unordered.end() ||
        !unordered->second.contains(key.pbx)) {
      return absl::OkStatus();
    }
    return within.EndWithOrder(key, envelope, pbx_id, kReasonDue);
  };
  auto walk = Go(found.walk, route, take_out, change);
  if (!walk.ok()) return walk.status();
  if (absl::Status status = change.Commit(); !status.ok()) return status;
  found.walk = *std::move(walk);
  return !found.walk.done;
}

absl::StatusOr<HoldDesk::Step> HoldDesk::TakeOutOfEnding(const PbxRegistry::EndingPbx& ending, absl::Time now) {
  Walk& walk = ending_walks_[ending.pbx];
  if (walk.done) return Step{};
  Route route{.pbxs = std::span(&ending.pbx, 1)};
  for (const auto& [day, counts] : holdings_.counts.Read()) {
    if (day == DueDay::Held()) continue;
    for (size_t number = 1; number < kCategories; ++number) {
      const auto category = static_cast<CategoryNumber>(number);
      if (counts[category].rows == 0 || !holdings_.policy().rule(category).ends_with_pbx) continue;
      if (!ending.held && !IsObject(category)) continue;  // its key is gone
      route.buckets.emplace_back(day, category);
    }
  }
  const auto take_out = [&](const FiledKey& key, std::string_view envelope, Change& within) -> absl::Status {
    if (ending.held) {
      auto taken = within.TakeOut(key, envelope, ending.pbx_id, ending.reason);
      if (!taken.ok() && !absl::IsDataLoss(taken.status())) return taken.status();
      if (taken.value_or(false) || !IsObject(key.category)) return absl::OkStatus();
    }
    return within.EndWithOrder(key, envelope, ending.pbx_id, ending.reason);
  };
  Change change(holdings_, now);
  auto gone = Go(walk, route, take_out, change);
  if (!gone.ok()) return gone.status();
  if (absl::Status status = change.Commit(); !status.ok()) return status;
  walk = *std::move(gone);
  Step step{.more = !walk.done};
  for (const uint64_t values : change.erased()) step.values += values;
  return step;
}

}  // namespace retention
