#include "server/access/method_table.h"

#include <cstdlib>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

namespace retention {
namespace {

using enum Role;
using enum ScopeRule;
using enum CallCost;

// What is read of people, as KIND_READ of the ledger says it.
constexpr std::string_view kMeetings = "MEETINGS";
constexpr std::string_view kReports = "REPORTS";
constexpr std::string_view kPbxs = "PBXS";
constexpr std::string_view kHolds = "HOLDS";
// What they keep, value by value.
constexpr std::string_view kHeldValues = "HELD_VALUES";
constexpr std::string_view kLogs = "LOGS";
constexpr std::string_view kObjects = "OBJECTS";
// Exact numbers of what is held: no statistics. Of one PBX, or of one day, they can tell of one person.
constexpr std::string_view kCounts = "COUNTS";

// A batch of 4 MiB, whose limit is its own to say, and the largest PBX: 10,000 extensions with every field full are 7
// MB.
constexpr size_t kLongest = 8 << 20;
constexpr size_t kShort = MethodRow::kRequestBytes;
// A text of 64 KiB.
constexpr size_t kPolicyBytes = 128 << 10;

constexpr MethodRow kTable[] = {
    {"BackupService", "CreateBackup", {kOperator}, kDenied, {}, {}, kShort, kExpensive},
    {"BackupService", "ListBackups", {kMonitoring, kOperator, kAuditor}},
    {"BackupService", "VerifyBackup", {kOperator, kAuditor}, kDenied, {}, "BACKUP_VERIFIED", kShort, kExpensive},
    {"BackupService", "PruneBackup", {kOperator}},
    {"ClockService", "GetClock", {kOperator}},
    {"ClockService", "AdvanceClock", {kOperator}, kDenied, {}, "CLOCK_ADVANCED"},
    {"ClockService", "ConfirmClock", {kOperator}},
    {"ControllerService", "CreateController", {kRightsDesk, kOperator}},
    {"ControllerService", "GetController", {kRightsDesk, kOperator, kAuditor}},
    {"ControllerService", "ListControllers", {kRightsDesk, kOperator, kAuditor}},
    {"ControllerService", "UpdateController", {kRightsDesk, kOperator}},
    {"ControllerService", "DeleteController", {kRightsDesk, kOperator}},
    {"DeletionService", "DeletePbx", {kOperator}},
    {"DeletionService", "DeleteExtension", {kOperator, kRightsDesk}},
    {"DeletionService", "DeleteMeeting", {kOperator, kRightsDesk}},
    {"DeletionService", "DeleteObject", {kOperator, kRightsDesk}},
    {"DeletionService", "DeletePoll", {kOperator, kRightsDesk}},
    {"DeletionService", "PreviewErasure", {kOperator, kRightsDesk}, kDenied, kCounts, {}, kShort, kExpensive},
    {"ErasureOrderService", "WatchErasureOrders", {kPortal}, kCut},
    {"ErasureOrderService", "ConfirmErasureOrders", {kPortal}, kCut},
    {"ErasureOrderService", "ListErasureOrders", {kPortal, kOperator, kAuditor}, kPbx, kObjects},
    {"EventService", "RecordEvents", {kPortal}, kEvents, {}, {}, kLongest, kUnlimited},
    {"EventService", "BatchRecordEvents", {kPortal}, kEvents, {}, {}, kLongest, kUnlimited},
    {"HoldService", "CreateHold", {kRightsDesk, kOperator}},
    {"HoldService", "GetHold", {kRightsDesk, kOperator, kAuditor}, kDenied, kHolds, {}, kShort, kExpensive},
    {"HoldService", "ListHolds", {kRightsDesk, kOperator, kAuditor}, kDenied, kHolds},
    {"HoldService", "UpdateHold", {kRightsDesk, kOperator}, kDenied, kHolds},
    {"HoldService", "ReleaseHold", {kRightsDesk, kOperator}},
    {"HoldService", "ExportHold", {kRightsDesk, kAuditor}, kDenied, kHeldValues, {}, kShort, kExpensive},
    {"HoldService", "ListReleasedHolds", {kRightsDesk, kOperator, kAuditor}},
    {"LedgerService", "GetCheckpoint", {kRightsDesk, kOperator, kAuditor}},
    {"LedgerService", "ListLedgerEntries", {kRightsDesk, kOperator, kAuditor}},
    {"LedgerService", "GetInclusionProof", {kRightsDesk, kOperator, kAuditor}},
    {"LedgerService", "GetConsistencyProof", {kRightsDesk, kOperator, kAuditor}},
    {"LedgerService", "GetLedgerTile", {kRightsDesk, kOperator, kAuditor}},
    {"LogService", "AppendLogs", {kPortal}, kFree, {}, {}, kLongest, kUnlimited},
    {"LogService", "ReadLogs", {kOperator}, kDenied, kLogs},
    {"LogService", "ExtendLogRetention", {kOperator}},
    {"LogService", "ListLogExtensions", {kOperator, kAuditor}},
    {"MeetingService", "GetMeeting", {kPortal, kRightsDesk, kOperator}, kPbx, kMeetings},
    {"MeetingService", "ListMeetings", {kPortal, kRightsDesk, kOperator}, kPbx, kMeetings},
    {"MeetingService", "ListParticipants", {kPortal, kRightsDesk, kOperator}, kPbx, kMeetings},
    {"MeetingService", "GetMeetingReport", {kPortal, kRightsDesk, kOperator}, kPbx, kReports},
    {"MeetingService", "WatchReports", {kPortal}, kPbx},
    {"PbxService", "SyncPbx", {kPortal}, kSync, {}, {}, kLongest},
    {"PbxService", "GetPbx", {kPortal, kRightsDesk, kOperator}, kPbx, kPbxs},
    {"PbxService", "ListPbxs", {kPortal, kRightsDesk, kOperator, kAuditor}, kCut, kPbxs},
    {"PbxService", "RemoveExtension", {kPortal, kOperator}, kPbx},
    {"PbxService", "DeregisterPbx", {kPortal, kOperator}, kPbx},
    {"PbxService", "ReportLicence", {kPortal, kOperator}},
    {"RetentionService", "GetPolicy", {kPortal, kRightsDesk, kOperator, kAuditor}, kFree},
    {"RetentionService", "PlanPolicy", {kOperator, kAuditor}, kDenied, kCounts, {}, kPolicyBytes, kExpensive},
    {"RetentionService", "ApplyPolicy", {kOperator}, kDenied, {}, {}, kPolicyBytes},
    {"RetentionService", "ListDueDays", {kRightsDesk, kOperator, kAuditor}, kDenied, kCounts, {}, kShort, kExpensive},
    {"RetentionService", "Sweep", {kOperator}},
    {"RingService", "GetRingStatus", {kMonitoring, kOperator, kAuditor}},
    {"RingService", "RotateRingRoot", {kOperator}, kDenied, {}, "RING_ROOT_ROTATED"},
    {"RingService", "VerifyRing", {kOperator, kAuditor}, kDenied, {}, "RING_VERIFIED", kShort, kExpensive},
    {"ServerService", "GetServerInfo", {kPortal, kRightsDesk, kOperator, kAuditor}, kFree},
    {"StatisticsService", "ListTables", {kStatistics, kOperator, kAuditor}},
    {"StatisticsService", "GetGuarantee", {kStatistics, kOperator, kAuditor}},
    {"StatisticsService", "QueryStatistics", {kStatistics, kOperator, kAuditor}},
    {"StatisticsService", "ExportStatistics", {kStatistics, kOperator, kAuditor}, kDenied, {}, {}, kShort, kExpensive},
    {"StatisticsService",
     "SampleSyntheticRecords",
     {kStatistics, kOperator, kAuditor},
     kDenied,
     {},
     {},
     kShort,
     kExpensive},
};

using Rows = absl::flat_hash_map<const google::protobuf::Descriptor*, const MethodRow*>;

Rows ByRequest() {
  Rows rows;
  for (const MethodRow& row : kTable) {
    const auto* method = google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
        absl::StrCat("retention.v1.", std::string(row.service), ".", std::string(row.method)));
    if (method != nullptr) rows.emplace(method->input_type(), &row);
  }
  return rows;
}

}  // namespace

std::span<const MethodRow> MethodTable() { return kTable; }

std::string PathOf(const MethodRow& method) {
  return absl::StrCat("/retention.v1.", std::string(method.service), "/", std::string(method.method));
}

const MethodRow& RowOfRequest(const google::protobuf::Descriptor& request) {
  static const Rows& rows = *new Rows(ByRequest());
  const auto row = rows.find(&request);
  if (row == rows.end()) std::abort();  // a method without a row: tests/access finds it first
  return *row->second;
}

}  // namespace retention
