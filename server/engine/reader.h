// The reader: what an organiser's page may see. Nothing that is due at `now` is ever in an answer, swept or not.
#ifndef RETENTION_SERVER_ENGINE_READER_H_
#define RETENTION_SERVER_ENGINE_READER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "retention/v1/statistics_service.pb.h"
#include "server/engine/engine.h"
#include "storage/secrets/personal.h"

namespace retention {

// Thread-safe; every call sees one consistent state. Reads straight from the store: it does not wait for the committer.
//
// Errors: NOT_FOUND with reason PBX_UNKNOWN, MEETING_UNKNOWN or ANONYMISED; INVALID_ARGUMENT naming the field.
class Reader {
 public:
  static constexpr int kMaxMeetingsPerPage = 200;
  static constexpr int kDefaultMeetingsPerPage = 50;
  static constexpr int kMaxParticipantsPerPage = 1000;
  static constexpr int kDefaultParticipantsPerPage = 100;
  static constexpr int kMaxPbxsPerPage = 1000;
  static constexpr int kDefaultPbxsPerPage = 100;
  // Meetings looked at for one page, so that a rare filter does not make a call long.
  static constexpr int kMaxMeetingsScanned = 2000;

  // REQUIRES: outlived by the engine.
  explicit Reader(Engine& engine) : engine_(engine) {}

  absl::StatusOr<v1::GetMeetingResponse> GetMeeting(const v1::GetMeetingRequest& request, absl::Time now) const;
  absl::StatusOr<v1::ListMeetingsResponse> ListMeetings(const v1::ListMeetingsRequest& request, absl::Time now) const;
  absl::StatusOr<v1::ListParticipantsResponse> ListParticipants(const v1::ListParticipantsRequest& request,
                                                                absl::Time now) const;
  absl::StatusOr<v1::GetMeetingReportResponse> GetMeetingReport(const v1::GetMeetingReportRequest& request,
                                                                absl::Time now) const;
  absl::StatusOr<v1::GetPbxResponse> GetPbx(const v1::GetPbxRequest& request, absl::Time now) const;
  absl::StatusOr<v1::ListPbxsResponse> ListPbxs(const v1::ListPbxsRequest& request, absl::Time now) const;
  absl::StatusOr<v1::ListDueDaysResponse> ListDueDays(const v1::ListDueDaysRequest& request, absl::Time now) const;
  absl::StatusOr<v1::QueryStatisticsResponse> QueryStatistics(const v1::QueryStatisticsRequest& request,
                                                              absl::Time now) const;

  // The FQDN of a PBX; empty if it has none, or has ended.
  absl::StatusOr<Personal> FqdnOf(const PbxId& pbx) const;

 private:
  absl::StatusOr<PbxId> FindPbx(std::string_view pbx_id, absl::Time now) const;
  absl::StatusOr<v1::Pbx> ReadPbx(const StoreView& view, const PbxId& pbx, bool with_extensions, absl::Time now) const;

  Engine& engine_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ENGINE_READER_H_
