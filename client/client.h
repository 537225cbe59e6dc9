// The client: every unary call of the API, with a deadline and with retries.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "client/connection.h"
#include "client/messages.h"
#include "client/retry.h"

namespace retention {

struct ClientOptions {
  absl::Duration timeout = absl::Seconds(10);  // Of each attempt.
  RetryPolicy retry;
};

// Thread-safe. Errors are those of the services, with details (status_details.h). Calls are idempotent and are tried
// again while the server is UNAVAILABLE or asks for patience; the exceptions, moving the clock *by* something, applying
// a policy, changing the ring's root and making a backup, are tried once. Callers include the header of the service
// that they call.
class Client {
 public:
  explicit Client(std::shared_ptr<Connection> connection, ClientOptions options = {})
      : connection_(std::move(connection)), options_(std::move(options)) {}

  absl::StatusOr<v1::BatchRecordEventsResponse> BatchRecordEvents(const v1::BatchRecordEventsRequest& request) const;
  absl::StatusOr<v1::GetMeetingResponse> GetMeeting(const v1::GetMeetingRequest& request) const;
  absl::StatusOr<v1::ListMeetingsResponse> ListMeetings(const v1::ListMeetingsRequest& request) const;
  absl::StatusOr<v1::ListParticipantsResponse> ListParticipants(const v1::ListParticipantsRequest& request) const;
  absl::StatusOr<v1::GetMeetingReportResponse> GetMeetingReport(const v1::GetMeetingReportRequest& request) const;
  absl::StatusOr<v1::SyncPbxResponse> SyncPbx(const v1::SyncPbxRequest& request) const;
  absl::StatusOr<v1::GetPbxResponse> GetPbx(const v1::GetPbxRequest& request) const;
  absl::StatusOr<v1::ListPbxsResponse> ListPbxs(const v1::ListPbxsRequest& request) const;
  absl::StatusOr<v1::RemoveExtensionResponse> RemoveExtension(const v1::RemoveExtensionRequest& request) const;
  absl::StatusOr<v1::DeregisterPbxResponse> DeregisterPbx(const v1::DeregisterPbxRequest& request) const;
  absl::StatusOr<v1::ReportLicenceResponse> ReportLicence(const v1::ReportLicenceRequest& request) const;
  absl::StatusOr<v1::DeletePbxResponse> DeletePbx(const v1::DeletePbxRequest& request) const;
  absl::StatusOr<v1::DeleteExtensionResponse> DeleteExtension(const v1::DeleteExtensionRequest& request) const;
  absl::StatusOr<v1::DeleteMeetingResponse> DeleteMeeting(const v1::DeleteMeetingRequest& request) const;
  absl::StatusOr<v1::DeleteObjectResponse> DeleteObject(const v1::DeleteObjectRequest& request) const;
  absl::StatusOr<v1::DeletePollResponse> DeletePoll(const v1::DeletePollRequest& request) const;
  absl::StatusOr<v1::ReadLogsResponse> ReadLogs(const v1::ReadLogsRequest& request) const;
  absl::StatusOr<v1::ExtendLogRetentionResponse> ExtendLogRetention(const v1::ExtendLogRetentionRequest& request) const;
  absl::StatusOr<v1::ListLogExtensionsResponse> ListLogExtensions(const v1::ListLogExtensionsRequest& request) const;
  absl::StatusOr<v1::GetPolicyResponse> GetPolicy(const v1::GetPolicyRequest& request) const;
  absl::StatusOr<v1::PlanPolicyResponse> PlanPolicy(const v1::PlanPolicyRequest& request) const;
  absl::StatusOr<v1::ApplyPolicyResponse> ApplyPolicy(const v1::ApplyPolicyRequest& request) const;
  absl::StatusOr<v1::ListDueDaysResponse> ListDueDays(const v1::ListDueDaysRequest& request) const;
  absl::StatusOr<v1::SweepResponse> Sweep(const v1::SweepRequest& request) const;
  absl::StatusOr<v1::GetCheckpointResponse> GetCheckpoint(const v1::GetCheckpointRequest& request) const;
  absl::StatusOr<v1::ListLedgerEntriesResponse> ListLedgerEntries(const v1::ListLedgerEntriesRequest& request) const;
  absl::StatusOr<v1::GetInclusionProofResponse> GetInclusionProof(const v1::GetInclusionProofRequest& request) const;
  absl::StatusOr<v1::GetConsistencyProofResponse> GetConsistencyProof(
      const v1::GetConsistencyProofRequest& request) const;
  absl::StatusOr<v1::GetLedgerTileResponse> GetLedgerTile(const v1::GetLedgerTileRequest& request) const;
  absl::StatusOr<v1::GetRingStatusResponse> GetRingStatus(const v1::GetRingStatusRequest& request) const;
  // Not sent again if the answer is lost: that would change it twice.
  absl::StatusOr<v1::RotateRingRootResponse> RotateRingRoot(const v1::RotateRingRootRequest& request) const;
  absl::StatusOr<v1::CreateBackupResponse> CreateBackup(const v1::CreateBackupRequest& request) const;
  absl::StatusOr<v1::ListBackupsResponse> ListBackups(const v1::ListBackupsRequest& request) const;
  absl::StatusOr<v1::VerifyBackupResponse> VerifyBackup(const v1::VerifyBackupRequest& request) const;
  absl::StatusOr<v1::PruneBackupResponse> PruneBackup(const v1::PruneBackupRequest& request) const;
  absl::StatusOr<v1::VerifyRingResponse> VerifyRing(const v1::VerifyRingRequest& request) const;
  absl::StatusOr<v1::ListTablesResponse> ListTables(const v1::ListTablesRequest& request) const;
  absl::StatusOr<v1::QueryStatisticsResponse> QueryStatistics(const v1::QueryStatisticsRequest& request) const;
  absl::StatusOr<v1::GetGuaranteeResponse> GetGuarantee(const v1::GetGuaranteeRequest& request) const;
  absl::StatusOr<v1::SampleSyntheticRecordsResponse> SampleSyntheticRecords(
      const v1::SampleSyntheticRecordsRequest& request) const;
  absl::StatusOr<v1::ListErasureOrdersResponse> ListErasureOrders(const v1::ListErasureOrdersRequest& request) const;
  absl::StatusOr<v1::ConfirmErasureOrdersResponse> ConfirmErasureOrders(
      const v1::ConfirmErasureOrdersRequest& request) const;
  absl::StatusOr<v1::PreviewErasureResponse> PreviewErasure(const v1::PreviewErasureRequest& request) const;
  absl::StatusOr<v1::CreateControllerResponse> CreateController(const v1::CreateControllerRequest& request) const;
  absl::StatusOr<v1::GetControllerResponse> GetController(const v1::GetControllerRequest& request) const;
  absl::StatusOr<v1::ListControllersResponse> ListControllers(const v1::ListControllersRequest& request) const;
  absl::StatusOr<v1::UpdateControllerResponse> UpdateController(const v1::UpdateControllerRequest& request) const;
  // Not sent again if the answer is lost: the second would find none.
  absl::StatusOr<v1::DeleteControllerResponse> DeleteController(const v1::DeleteControllerRequest& request) const;
  absl::StatusOr<v1::CreateHoldResponse> CreateHold(const v1::CreateHoldRequest& request) const;
  absl::StatusOr<v1::GetHoldResponse> GetHold(const v1::GetHoldRequest& request) const;
  absl::StatusOr<v1::ListHoldsResponse> ListHolds(const v1::ListHoldsRequest& request) const;
  absl::StatusOr<v1::UpdateHoldResponse> UpdateHold(const v1::UpdateHoldRequest& request) const;
  // Not sent again if the answer is lost: the second would find no hold.
  absl::StatusOr<v1::ReleaseHoldResponse> ReleaseHold(const v1::ReleaseHoldRequest& request) const;
  absl::StatusOr<v1::ExportHoldResponse> ExportHold(const v1::ExportHoldRequest& request) const;
  absl::StatusOr<v1::ListReleasedHoldsResponse> ListReleasedHolds(const v1::ListReleasedHoldsRequest& request) const;
  absl::StatusOr<v1::GetServerInfoResponse> GetServerInfo(const v1::GetServerInfoRequest& request) const;
  absl::StatusOr<grpc::health::v1::HealthCheckResponse> CheckHealth(
      const grpc::health::v1::HealthCheckRequest& request) const;
  absl::StatusOr<v1::GetClockResponse> GetClock(const v1::GetClockRequest& request) const;
  absl::StatusOr<v1::AdvanceClockResponse> AdvanceClock(const v1::AdvanceClockRequest& request) const;
  absl::StatusOr<v1::ConfirmClockResponse> ConfirmClock(const v1::ConfirmClockRequest& request) const;

  // Hands every message to `on_message` until that returns false: OK. A stream that breaks is opened anew, attempts
  // being counted from the last message; then everything that is still unconfirmed comes again. Blocks meanwhile, in
  // one thread.
  absl::Status WatchErasureOrders(const v1::WatchErasureOrdersRequest& request,
                                  const std::function<bool(const v1::WatchErasureOrdersResponse&)>& on_message) const;

  // The same of reports; a stream that breaks is opened anew after the last notice that was handed over. One that is
  // asked for `once` ends with OK.
  absl::Status WatchReports(const v1::WatchReportsRequest& request,
                            const std::function<bool(const v1::WatchReportsResponse&)>& on_message) const;

  // The same of an export, which ends with OK. Opened anew only as long as nothing came: after that, what breaks it is
  // the result, since from then on it would come twice.
  absl::Status ExportStatistics(const v1::ExportStatisticsRequest& request,
                                const std::function<bool(const v1::ExportStatisticsResponse&)>& on_message) const;

  // For streams that share the connection and the way to retry.
  const std::shared_ptr<Connection>& connection() const { return connection_; }
  const ClientOptions& options() const { return options_; }

 private:
  template <typename Response>
  absl::StatusOr<Response> Call(const char* method, const google::protobuf::Message& request,
                                bool idempotent = true) const;
  // How a stream ends, and goes on after it broke.
  enum class Course {
    kGoesOn,  // The server never ends it. `open` is called again, and goes on where it broke off.
    kEnds,    // The server ends it. The same.
    kIsOne,   // The server ends it. `open` is called again only as long as nothing came.
  };
  template <typename Message>
  absl::Status Follow(const std::function<std::unique_ptr<WatchCall<Message>>()>& open,
                      const std::function<bool(const Message&)>& on_message, Course course) const;
  absl::Status CallInto(const char* method, const google::protobuf::Message& request,
                        google::protobuf::Message* response, bool idempotent) const;

  std::shared_ptr<Connection> connection_;
  ClientOptions options_;
};

}  // namespace retention
