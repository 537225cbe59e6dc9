#include "server/meetings/report_notices.h"

#include <string>
#include <utility>

#include "server/base/crash_point.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/meetings/meeting_view.h"
#include "storage/keys.h"

namespace retention {

using Row = stored::v1::ReportNotice;

uint64_t GiveNotice(const PbxId& pbx, const OwnerId& meeting, Row::Kind kind, absl::Duration settles_after,
                    Change& change) {
  const uint64_t number = change.NoticeNumber();
  Row row;
  row.set_pbx(std::string(pbx.view()));
  row.set_meeting(std::string(meeting.view()));
  row.set_kind(kind);
  row.set_issued_us(absl::ToUnixMicros(change.now()));
  row.set_settles_us(absl::ToUnixMicros(change.now() + settles_after));
  change.batch().Put(Family::kState, ReportNoticeKey(number), row.SerializeAsString());
  CrashPoint("reports.before_notice");
  change.ThenDo([] { CrashPoint("reports.after_notice"); });
  return number;
}

void WithdrawNotice(uint64_t& number, Batch& batch) {
  if (number != 0) batch.Delete(Family::kState, ReportNoticeKey(number));
  number = 0;
}

absl::StatusOr<std::optional<uint64_t>> WithdrawNoticesOf(const StoreView& view, const PbxId& pbx, uint64_t after,
                                                          Batch& batch) {
  auto cursor = view.Scan(Family::kState, ReportNoticeKey(after + 1), PrefixEnd(ReportNoticePrefix()), AtLoss::kPass);
  for (size_t scanned = 0; cursor->Valid(); cursor->Next()) {
    if (scanned++ == kMaxNoticesScanned) return after;
    const auto number = DecodeReportNoticeKey(cursor->key());
    Row row;
    if (!number.has_value() || !row.ParseFromArray(cursor->value().data(), static_cast<int>(cursor->value().size()))) {
      return absl::DataLossError("a notice about a report does not parse");
    }
    after = *number;
    if (row.pbx() == pbx.view()) batch.Delete(Family::kState, std::string(cursor->key()));
  }
  if (!cursor->status().ok()) return cursor->status();
  return std::nullopt;
}

absl::StatusOr<ReportDelivery> ReportDelivery::For(const Store& store, const Holdings& holdings,
                                                   const v1::WatchReportsRequest& request, absl::Time now) {
  // Who knows notices of another store would wait long for those of this one.
  if (request.after_notice_id() > holdings.notices.last_given()) {
    return InvalidField("after_notice_id", "no such notice was ever given");
  }
  std::optional<PbxId> pbx;
  if (!request.pbx_id().empty()) {
    if (absl::Status s = CheckIdentifier("pbx_id", request.pbx_id()); !s.ok()) return s;
    pbx = holdings.registry.Find(request.pbx_id(), now);
    if (!pbx.has_value()) return PbxUnknown();
  }
  return ReportDelivery(store, holdings, request.after_notice_id(), pbx);
}

absl::StatusOr<ReportDelivery::Message> ReportDelivery::Next(absl::Time now) {
  Message message;
  if (after_ >= holdings_->notices.last_given()) return message;
  const auto view = store_->Snapshot();
  auto cursor = view->Scan(Family::kState, ReportNoticeKey(after_ + 1), PrefixEnd(ReportNoticePrefix()), AtLoss::kPass);
  for (size_t scanned = 0; cursor->Valid(); cursor->Next()) {
    const auto number = DecodeReportNoticeKey(cursor->key());
    Row row;
    if (!number.has_value() || !row.ParseFromArray(cursor->value().data(), static_cast<int>(cursor->value().size())) ||
        row.pbx().size() != PbxId::kBytes || row.meeting().size() != OwnerId::kBytes) {
      return absl::DataLossError("a notice about a report does not parse");
    }
    const absl::Time settled = absl::FromUnixMicros(row.settles_us());
    if (now < settled) {
      message.next = settled;
      return message;
    }
    if (message.notices.size() == kMaxNoticesPerMessage || scanned++ == kMaxNoticesScanned) {
      message.next = absl::InfinitePast();
      return message;
    }
    if (!pbx_.has_value() || row.pbx() == pbx_->view()) {
      auto notice = Describe(*view, *number, row, now);
      if (!notice.ok()) return notice.status();
      if (notice->has_value()) message.notices.push_back(**std::move(notice));
    }
    after_ = *number;
  }
  if (!cursor->status().ok()) return cursor->status();
  return message;
}

absl::StatusOr<std::optional<v1::ReportNotice>> ReportDelivery::Describe(const StoreView& view, uint64_t number,
                                                                         const Row& row, absl::Time now) const {
  const PbxId pbx = PbxId::From(row.pbx());
  const std::string pbx_id = holdings_->registry.ExternalId(pbx);
  if (holdings_->registry.Find(pbx_id, now) != pbx) return std::nullopt;
  const OwnerId owner = OwnerId::From(row.meeting());
  auto meeting = MeetingView::Read(view, holdings_->vault, holdings_->policies.current(), pbx, owner, now);
  if (!meeting.ok()) return meeting.status();
  if (!meeting->has_value() || !(*meeting)->Stands(row.kind(), number)) return std::nullopt;
  const MeetingView& seen = **meeting;
  auto meeting_id = seen.MeetingId();
  if (!meeting_id.ok()) return meeting_id.status();
  v1::ReportNotice notice;
  notice.set_notice_id(number);
  notice.set_kind(static_cast<v1::ReportNoticeKind>(row.kind()));
  notice.set_pbx_id(pbx_id);
  notice.set_meeting_id(*meeting_id);
  notice.set_occurrence(seen.Occurrence());
  const bool open = IsOpen(seen.facts());
  notice.set_end_presumed(open && seen.End() <= now);
  if (!open || notice.end_presumed()) SetTime(absl::ToUnixMicros(seen.End()), *notice.mutable_end_time());
  if (const auto leave = seen.NamesLeave(); leave.has_value()) {
    SetTime(absl::ToUnixMicros(*leave), *notice.mutable_names_leave_time());
  }
  SetTime(row.issued_us(), *notice.mutable_issue_time());
  return notice;
}

}  // namespace retention
