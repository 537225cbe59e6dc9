// The names of all requests and answers, for headers that pass them on without looking in. Whoever makes or reads one
// includes the header of its service.
#pragma once

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace grpc::health::v1 {
class HealthCheckRequest;
class HealthCheckResponse;
}  // namespace grpc::health::v1

namespace retention::v1 {

class AdvanceClockRequest;
class AdvanceClockResponse;
class AppendLogsRequest;
class AppendLogsResponse;
class ApplyPolicyRequest;
class ApplyPolicyResponse;
class BatchRecordEventsRequest;
class BatchRecordEventsResponse;
class ConfirmClockRequest;
class ConfirmClockResponse;
class ConfirmErasureOrdersRequest;
class ConfirmErasureOrdersResponse;
class CreateBackupRequest;
class CreateBackupResponse;
class CreateHoldRequest;
class CreateHoldResponse;
class DeleteExtensionRequest;
class DeleteExtensionResponse;
class DeleteMeetingRequest;
class DeleteMeetingResponse;
class DeleteObjectRequest;
class DeleteObjectResponse;
class DeletePbxRequest;
class DeletePbxResponse;
class DeletePollRequest;
class DeletePollResponse;
class DeregisterPbxRequest;
class DeregisterPbxResponse;
class ExportStatisticsRequest;
class ExportStatisticsResponse;
class ExtendLogRetentionRequest;
class ExtendLogRetentionResponse;
class GetCheckpointRequest;
class GetCheckpointResponse;
class GetClockRequest;
class GetClockResponse;
class GetConsistencyProofRequest;
class GetConsistencyProofResponse;
class GetGuaranteeRequest;
class GetGuaranteeResponse;
class GetHoldRequest;
class GetHoldResponse;
class GetInclusionProofRequest;
class GetInclusionProofResponse;
class GetLedgerTileRequest;
class GetLedgerTileResponse;
class GetMeetingReportRequest;
class GetMeetingReportResponse;
class GetMeetingRequest;
class GetMeetingResponse;
class GetPbxRequest;
class GetPbxResponse;
class GetPolicyRequest;
class GetPolicyResponse;
class GetRingStatusRequest;
class GetRingStatusResponse;
class GetServerInfoRequest;
class GetServerInfoResponse;
class ListBackupsRequest;
class ListBackupsResponse;
class ListDueDaysRequest;
class ListDueDaysResponse;
class ListErasureOrdersRequest;
class ListErasureOrdersResponse;
class ListHoldsRequest;
class ListHoldsResponse;
class ListLedgerEntriesRequest;
class ListLedgerEntriesResponse;
class ListLogExtensionsRequest;
class ListLogExtensionsResponse;
class ListMeetingsRequest;
class ListMeetingsResponse;
class ListParticipantsRequest;
class ListParticipantsResponse;
class ListPbxsRequest;
class ListPbxsResponse;
class ListTablesRequest;
class ListTablesResponse;
class PlanPolicyRequest;
class PlanPolicyResponse;
class PreviewErasureRequest;
class PreviewErasureResponse;
class PruneBackupRequest;
class PruneBackupResponse;
class QueryStatisticsRequest;
class QueryStatisticsResponse;
class ReadLogsRequest;
class ReadLogsResponse;
class RecordEventsRequest;
class RecordEventsResponse;
class ReleaseHoldRequest;
class ReleaseHoldResponse;
class RemoveExtensionRequest;
class RemoveExtensionResponse;
class ReportLicenceRequest;
class ReportLicenceResponse;
class RotateRingRootRequest;
class RotateRingRootResponse;
class SampleSyntheticRecordsRequest;
class SampleSyntheticRecordsResponse;
class SweepRequest;
class SweepResponse;
class SyncPbxRequest;
class SyncPbxResponse;
class UpdateHoldRequest;
class UpdateHoldResponse;
class VerifyBackupRequest;
class VerifyBackupResponse;
class VerifyRingRequest;
class VerifyRingResponse;
class WatchErasureOrdersRequest;
class WatchErasureOrdersResponse;
class WatchReportsRequest;
class WatchReportsResponse;

}  // namespace retention::v1
