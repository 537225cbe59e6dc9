#include "server/holds/hold_export.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/strip.h"
#include "server/base/errors.h"
#include "server/base/request_parts.h"
#include "server/holds/hold_intake.h"
#include "server/holds/hold_matcher.h"
#include "server/law/course.h"
#include "server/meetings/locator.h"
#include "server/rows/object_rows.h"
#include "server/rows/row_walk.h"
#include "server/rows/value_chunk.h"
#include "storage/keys.h"

namespace retention {
namespace {

absl::Status Damaged() { return absl::DataLossError("a row that is held does not parse"); }

std::string Hex(std::string_view bytes) {
  return absl::BytesToHexString(absl::string_view(bytes.data(), bytes.size()));
}

// The values of one kept row.
class HeldRow {
 public:
  HeldRow(const StoreView& view, const Holdings& holdings, const FiledKey& key, const stored::v1::KeptRow& kept,
          v1::ExportHoldResponse& response)
      : view_(view), holdings_(holdings), key_(key), kept_(kept), response_(response) {}

  // `part`: what the hold covers of it. DATA_LOSS if it does not parse: nothing was added.
  absl::Status AddValues(const std::string& part) {
    if (key_.category == kHistory) return AddCourse(part);
    if (key_.category == kPbxSync || key_.category == kPoll || IsObject(key_.category)) {
      stored::v1::Value value;
      if (!value.ParseFromString(part)) return Damaged();
      AddValue(value);
      return absl::OkStatus();
    }
    stored::v1::ValueChunk chunk;
    if (!UnpackValues(part, chunk)) return Damaged();
    for (const stored::v1::Value& value : chunk.values()) AddValue(value);
    return absl::OkStatus();
  }

 private:
  v1::HeldValue& NewValue(int64_t time_us, std::string_view meeting_id) {
    v1::HeldValue& held = *response_.add_values();
    held.set_category(static_cast<v1::DataCategory>(key_.category));
    const std::string pbx_id = holdings_.registry.ExternalId(key_.pbx);
    held.set_pbx_id(pbx_id.empty() ? kept_.pbx_id() : pbx_id);
    held.set_belongs_to(Hex(key_.owner.view()));
    const bool is_of_meeting = key_.category != kPbxSync && key_.category != kPoll;
    if (is_of_meeting) held.set_meeting_id(meeting_id.empty() ? MeetingId() : std::string(meeting_id));
    const DueDay day = DueDay::FromNumber(kept_.due_day());
    if (day.is_civil()) SetDate(day, *held.mutable_due_day());
    SetTime(kept_.ended_us(), *held.mutable_end_time());
    held.set_end_reason(kept_.reason());
    SetTime(time_us, *held.mutable_time());
    return held;
  }

  // As the occurrence's locator has it, while that is there and opens.
  const std::string& MeetingId() {
    if (std::exchange(asked_, true)) return meeting_id_;
    const auto row = view_.Get(Family::kState, LocatorKey(key_.pbx, key_.owner));
    const auto locator = row.ok() && row->has_value() ? MeetingLocator::Parse(**row) : std::nullopt;
    if (!locator.has_value() || locator->sealed_id.empty()) return meeting_id_;
    const auto id =
        holdings_.vault.Open(MeetingIdKey(locator->days[kHistory], key_.pbx, key_.owner), locator->sealed_id);
    if (id.ok()) meeting_id_ = id->Reveal();
    return meeting_id_;
  }

  void AddValue(const stored::v1::Value& value) {
    v1::HeldValue& held = NewValue(value.time_us(), value.meeting_id());
    held.set_participant_id(value.participant_id());
    if (value.has_object()) {
      held.mutable_object()->set_object_id(value.object().object_id());
      held.mutable_object()->set_object_ref(value.object().object_ref());
      held.mutable_object()->set_display_name(value.object().display_name());
    } else if (value.has_poll()) {
      *held.mutable_poll() = value.poll();
    } else if (value.has_answer()) {
      *held.mutable_answer() = value.answer();
      held.set_participant_mark(value.answer().participant_id());
      held.mutable_answer()->clear_participant_id();
    } else if (value.has_dial_in()) {
      *held.mutable_dial_in() = value.dial_in();
    } else if (value.has_pbx()) {
      *held.mutable_pbx() = value.pbx().profile();
    } else if (value.has_pbx_extension()) {
      *held.mutable_extension() = value.pbx_extension();
    } else {
      held.set_text(value.text());
    }
  }

  absl::Status AddCourse(const std::string& part) {
    stored::v1::CourseChunk chunk;
    Course course;
    if (!chunk.ParseFromString(part) || !course.AddChunk(chunk)) return Damaged();
    const std::string meeting_id(MeetingIdIn(chunk));
    course.ForEach([&](const CourseEvent& event) {
      v1::HeldValue& held = NewValue(event.time_us, meeting_id);
      held.set_event(std::string(absl::StripPrefix(stored::v1::CourseEntry::Kind_Name(event.kind), "KIND_")));
      held.set_participant_mark(Hex(course.Text(event.participant)));
    });
    return absl::OkStatus();
  }

  const StoreView& view_;
  const Holdings& holdings_;
  const FiledKey& key_;
  const stored::v1::KeptRow& kept_;
  v1::ExportHoldResponse& response_;
  bool asked_ = false;
  std::string meeting_id_;
};

}  // namespace

absl::StatusOr<v1::ExportHoldResponse> ExportHold(const StoreView& view, const Holdings& holdings,
                                                  const HoldRegister& holds, const v1::ExportHoldRequest& request,
                                                  Opener opener, absl::Time now) {
  if (absl::Status s = CheckHoldId("hold_id", request.hold_id()); !s.ok()) return s;
  const auto from = PositionIn(request);
  if (!from.ok()) return from.status();
  const HoldPtr hold = holds.Find(request.hold_id());
  if (hold == nullptr || !hold->InForce(holdings.LastDue(now))) return HoldUnknown();
  const auto claims = std::make_shared<HoldClaims>();
  claims->Add(*hold);
  HoldMatcher matcher(view, holdings.vault, holdings.counts,
                      [&claims](const PbxId&) { return HoldConcerns{{.claims = claims}}; });
  const std::vector<PbxId> pbxs = holds.PbxsOf(*hold);
  RowRoute route{.buckets = {}, .pbxs = pbxs};
  for (size_t category = 1; category < kCategories; ++category) {
    route.buckets.emplace_back(DueDay::Kept(), static_cast<CategoryNumber>(category));
  }
  v1::ExportHoldResponse response;
  size_t bytes = 0;
  const auto visit = [&](const FiledKey& key, std::string_view envelope) -> absl::Status {
    const auto add = [&]() -> absl::Status {
      if (opener == Opener::kReader) {
        const auto restricted = holdings.vault.IsRestricted(envelope);
        if (!restricted.ok() || *restricted) return restricted.status();
      }
      const auto plaintext = holdings.vault.Open(key, envelope);
      if (!plaintext.ok()) return plaintext.status();
      stored::v1::KeptRow kept;
      if (!kept.ParseFromString(plaintext->Reveal())) return Damaged();
      const auto part = matcher.Match(key, kept.row(), Vault::ValueCount(envelope));
      if (!part.ok() || part->values == 0) return part.status();
      return HeldRow(view, holdings, key, kept, response).AddValues(part->whole ? kept.row() : part->row);
    };
    const int before = response.values_size();
    absl::Status added = add();
    for (int i = before; i < response.values_size(); ++i) bytes += response.values(i).ByteSizeLong();
    return IsUnreadable(added) ? Damaged() : added;
  };
  const StepBounds bounds{.is_full = [&bytes] { return bytes >= kMaxExportBytes; }};
  const auto position = WalkRows(view, {.from = *from}, route, bounds, visit);
  if (!position.ok()) return position.status();
  response.set_damaged_rows(static_cast<uint32_t>(position->damaged));
  if (position->more) response.set_next_page_token(TokenOf(position->from, request));
  return response;
}

}  // namespace retention
