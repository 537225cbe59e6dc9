#include "server/engine/preview.h"

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/base/field_violations.h"
#include "server/base/request_parts.h"
#include "server/base/waiting_caller.h"
#include "server/rows/object_rows.h"

namespace retention {
namespace {

constexpr std::string_view kPreview = "PREVIEW";  // never entered

absl::Status TooLarge() {
  return ErrorWithReason(absl::StatusCode::kResourceExhausted, "PREVIEW_TOO_LARGE",
                         "more rows than a preview looks at; ask for a part of it");
}

}  // namespace

Preview::Preview(const Store& store, Domains& domains, absl::Time now)
    : store_(store),
      domains_(domains),
      holdings_(domains.holdings),
      now_(now),
      names_(holdings_.store, holdings_.vault, holdings_.counts, domains.holds) {}

absl::Status Preview::Try(absl::FunctionRef<absl::Status(Change&)> command) {
  Change change(holdings_, now_);
  if (absl::Status s = command(change); !s.ok()) return s;
  return Add(change);
}

absl::Status Preview::Add(const Change& change) {
  for (size_t category = 0; category < kCategories; ++category) {
    erased_[category] += change.erased()[category];
    kept_[category] += change.kept()[category];
  }
  // Of then: a hold that is over before keeps nothing any more.
  change.ForEachKept([&](const FiledKey& key, const stored::v1::KeptRow& row, uint32_t values) {
    names_.Look(key, row.row(), values, change.last_due());
  });
  return AddOrders(change);
}

absl::Status Preview::AddOrders(const Change& change) {
  for (const OwnerId& object : change.ordered()) ordered_.insert(object);
  references_.Add(change.references());
  return ordered_.size() <= kMaxObjects ? absl::OkStatus() : TooLarge();
}

absl::Status Preview::CountStep() {
  // What is seen holds back the reopening of a store that has failed.
  if (absl::Status s = store_.Health(); !s.ok()) return absl::UnavailableError("the store has failed meanwhile");
  return ++steps_ <= kMaxSteps ? CheckCallerWaits() : TooLarge();
}

absl::StatusOr<v1::PreviewErasureResponse> Preview::Response() const {
  v1::PreviewErasureResponse response;
  uint64_t orders = 0;
  for (const OwnerId& object : ordered_) {
    const auto left = references_.AnyLeft(holdings_, object);
    if (!left.ok()) return left.status();
    orders += *left ? 0 : 1;
  }
  response.set_orders(orders);
  *response.mutable_holds() = names_.Describe();
  for (size_t category = 1; category < kCategories; ++category) {
    if (erased_[category] == 0 && kept_[category] == 0) continue;
    v1::ErasurePreview& preview = *response.add_categories();
    preview.set_category(static_cast<v1::DataCategory>(category));
    preview.set_values_erased(erased_[category]);
    preview.set_values_held(kept_[category]);
  }
  return response;
}

absl::Status Preview::Of(const v1::PreviewErasureRequest& request) {
  FieldViolations violations;
  switch (request.scope_case()) {
    case v1::PreviewErasureRequest::kControllerId: {
      if (absl::Status s = CheckPartyIdentifier("controller_id", request.controller_id()); !s.ok()) return s;
      auto pbxs = holdings_.registry.OfController(request.controller_id(), holdings_.store, holdings_.vault, now_);
      if (!pbxs.ok()) return pbxs.status();
      if (pbxs->empty()) return ControllerUnknown();
      for (const PbxId& pbx : *pbxs) {
        if (absl::Status s = OfPbx(pbx, holdings_.registry.ExternalId(pbx)); !s.ok()) return s;
      }
      return absl::OkStatus();
    }
    case v1::PreviewErasureRequest::kPbxId: {
      if (absl::Status s = CheckIdentifier("pbx_id", request.pbx_id()); !s.ok()) return s;
      const auto pbx = holdings_.registry.Find(request.pbx_id(), now_);
      return pbx.has_value() ? OfPbx(*pbx, request.pbx_id()) : PbxUnknown();
    }
    case v1::PreviewErasureRequest::kExtension:
      violations.Add(CheckIdentifier("extension.pbx_id", request.extension().pbx_id()));
      violations.Add(CheckExtensionNumber("extension.number", request.extension().number()));
      if (!violations.ok()) return violations.status();
      return Try([&](Change& change) {
        const v1::DeleteExtensionRequest& extension = request.extension();
        return domains_.pbxs
            .RemoveExtension(extension.pbx_id(), {.number = extension.number()}, std::nullopt, kPreview, change)
            .status();
      });
    case v1::PreviewErasureRequest::kMeeting:
      violations.Add(CheckIdentifier("meeting.pbx_id", request.meeting().pbx_id()));
      violations.Add(CheckIdentifier("meeting.meeting_id", request.meeting().meeting_id()));
      if (!violations.ok()) return violations.status();
      return Try([&](Change& change) {
        const v1::DeleteMeetingRequest& meeting = request.meeting();
        return domains_.recorder.DeleteMeeting(meeting.pbx_id(), meeting.meeting_id(), kPreview, change);
      });
    case v1::PreviewErasureRequest::kObject: {
      const v1::DeleteObjectRequest& object = request.object();
      violations.Add(CheckIdentifier("object.pbx_id", object.pbx_id()));
      violations.Add(CheckIdentifier("object.meeting_id", object.meeting_id()));
      violations.Add(CheckIdentifier("object.object_id", object.object_id()));
      const auto category = static_cast<CategoryNumber>(object.category());
      if (!v1::DataCategory_IsValid(object.category()) || !IsObject(category)) {
        violations.Add("object.category", "RECORDING, PDF_SHARE or FILE_SHARE");
      }
      if (!violations.ok()) return violations.status();
      return Try([&](Change& change) {
        return domains_.recorder.DeleteObject(object.pbx_id(), object.meeting_id(), category, object.object_id(),
                                              kPreview, change);
      });
    }
    case v1::PreviewErasureRequest::kPoll:
      violations.Add(CheckIdentifier("poll.pbx_id", request.poll().pbx_id()));
      violations.Add(CheckIdentifier("poll.poll_id", request.poll().poll_id()));
      if (!violations.ok()) return violations.status();
      return Try([&](Change& change) {
        return domains_.recorder.DeletePoll(request.poll().pbx_id(), request.poll().poll_id(), kPreview, change);
      });
    case v1::PreviewErasureRequest::kDueThrough: {
      auto day = DayOfDate(request.due_through(), "due_through");
      if (!day.ok()) return day.status();
      if (*day <= holdings_.LastDue(now_)) return InvalidField("due_through", "today or later");
      return OfDays(*day);
    }
    default:
      return InvalidField("scope", "required");
  }
}

absl::Status Preview::OfPbx(const PbxId& pbx, const std::string& pbx_id) {
  const CategoryCounts erased_before = erased_;
  const CategoryCounts kept_before = kept_;
  auto runs = PbxEnder::RowsOf(pbx, holdings_.store, holdings_.counts, holdings_.policy());
  if (!runs.ok()) return runs.status();
  const PbxRegistry::EndingPbx ending{.pbx = pbx,
                                      .reason = std::string(kPreview),
                                      .pbx_id = pbx_id,
                                      .held = holdings_.Concerned(pbx, holdings_.LastDue(now_)),
                                      .begun = now_};
  for (WalkPosition position; position.more;) {
    if (absl::Status s = CountStep(); !s.ok()) return s;
    Change change(holdings_, now_);
    auto step = domains_.keeping.TakeOutOfEnding(ending, position, change);
    if (!step.ok()) return step.status();
    position = std::move(step->position);
    if (absl::Status s = Add(change); !s.ok()) return s;
  }
  // What was not held back goes with the rows of the PBX.
  erased_ = erased_before;
  for (const RowRun& run : *runs) erased_[run.category] += run.values;
  for (size_t category = 0; category < kCategories; ++category) {
    erased_[category] -= kept_[category] - kept_before[category];
  }
  return absl::OkStatus();
}

absl::Status Preview::OfDays(DueDay last) {
  const absl::Time then = DueInstant(last, holdings_.policy().zone());
  DayEnder::Keys gone;  // objects alone: their orders are what is asked about
  for (DueWalk walk; walk.position.more;) {
    if (absl::Status s = CountStep(); !s.ok()) return s;
    Change change(holdings_, then);
    auto next = domains_.keeping.TakeOutOfDueDays(walk, change);
    if (!next.ok()) return next.status();
    walk = *std::move(next);
    if (absl::Status s = Add(change); !s.ok()) return s;
    for (const std::string& key : change.dropped()) {
      if (IsObject(FiledKey::Decode(key)->category)) gone.insert(key);
    }
  }
  erased_ = {};
  for (const auto& [day, counts] : holdings_.counts.Read()) {
    if (day > last) break;
    if (absl::Status s = CountStep(); !s.ok()) return s;
    Change change(holdings_, then);  // of one day: its orders are counted and forgotten
    if (absl::Status s = domains_.days.OrderRest(day, gone, change); !s.ok()) return s;
    if (absl::Status s = AddOrders(change); !s.ok()) return s;
    for (size_t category = 1; category < kCategories; ++category) erased_[category] += counts[category].values;
  }
  for (size_t category = 0; category < kCategories; ++category) erased_[category] -= kept_[category];
  // What only holds keep that are over by then.
  for (WalkPosition position; position.more;) {
    if (absl::Status s = CountStep(); !s.ok()) return s;
    Change change(holdings_, then);
    auto step = domains_.keeping.ForeseeLetGo(position, change);
    if (!step.ok()) return step.status();
    position = std::move(step->position);
    if (absl::Status s = Add(change); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace retention
