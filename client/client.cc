#include "client/client.h"

#include "grpc/health/v1/health.pb.h"
#include "retention/v1/backup_service.pb.h"
#include "retention/v1/clock_service.pb.h"
#include "retention/v1/controller_service.pb.h"
#include "retention/v1/deletion_service.pb.h"
#include "retention/v1/erasure_order_service.pb.h"
#include "retention/v1/event_service.pb.h"
#include "retention/v1/hold_service.pb.h"
#include "retention/v1/ledger_service.pb.h"
#include "retention/v1/log_service.pb.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "retention/v1/ring_service.pb.h"
#include "retention/v1/server_service.pb.h"
#include "retention/v1/statistics_service.pb.h"

namespace retention {

absl::Status Client::CallInto(const char* method, const google::protobuf::Message& request,
                              google::protobuf::Message* response, bool idempotent) const {
  Backoff backoff(options_.retry);
  while (true) {
    response->Clear();
    const absl::Status status = connection_->Call(method, request, response, options_.timeout);
    if (status.ok() || !idempotent || !IsRetryable(status)) return status;
    const auto delay = backoff.NextDelay(status);
    if (!delay.has_value()) return status;
    options_.retry.sleep(*delay);
  }
}

template <typename Response>
absl::StatusOr<Response> Client::Call(const char* method, const google::protobuf::Message& request,
                                      bool idempotent) const {
  Response response;
  const absl::Status status = CallInto(method, request, &response, idempotent);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::BatchRecordEventsResponse> Client::BatchRecordEvents(
    const v1::BatchRecordEventsRequest& request) const {
  return Call<v1::BatchRecordEventsResponse>("/retention.v1.EventService/BatchRecordEvents", request);
}

absl::StatusOr<v1::GetMeetingResponse> Client::GetMeeting(const v1::GetMeetingRequest& request) const {
  return Call<v1::GetMeetingResponse>("/retention.v1.MeetingService/GetMeeting", request);
}

absl::StatusOr<v1::ListMeetingsResponse> Client::ListMeetings(const v1::ListMeetingsRequest& request) const {
  return Call<v1::ListMeetingsResponse>("/retention.v1.MeetingService/ListMeetings", request);
}

absl::StatusOr<v1::ListParticipantsResponse> Client::ListParticipants(
    const v1::ListParticipantsRequest& request) const {
  return Call<v1::ListParticipantsResponse>("/retention.v1.MeetingService/ListParticipants", request);
}

absl::StatusOr<v1::GetMeetingReportResponse> Client::GetMeetingReport(
    const v1::GetMeetingReportRequest& request) const {
  return Call<v1::GetMeetingReportResponse>("/retention.v1.MeetingService/GetMeetingReport", request);
}

absl::StatusOr<v1::SyncPbxResponse> Client::SyncPbx(const v1::SyncPbxRequest& request) const {
  return Call<v1::SyncPbxResponse>("/retention.v1.PbxService/SyncPbx", request);
}

absl::StatusOr<v1::GetPbxResponse> Client::GetPbx(const v1::GetPbxRequest& request) const {
  return Call<v1::GetPbxResponse>("/retention.v1.PbxService/GetPbx", request);
}

absl::StatusOr<v1::ListPbxsResponse> Client::ListPbxs(const v1::ListPbxsRequest& request) const {
  return Call<v1::ListPbxsResponse>("/retention.v1.PbxService/ListPbxs", request);
}

absl::StatusOr<v1::RemoveExtensionResponse> Client::RemoveExtension(const v1::RemoveExtensionRequest& request) const {
  return Call<v1::RemoveExtensionResponse>("/retention.v1.PbxService/RemoveExtension", request);
}

absl::StatusOr<v1::DeregisterPbxResponse> Client::DeregisterPbx(const v1::DeregisterPbxRequest& request) const {
  return Call<v1::DeregisterPbxResponse>("/retention.v1.PbxService/DeregisterPbx", request);
}

absl::StatusOr<v1::ReportLicenceResponse> Client::ReportLicence(const v1::ReportLicenceRequest& request) const {
  return Call<v1::ReportLicenceResponse>("/retention.v1.PbxService/ReportLicence", request);
}

absl::StatusOr<v1::DeletePbxResponse> Client::DeletePbx(const v1::DeletePbxRequest& request) const {
  return Call<v1::DeletePbxResponse>("/retention.v1.DeletionService/DeletePbx", request);
}

absl::StatusOr<v1::DeleteExtensionResponse> Client::DeleteExtension(const v1::DeleteExtensionRequest& request) const {
  return Call<v1::DeleteExtensionResponse>("/retention.v1.DeletionService/DeleteExtension", request);
}

absl::StatusOr<v1::DeleteMeetingResponse> Client::DeleteMeeting(const v1::DeleteMeetingRequest& request) const {
  return Call<v1::DeleteMeetingResponse>("/retention.v1.DeletionService/DeleteMeeting", request);
}

absl::StatusOr<v1::DeleteObjectResponse> Client::DeleteObject(const v1::DeleteObjectRequest& request) const {
  return Call<v1::DeleteObjectResponse>("/retention.v1.DeletionService/DeleteObject", request);
}

absl::StatusOr<v1::DeletePollResponse> Client::DeletePoll(const v1::DeletePollRequest& request) const {
  return Call<v1::DeletePollResponse>("/retention.v1.DeletionService/DeletePoll", request);
}

absl::StatusOr<v1::PreviewErasureResponse> Client::PreviewErasure(const v1::PreviewErasureRequest& request) const {
  return Call<v1::PreviewErasureResponse>("/retention.v1.DeletionService/PreviewErasure", request);
}

absl::StatusOr<v1::CreateControllerResponse> Client::CreateController(
    const v1::CreateControllerRequest& request) const {
  return Call<v1::CreateControllerResponse>("/retention.v1.ControllerService/CreateController", request);
}

absl::StatusOr<v1::GetControllerResponse> Client::GetController(const v1::GetControllerRequest& request) const {
  return Call<v1::GetControllerResponse>("/retention.v1.ControllerService/GetController", request);
}

absl::StatusOr<v1::ListControllersResponse> Client::ListControllers(const v1::ListControllersRequest& request) const {
  return Call<v1::ListControllersResponse>("/retention.v1.ControllerService/ListControllers", request);
}

absl::StatusOr<v1::UpdateControllerResponse> Client::UpdateController(
    const v1::UpdateControllerRequest& request) const {
  return Call<v1::UpdateControllerResponse>("/retention.v1.ControllerService/UpdateController", request);
}

absl::StatusOr<v1::DeleteControllerResponse> Client::DeleteController(
    const v1::DeleteControllerRequest& request) const {
  return Call<v1::DeleteControllerResponse>("/retention.v1.ControllerService/DeleteController", request,
                                            /*idempotent=*/false);
}

absl::StatusOr<v1::CreateHoldResponse> Client::CreateHold(const v1::CreateHoldRequest& request) const {
  return Call<v1::CreateHoldResponse>("/retention.v1.HoldService/CreateHold", request);
}

absl::StatusOr<v1::GetHoldResponse> Client::GetHold(const v1::GetHoldRequest& request) const {
  return Call<v1::GetHoldResponse>("/retention.v1.HoldService/GetHold", request);
}

absl::StatusOr<v1::ExportHoldResponse> Client::ExportHold(const v1::ExportHoldRequest& request) const {
  return Call<v1::ExportHoldResponse>("/retention.v1.HoldService/ExportHold", request);
}

absl::StatusOr<v1::ListReleasedHoldsResponse> Client::ListReleasedHolds(
    const v1::ListReleasedHoldsRequest& request) const {
  return Call<v1::ListReleasedHoldsResponse>("/retention.v1.HoldService/ListReleasedHolds", request);
}

absl::StatusOr<v1::ListHoldsResponse> Client::ListHolds(const v1::ListHoldsRequest& request) const {
  return Call<v1::ListHoldsResponse>("/retention.v1.HoldService/ListHolds", request);
}

absl::StatusOr<v1::UpdateHoldResponse> Client::UpdateHold(const v1::UpdateHoldRequest& request) const {
  return Call<v1::UpdateHoldResponse>("/retention.v1.HoldService/UpdateHold", request);
}

absl::StatusOr<v1::ReleaseHoldResponse> Client::ReleaseHold(const v1::ReleaseHoldRequest& request) const {
  return Call<v1::ReleaseHoldResponse>("/retention.v1.HoldService/ReleaseHold", request, /*idempotent=*/false);
}

absl::StatusOr<v1::ReadLogsResponse> Client::ReadLogs(const v1::ReadLogsRequest& request) const {
  return Call<v1::ReadLogsResponse>("/retention.v1.LogService/ReadLogs", request);
}

absl::StatusOr<v1::ExtendLogRetentionResponse> Client::ExtendLogRetention(
    const v1::ExtendLogRetentionRequest& request) const {
  return Call<v1::ExtendLogRetentionResponse>("/retention.v1.LogService/ExtendLogRetention", request);
}

absl::StatusOr<v1::ListLogExtensionsResponse> Client::ListLogExtensions(
    const v1::ListLogExtensionsRequest& request) const {
  return Call<v1::ListLogExtensionsResponse>("/retention.v1.LogService/ListLogExtensions", request);
}

absl::StatusOr<v1::GetPolicyResponse> Client::GetPolicy(const v1::GetPolicyRequest& request) const {
  return Call<v1::GetPolicyResponse>("/retention.v1.RetentionService/GetPolicy", request);
}

absl::StatusOr<v1::PlanPolicyResponse> Client::PlanPolicy(const v1::PlanPolicyRequest& request) const {
  return Call<v1::PlanPolicyResponse>("/retention.v1.RetentionService/PlanPolicy", request);
}

absl::StatusOr<v1::ApplyPolicyResponse> Client::ApplyPolicy(const v1::ApplyPolicyRequest& request) const {
  return Call<v1::ApplyPolicyResponse>("/retention.v1.RetentionService/ApplyPolicy", request, /*idempotent=*/false);
}

absl::StatusOr<v1::ListDueDaysResponse> Client::ListDueDays(const v1::ListDueDaysRequest& request) const {
  return Call<v1::ListDueDaysResponse>("/retention.v1.RetentionService/ListDueDays", request);
}

absl::StatusOr<v1::SweepResponse> Client::Sweep(const v1::SweepRequest& request) const {
  return Call<v1::SweepResponse>("/retention.v1.RetentionService/Sweep", request);
}

absl::StatusOr<v1::GetCheckpointResponse> Client::GetCheckpoint(const v1::GetCheckpointRequest& request) const {
  return Call<v1::GetCheckpointResponse>("/retention.v1.LedgerService/GetCheckpoint", request);
}

absl::StatusOr<v1::ListLedgerEntriesResponse> Client::ListLedgerEntries(
    const v1::ListLedgerEntriesRequest& request) const {
  return Call<v1::ListLedgerEntriesResponse>("/retention.v1.LedgerService/ListLedgerEntries", request);
}

absl::StatusOr<v1::GetInclusionProofResponse> Client::GetInclusionProof(
    const v1::GetInclusionProofRequest& request) const {
  return Call<v1::GetInclusionProofResponse>("/retention.v1.LedgerService/GetInclusionProof", request);
}

absl::StatusOr<v1::GetConsistencyProofResponse> Client::GetConsistencyProof(
    const v1::GetConsistencyProofRequest& request) const {
  return Call<v1::GetConsistencyProofResponse>("/retention.v1.LedgerService/GetConsistencyProof", request);
}

absl::StatusOr<v1::GetLedgerTileResponse> Client::GetLedgerTile(const v1::GetLedgerTileRequest& request) const {
  return Call<v1::GetLedgerTileResponse>("/retention.v1.LedgerService/GetLedgerTile", request);
}

absl::StatusOr<v1::GetRingStatusResponse> Client::GetRingStatus(const v1::GetRingStatusRequest& request) const {
  return Call<v1::GetRingStatusResponse>("/retention.v1.RingService/GetRingStatus", request);
}

absl::StatusOr<v1::RotateRingRootResponse> Client::RotateRingRoot(const v1::RotateRingRootRequest& request) const {
  return Call<v1::RotateRingRootResponse>("/retention.v1.RingService/RotateRingRoot", request, /*idempotent=*/false);
}

absl::StatusOr<v1::CreateBackupResponse> Client::CreateBackup(const v1::CreateBackupRequest& request) const {
  return Call<v1::CreateBackupResponse>("/retention.v1.BackupService/CreateBackup", request, /*idempotent=*/false);
}

absl::StatusOr<v1::ListBackupsResponse> Client::ListBackups(const v1::ListBackupsRequest& request) const {
  return Call<v1::ListBackupsResponse>("/retention.v1.BackupService/ListBackups", request);
}

absl::StatusOr<v1::VerifyBackupResponse> Client::VerifyBackup(const v1::VerifyBackupRequest& request) const {
  return Call<v1::VerifyBackupResponse>("/retention.v1.BackupService/VerifyBackup", request);
}

absl::StatusOr<v1::PruneBackupResponse> Client::PruneBackup(const v1::PruneBackupRequest& request) const {
  return Call<v1::PruneBackupResponse>("/retention.v1.BackupService/PruneBackup", request);
}

absl::StatusOr<v1::VerifyRingResponse> Client::VerifyRing(const v1::VerifyRingRequest& request) const {
  return Call<v1::VerifyRingResponse>("/retention.v1.RingService/VerifyRing", request);
}

absl::StatusOr<v1::ListTablesResponse> Client::ListTables(const v1::ListTablesRequest& request) const {
  return Call<v1::ListTablesResponse>("/retention.v1.StatisticsService/ListTables", request);
}

absl::StatusOr<v1::QueryStatisticsResponse> Client::QueryStatistics(const v1::QueryStatisticsRequest& request) const {
  return Call<v1::QueryStatisticsResponse>("/retention.v1.StatisticsService/QueryStatistics", request);
}

absl::StatusOr<v1::GetGuaranteeResponse> Client::GetGuarantee(const v1::GetGuaranteeRequest& request) const {
  return Call<v1::GetGuaranteeResponse>("/retention.v1.StatisticsService/GetGuarantee", request);
}

absl::StatusOr<v1::SampleSyntheticRecordsResponse> Client::SampleSyntheticRecords(
    const v1::SampleSyntheticRecordsRequest& request) const {
  return Call<v1::SampleSyntheticRecordsResponse>("/retention.v1.StatisticsService/SampleSyntheticRecords", request);
}

absl::StatusOr<v1::ListErasureOrdersResponse> Client::ListErasureOrders(
    const v1::ListErasureOrdersRequest& request) const {
  return Call<v1::ListErasureOrdersResponse>("/retention.v1.ErasureOrderService/ListErasureOrders", request);
}

absl::StatusOr<v1::ConfirmErasureOrdersResponse> Client::ConfirmErasureOrders(
    const v1::ConfirmErasureOrdersRequest& request) const {
  return Call<v1::ConfirmErasureOrdersResponse>("/retention.v1.ErasureOrderService/ConfirmErasureOrders", request);
}

absl::StatusOr<v1::GetServerInfoResponse> Client::GetServerInfo(const v1::GetServerInfoRequest& request) const {
  return Call<v1::GetServerInfoResponse>("/retention.v1.ServerService/GetServerInfo", request);
}

absl::StatusOr<grpc::health::v1::HealthCheckResponse> Client::CheckHealth(
    const grpc::health::v1::HealthCheckRequest& request) const {
  return Call<grpc::health::v1::HealthCheckResponse>("/grpc.health.v1.Health/Check", request);
}

absl::StatusOr<v1::GetClockResponse> Client::GetClock(const v1::GetClockRequest& request) const {
  return Call<v1::GetClockResponse>("/retention.v1.ClockService/GetClock", request);
}

absl::StatusOr<v1::AdvanceClockResponse> Client::AdvanceClock(const v1::AdvanceClockRequest& request) const {
  return Call<v1::AdvanceClockResponse>("/retention.v1.ClockService/AdvanceClock", request, request.has_to());
}

absl::StatusOr<v1::ConfirmClockResponse> Client::ConfirmClock(const v1::ConfirmClockRequest& request) const {
  return Call<v1::ConfirmClockResponse>("/retention.v1.ClockService/ConfirmClock", request);
}

template <typename Message>
absl::Status Client::Follow(const std::function<std::unique_ptr<WatchCall<Message>>()>& open,
                            const std::function<bool(const Message&)>& on_message, Course course) const {
  Backoff backoff(options_.retry);
  while (true) {
    const auto call = open();
    Message message;
    bool began = false;
    while (call->Read(&message)) {
      began = true;
      backoff.Reset();
      if (on_message(message)) continue;
      call->Cancel();
      return absl::OkStatus();
    }
    absl::Status status = call->Finish();
    if (status.ok() && course != Course::kGoesOn) return status;
    // The server has no reason to end it.
    if (status.ok()) status = absl::UnavailableError("the stream has ended");
    if (!IsRetryable(status) || (began && course == Course::kIsOne)) return status;
    const auto delay = backoff.NextDelay(status);
    if (!delay.has_value()) return status;
    options_.retry.sleep(*delay);
  }
}

absl::Status Client::WatchErasureOrders(
    const v1::WatchErasureOrdersRequest& request,
    const std::function<bool(const v1::WatchErasureOrdersResponse&)>& on_message) const {
  return Follow<v1::WatchErasureOrdersResponse>([&] { return connection_->WatchErasureOrders(request); }, on_message,
                                                Course::kGoesOn);
}

absl::Status Client::WatchReports(const v1::WatchReportsRequest& request,
                                  const std::function<bool(const v1::WatchReportsResponse&)>& on_message) const {
  v1::WatchReportsRequest from = request;
  return Follow<v1::WatchReportsResponse>([&] { return connection_->WatchReports(from); },
                                          [&](const v1::WatchReportsResponse& message) {
                                            if (!on_message(message)) return false;
                                            for (const auto& notice : message.notices()) {
                                              from.set_after_notice_id(notice.notice_id());
                                            }
                                            return true;
                                          },
                                          request.once() ? Course::kEnds : Course::kGoesOn);
}

absl::Status Client::ExportStatistics(
    const v1::ExportStatisticsRequest& request,
    const std::function<bool(const v1::ExportStatisticsResponse&)>& on_message) const {
  return Follow<v1::ExportStatisticsResponse>([&] { return connection_->ExportStatistics(request); }, on_message,
                                              Course::kIsOne);
}

}  // namespace retention
