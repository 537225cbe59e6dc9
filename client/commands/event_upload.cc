#include "client/commands/event_upload.h"

#include <google/protobuf/struct.pb.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/commands/enum_names.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "client/status_details.h"

namespace retention {
namespace {

constexpr uint64_t kProgressEvery = 5000;

// Retries are those of calls.
EventStreamOptions StreamOptions(const CommandSession& session) {
  EventStreamOptions options;
  options.retry = session.retry();
  return options;
}

}  // namespace

EventUpload::EventUpload(CommandSession& session, std::function<std::string(uint64_t)> place)
    : session_(session),
      place_(std::move(place)),
      stream_(session.MakeClient().connection(), StreamOptions(session),
              [this](const BatchAnswer& answer) { TakeAnswer(answer); }) {}

absl::Status EventUpload::Add(v1::Event event) {
  if (!status_.ok()) return status_;
  if (++sent_ % kProgressEvery == 0) {
    session_.Progress(absl::StrCat(ReadableCount(static_cast<int64_t>(sent_)), " events"));
  }
  status_ = stream_.Add(std::move(event));
  return status_;
}

absl::Status EventUpload::Drain() {
  if (status_.ok()) status_ = stream_.Drain();
  return status_;
}

void EventUpload::Finish(uint64_t malformed) {
  const absl::Status finished = stream_.Finish();
  if (status_.ok()) status_ = finished;
  session_.Progress("");
  std::lock_guard lock(mutex_);
  const EventStream::Totals totals = stream_.totals();
  for (const auto& text : shown_) session_.Fail(text);
  if (totals.rejected > shown_.size()) {
    session_.Fail(absl::StrCat("... and ", totals.rejected - shown_.size(), " more rejections"));
  }
  PrintTotals(totals, malformed);
  if (!status_.ok()) session_.Fail(status_);
}

void EventUpload::TakeAnswer(const BatchAnswer& answer) {
  std::lock_guard lock(mutex_);
  const auto show = [&](const v1::Rejection& rejection, std::string_view what) {
    if (shown_.size() >= kRejectionsShown) return;
    const std::string field = rejection.field().empty() ? "" : absl::StrCat(rejection.field(), ": ");
    shown_.push_back(absl::StrCat(place_(answer.first_event + rejection.index()), ": ", field, rejection.description(),
                                  " (", absl::string_view(what.data(), what.size()), ")"));
  };
  for (const auto& rejection : answer.result.rejections()) {
    ++rejections_[rejection.reason()];
    const std::string reason = KebabName(rejection.reason());
    show(rejection, rejection.retryable() ? absl::StrCat(reason, "; sent again later it may be taken") : reason);
  }
  for (const auto& value : answer.result.value_rejections()) show(value, "left out; the rest was taken in");
}

void EventUpload::PrintTotals(const EventStream::Totals& totals, uint64_t malformed) {
  OutputTable table({{"EVENTS", "result"}, {"COUNT", "count", true}});
  google::protobuf::Struct json;
  const auto add = [&](const std::string& name, const std::string& csv_name, uint64_t count, bool always) {
    (*json.mutable_fields())[csv_name].set_number_value(static_cast<double>(count));
    if (count == 0 && !always) return;
    table.AddRow({TableCell(name, csv_name), CountCell(count)});
  };
  add("sent", "sent", totals.answered(), true);
  add("accepted", "accepted", totals.accepted, true);
  add("duplicates", "duplicates", totals.duplicates, false);
  add("rejected", "rejected", totals.rejected, false);
  for (const auto& [reason, count] : rejections_) {
    const std::string name = KebabName(reason);
    add(absl::StrCat("  ", name), absl::StrCat("rejected_", name), count, false);
  }
  add("not an event", "malformed", malformed, false);
  add("unanswered", "unanswered", totals.sent - totals.answered(), false);
  add("values that were malformed", "values_rejected", totals.values_rejected, false);
  add("objects ordered away", "objects_ordered_away", totals.objects_ordered_away, false);
  add("values that were past due", "values_past_due", totals.values_past_due, false);
  session_.Print(json, table);
}

}  // namespace retention
