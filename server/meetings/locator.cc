#include "server/meetings/locator.h"

#include <google/protobuf/arena.h>

#include <algorithm>
#include <cstddef>

#include "retention/stored/v1/course.pb.h"
#include "server/rows/row_walk.h"
#include "storage/keys.h"

namespace retention {
namespace {

// A locator of a few sittings as a message.
constexpr size_t kParsedBytes = 2048;

void PutFacts(const OccurrenceFacts& facts, stored::v1::OccurrenceFacts& proto) {
  proto.set_first_us(facts.first_us);
  proto.set_last_us(facts.last_us);
  if (facts.tries.has_value()) {
    proto.set_first_try_us(facts.tries->first_us);
    proto.set_last_try_us(facts.tries->last_us);
  }
  proto.set_waits_until_us(facts.waits_until_us);
  if (facts.plan.has_value()) {
    proto.set_planned(true);
    proto.set_plan_start_us(facts.plan->start_us);
    proto.set_plan_end_us(facts.plan->end_us);
    proto.set_took_place(facts.plan->took_place);
    proto.set_took_place_us(facts.plan->took_place_us);
    proto.set_took_place_in(static_cast<uint32_t>(facts.plan->took_place_in));
    proto.set_plan_early_us(facts.plan->early_us);
    proto.set_plan_name(facts.plan->name);
  }
  proto.set_scheduled_on_us(facts.scheduled_on_us.value_or(0));
  for (const SittingFacts& sitting : facts.sittings) {
    stored::v1::SittingFacts& put = *proto.add_sittings();
    put.set_start_us(sitting.start_us);
    put.set_last_us(sitting.last_us);
    if (sitting.emptied_us.has_value()) put.set_emptied_us(*sitting.emptied_us);
    put.set_nobody_until_us(sitting.nobody_until_us);
    put.set_limit_us(sitting.limit_us);
    put.set_gone_us(sitting.gone_us);
    put.set_presumed_us(sitting.presumed_us);
    put.set_refresh_us(sitting.refresh_us);
    put.set_name(sitting.name);
  }
  proto.set_deleted(facts.deleted);
  proto.set_recordings_deleted(facts.recordings_deleted);
  proto.set_present(facts.present);
  proto.set_protocolled(facts.protocolled);
  proto.set_organizer(facts.organizer);
  proto.set_only_started(facts.only_started);
  proto.set_taken_over(facts.taken_over);
}

OccurrenceFacts FactsIn(const stored::v1::OccurrenceFacts& proto) {
  OccurrenceFacts facts;
  facts.first_us = proto.first_us();
  facts.last_us = proto.last_us();
  if (proto.last_try_us() != 0) facts.tries = {.first_us = proto.first_try_us(), .last_us = proto.last_try_us()};
  facts.waits_until_us = proto.waits_until_us();
  if (proto.planned()) {
    facts.plan = PlanFacts{.start_us = proto.plan_start_us(),
                           .end_us = proto.plan_end_us(),
                           .took_place = proto.took_place(),
                           .took_place_us = proto.took_place_us(),
                           .took_place_in = proto.took_place_in(),
                           .early_us = proto.plan_early_us(),
                           .name = proto.plan_name()};
  }
  if (proto.scheduled_on_us() != 0) facts.scheduled_on_us = proto.scheduled_on_us();
  for (const stored::v1::SittingFacts& sitting : proto.sittings()) {
    facts.sittings.push_back(
        {.start_us = sitting.start_us(),
         .last_us = sitting.last_us(),
         .emptied_us = sitting.has_emptied_us() ? std::optional(sitting.emptied_us()) : std::nullopt,
         .nobody_until_us = sitting.nobody_until_us(),
         .limit_us = sitting.limit_us(),
         .gone_us = sitting.gone_us(),
         .presumed_us = sitting.presumed_us(),
         .refresh_us = sitting.refresh_us(),
         .name = sitting.name(),
         .carried = {}});
  }
  facts.deleted = proto.deleted();
  facts.recordings_deleted = proto.recordings_deleted();
  facts.present = proto.present();
  facts.protocolled = proto.protocolled();
  facts.organizer = proto.organizer();
  facts.only_started = proto.only_started();
  facts.taken_over = proto.taken_over();
  return facts;
}

std::optional<int64_t> InstantIn(int64_t time_us) {
  return time_us == 0 ? std::nullopt : std::optional<int64_t>(time_us);
}

}  // namespace

std::string MeetingLocator::Serialize() const {
  alignas(std::max_align_t) char memory[kParsedBytes];
  google::protobuf::Arena arena(memory, sizeof(memory));
  auto& proto = *google::protobuf::Arena::CreateMessage<stored::v1::Locator>(&arena);
  proto.mutable_due_days()->Reserve(kCategories);
  for (const DueDay day : days) proto.add_due_days(day.number());
  proto.set_files_end_us(files_end_us);
  proto.set_timer_us(timer_us);
  proto.set_fixed(fixed);
  proto.set_meeting_id(sealed_id);
  proto.set_carried(sealed_carried);
  proto.set_revision(revision);
  proto.set_events(events);
  proto.set_complete_notice(complete_notice);
  proto.set_names_notice(names_notice);
  proto.set_names_told_us(names_told_us);
  PutFacts(facts, *proto.mutable_facts());
  if (span.has_value()) {
    proto.mutable_span()->set_said_until_us(span->said_until_us);
    proto.mutable_span()->set_stay_until_us(span->stay_until_us.value_or(0));
    proto.mutable_span()->set_planned_start_us(span->planned_start_us.value_or(0));
  }
  return proto.SerializeAsString();
}

std::optional<MeetingLocator> MeetingLocator::Parse(std::string_view bytes) {
  // Most of what it costs is memory for its parts, and rooms have many.
  alignas(std::max_align_t) char memory[kParsedBytes];
  google::protobuf::Arena arena(memory, sizeof(memory));
  auto& proto = *google::protobuf::Arena::CreateMessage<stored::v1::Locator>(&arena);
  proto.mutable_due_days()->Reserve(kCategories);
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      proto.due_days_size() > static_cast<int>(kCategories)) {
    return std::nullopt;
  }
  MeetingLocator locator;
  for (int i = 0; i < proto.due_days_size(); ++i) locator.days[i] = DueDay::FromNumber(proto.due_days(i));
  locator.files_end_us = proto.files_end_us();
  locator.timer_us = proto.timer_us();
  locator.fixed = proto.fixed();
  locator.sealed_id = proto.meeting_id();
  locator.sealed_carried = proto.carried();
  locator.revision = proto.revision();
  locator.events = proto.events();
  locator.complete_notice = proto.complete_notice();
  locator.names_notice = proto.names_notice();
  locator.names_told_us = proto.names_told_us();
  locator.facts = FactsIn(proto.facts());
  if (proto.has_span()) {
    locator.span = FixedSpan{.said_until_us = proto.span().said_until_us(),
                             .stay_until_us = InstantIn(proto.span().stay_until_us()),
                             .planned_start_us = InstantIn(proto.span().planned_start_us())};
  }
  return locator;
}

std::string SerializeFacts(const OccurrenceFacts& facts) {
  stored::v1::OccurrenceFacts proto;
  PutFacts(facts, proto);
  return proto.SerializeAsString();
}

std::optional<OccurrenceFacts> ParseFacts(std::string_view bytes) {
  stored::v1::OccurrenceFacts proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  return FactsIn(proto);
}

FiledKey MeetingIdKey(DueDay history_day, const PbxId& pbx, const OwnerId& meeting) {
  return {.day = history_day, .category = kHistory, .pbx = pbx, .owner = meeting, .item = ItemId()};
}

FiledKey CarriedKey(DueDay history_day, const PbxId& pbx, const OwnerId& meeting) {
  FiledKey key = MeetingIdKey(history_day, pbx, meeting);
  key.item.bytes.back() = 1;
  return key;
}

std::string SerializeCarried(const OccurrenceFacts& facts) {
  stored::v1::CarriedOver proto;
  bool any = false;
  for (const SittingFacts& sitting : facts.sittings) {
    stored::v1::CarriedOver::Sitting& put = *proto.add_sittings();
    for (const CarriedConnection& carried : sitting.carried) {
      stored::v1::CarriedConnection& connection = *put.add_connections();
      connection.set_participant(carried.participant);
      connection.set_connection(carried.connection);
      connection.set_count(carried.count);
      any = true;
    }
  }
  return any ? proto.SerializeAsString() : std::string();
}

absl::Status OpenCarried(Vault& vault, const PbxId& pbx, const OwnerId& meeting, MeetingLocator& locator) {
  if (locator.sealed_carried.empty()) return absl::OkStatus();
  const auto opened = vault.Open(CarriedKey(locator.days[kHistory], pbx, meeting), locator.sealed_carried);
  if (IsUnreadable(opened.status())) return absl::OkStatus();
  if (!opened.ok()) return opened.status();
  stored::v1::CarriedOver proto;
  if (!proto.ParseFromString(opened->Reveal())) return absl::OkStatus();
  std::vector<SittingFacts>& sittings = locator.facts.sittings;
  for (size_t i = 0; i < std::min(sittings.size(), static_cast<size_t>(proto.sittings_size())); ++i) {
    sittings[i].carried.clear();
    for (const stored::v1::CarriedConnection& each : proto.sittings(static_cast<int>(i)).connections()) {
      sittings[i].carried.push_back(
          {.participant = each.participant(), .connection = each.connection(), .count = each.count()});
    }
  }
  return absl::OkStatus();
}

bool IsFixed(const MeetingLocator& locator, DueDay last_due) {
  constexpr int64_t kDayUs = int64_t{24} * 60 * 60 * 1000000;
  // What may still take place is open, though its name has gone: a policy may reckon that from the day of planning.
  const auto& plan = locator.facts.plan;
  if (plan.has_value() && !plan->took_place) {
    if (locator.facts.waits_until_us / kDayUs + 1 > static_cast<int64_t>(last_due.number())) return false;
  }
  if (locator.facts.deleted) {
    // Only its history is left: it is cut no more from when names of it would have gone.
    constexpr int64_t kDaysDeleted = 9;
    const int64_t last_us = std::max(locator.facts.last_us, plan.has_value() ? plan->end_us : INT64_MIN);
    if (last_us / kDayUs + kDaysDeleted <= static_cast<int64_t>(last_due.number())) return true;
  }
  return locator.fixed || std::any_of(kFiledByMeeting.begin(), kFiledByMeeting.end(), [&](CategoryNumber category) {
           const DueDay day = locator.days[category];
           return category != kFileShare && day != DueDay::None() && day <= last_due;
         });
}

absl::StatusOr<std::optional<MeetingLocator>> ReadLocator(const StoreView& view, const PbxId& pbx,
                                                          const OwnerId& meeting, DueDay last_due) {
  auto row = view.Get(Family::kState, LocatorKey(pbx, meeting));
  if (!row.ok()) return row.status();
  if (!row->has_value()) return std::nullopt;
  auto locator = MeetingLocator::Parse(**row);
  if (!locator.has_value()) return absl::DataLossError("a meeting's locator does not parse");
  if (locator->days[kHistory] <= last_due) return std::nullopt;
  return locator;
}

absl::StatusOr<std::vector<std::pair<OwnerId, MeetingLocator>>> ReadLocators(const StoreView& view, const PbxId& pbx,
                                                                             const RoomId& room) {
  std::vector<std::pair<OwnerId, MeetingLocator>> all;
  auto cursor = view.ScanPrefix(Family::kState, LocatorPrefix(pbx, room));
  for (; cursor->Valid(); cursor->Next()) {
    const auto name = DecodeLocatorKey(cursor->key());
    auto locator = MeetingLocator::Parse(cursor->value());
    if (!name.has_value() || !locator.has_value()) return absl::DataLossError("a meeting's locator does not parse");
    all.emplace_back(name->meeting, *std::move(locator));
  }
  if (!cursor->status().ok()) return cursor->status();
  return all;
}

bool Misfiled(const MeetingLocator& locator, const Filing& filing, DueDay ended) {
  for (const CategoryNumber category : kFiledByMeeting) {
    const DueDay lies = locator.days[category];
    if (lies != DueDay::None() && lies > ended && lies != filing.days[category]) return true;
  }
  return locator.files_end_us != 0 && locator.files_end_us != absl::ToUnixMicros(filing.files_end);
}

}  // namespace retention
