// Previews: the code that erases, with nothing committed.
#include <string>
#include <vector>

#include "server/base/errors.h"
#include "server/base/request_parts.h"
#include "server/engine/engine.h"
#include "server/recording/event_intake.h"
#include "server/rows/object_rows.h"
#include "storage/keys.h"

namespace retention {
namespace {

constexpr std::string_view kPreview = "PREVIEW";  // never entered

}  // namespace

absl::StatusOr<v1::PreviewErasureResponse> Engine::PreviewErasure(const v1::PreviewErasureRequest& request,
                                                                  absl::Time now) {
  // What a new policy has not come to yet would be looked for where it is to be.
  if (policies_.refiling_since().has_value()) return RefileUnderWay();
  Rehearsal rehearsal;
  absl::Status status = Run([&]() -> absl::Status {
    holdings_.rehearsal = &rehearsal;
    absl::Status rehearsed = Rehearse(request, now, rehearsal);
    holdings_.rehearsal = nullptr;
    // What was rehearsed has changed memory, and the store has not followed.
    stale_ = true;
    if (absl::Status loaded = Load(); !loaded.ok()) return loaded;
    return rehearsed;
  });
  if (!status.ok()) return status;
  v1::PreviewErasureResponse response;
  response.set_orders(rehearsal.orders);
  for (size_t category = 1; category < kCategories; ++category) {
    if (rehearsal.erased[category] == 0 && rehearsal.held[category] == 0) continue;
    v1::ErasurePreview& preview = *response.add_categories();
    preview.set_category(static_cast<v1::DataCategory>(category));
    preview.set_values_erased(rehearsal.erased[category]);
    preview.set_values_held(rehearsal.held[category]);
  }
  return response;
}

absl::Status Engine::Rehearse(const v1::PreviewErasureRequest& request, absl::Time now, Rehearsal& rehearsal) {
  switch (request.scope_case()) {
    case v1::PreviewErasureRequest::kControllerId: {
      if (absl::Status s = CheckIdentifier("controller_id", request.controller_id()); !s.ok()) return s;
      auto pbxs = registry_.OfController(request.controller_id(), holdings_.store, vault_, now);
      if (!pbxs.ok()) return pbxs.status();
      if (pbxs->empty()) return ControllerUnknown();
      for (const PbxId& pbx : *pbxs) {
        if (absl::Status s = RehearsePbx(pbx, registry_.ExternalId(pbx), now, rehearsal); !s.ok()) return s;
      }
      return absl::OkStatus();
    }
    case v1::PreviewErasureRequest::kPbxId: {
      if (absl::Status s = CheckIdentifier("pbx_id", request.pbx_id()); !s.ok()) return s;
      const auto pbx = registry_.Find(request.pbx_id(), now);
      return pbx.has_value() ? RehearsePbx(*pbx, request.pbx_id(), now, rehearsal) : PbxUnknown();
    }
    case v1::PreviewErasureRequest::kExtension:
      if (absl::Status s = CheckIdentifier("extension.pbx_id", request.extension().pbx_id()); !s.ok()) return s;
      if (absl::Status s = CheckExtensionNumber("extension.number", request.extension().number()); !s.ok()) return s;
      return desk_
          .RemoveExtension(request.extension().pbx_id(), request.extension().number(), std::nullopt, kPreview, now)
          .status();
    case v1::PreviewErasureRequest::kMeeting:
      if (absl::Status s = CheckIdentifier("meeting.pbx_id", request.meeting().pbx_id()); !s.ok()) return s;
      if (absl::Status s = CheckIdentifier("meeting.meeting_id", request.meeting().meeting_id()); !s.ok()) return s;
      return recorder_.DeleteMeeting(request.meeting().pbx_id(), request.meeting().meeting_id(), kPreview, now)
          .status();
    case v1::PreviewErasureRequest::kObject: {
      const v1::DeleteObjectRequest& object = request.object();
      if (absl::Status s = CheckIdentifier("object.pbx_id", object.pbx_id()); !s.ok()) return s;
      if (absl::Status s = CheckIdentifier("object.meeting_id", object.meeting_id()); !s.ok()) return s;
      if (absl::Status s = CheckIdentifier("object.object_id", object.object_id()); !s.ok()) return s;
      const auto category = static_cast<CategoryNumber>(object.category());
      if (!v1::DataCategory_IsValid(object.category()) || !IsObject(category))
        return InvalidField("object.category", "RECORDING, PDF_SHARE or FILE_SHARE");
      return recorder_.DeleteObject(object.pbx_id(), object.meeting_id(), category, object.object_id(), kPreview, now);
    }
    case v1::PreviewErasureRequest::kPoll:
      if (absl::Status s = CheckIdentifier("poll.pbx_id", request.poll().pbx_id()); !s.ok()) return s;
      if (absl::Status s = CheckIdentifier("poll.poll_id", request.poll().poll_id()); !s.ok()) return s;
      return ErasePoll(request.poll().pbx_id(), request.poll().poll_id(), kPreview, now);
    case v1::PreviewErasureRequest::kDueThrough: {
      auto day = DayOfDate(request.due_through(), "due_through");
      if (!day.ok()) return day.status();
      if (*day <= LastDueDay(now, policy().zone())) return InvalidField("due_through", "today or later");
      return RehearseDays(*day, rehearsal);
    }
    default:
      return InvalidField("scope", "required");
  }
}

absl::Status Engine::RehearsePbx(const PbxId& pbx, const std::string& pbx_id, absl::Time now, Rehearsal& rehearsal) {
  const Rehearsal before = rehearsal;
  auto runs = PbxEnder::RowsOf(pbx, holdings_.store, holdings_.counts, policy());
  if (!runs.ok()) return runs.status();
  const PbxRegistry::EndingPbx ending{.pbx = pbx,
                                      .reason = std::string(kPreview),
                                      .pbx_id = pbx_id,
                                      .held = holdings_.holds.Concerns(pbx, LastDueDay(now, policy().zone()))};
  HoldDesk rehearsing(holdings_, registry_);  // the walks of the other one are not rehearsed
  for (bool more = true; more;) {
    auto step = rehearsing.TakeOutOfEnding(ending, now);
    if (!step.ok()) return step.status();
    more = step->more;
  }
  // What was not held back goes with the rows of the PBX.
  rehearsal.erased = before.erased;
  for (const RowRun& run : *runs) rehearsal.erased[run.category] += run.values;
  for (size_t category = 0; category < kCategories; ++category) {
    rehearsal.erased[category] -= rehearsal.held[category] - before.held[category];
  }
  return absl::OkStatus();
}

absl::Status Engine::RehearseDays(DueDay last, Rehearsal& rehearsal) {
  const absl::Time then = DueInstant(last, policy().zone());
  HoldDesk rehearsing(holdings_, registry_);  // the walks of the other one are not rehearsed
  for (bool more = true; more;) {
    auto step = rehearsing.TakeOutOfDueDays(then);
    if (!step.ok()) return step.status();
    more = *step;
  }
  rehearsal.erased = {};
  Change change(holdings_, then);
  // The walk has taken what it held back, and what it erased, out of the counts.
  BucketCounts stored;
  if (absl::Status status = stored.Load(holdings_.store); !status.ok()) return status;
  for (const auto& [day, counts] : stored.Read()) {
    if (day > last) break;
    const OrderScope scope = holdings_.gate.closed(day) ? OrderScope::kFiles : OrderScope::kAll;
    if (auto issued = IssueOrders(day, scope, change); !issued.ok()) return issued.status();
    for (size_t category = 1; category < kCategories; ++category) rehearsal.erased[category] += counts[category].values;
  }
  for (size_t category = 0; category < kCategories; ++category) rehearsal.erased[category] -= rehearsal.held[category];
  return change.Commit();
}

}  // namespace retention
