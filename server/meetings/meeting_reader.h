// What an organiser's page may see of meetings. Nothing that is due at `now` is ever in an answer, swept or not.
#ifndef RETENTION_SERVER_MEETINGS_MEETING_READER_H_
#define RETENTION_SERVER_MEETINGS_MEETING_READER_H_

#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/v1/meeting_service.pb.h"
#include "server/meetings/meeting_folds.h"
#include "server/meetings/meeting_view.h"
#include "server/rows/holdings.h"
#include "storage/store.h"

namespace retention {

// Thread-safe; every call sees one consistent state. Reads straight from the store: it does not wait for the writer.
//
// Errors: NOT_FOUND with reason PBX_UNKNOWN, MEETING_UNKNOWN or ANONYMISED; INVALID_ARGUMENT naming the field.
class MeetingReader {
 public:
  static constexpr int kMaxMeetingsPerPage = 200;
  static constexpr int kDefaultMeetingsPerPage = 50;
  static constexpr int kMaxParticipantsPerPage = 1000;
  static constexpr int kDefaultParticipantsPerPage = 100;
  // Meetings looked at for one page, so that a rare filter does not make a call long.
  static constexpr int kMaxMeetingsScanned = 2000;
  // Events beyond which a history is large: to fold it takes tens of milliseconds, up to a second.
  static constexpr uint32_t kLargeEvents = 2000;
  // People beyond which a report is: each of its lines is opened.
  static constexpr size_t kLargePeople = 2000;

  // REQUIRES: both outlive it; `store` is what the holdings are of.
  MeetingReader(const Store& store, const Holdings& holdings) : store_(store), holdings_(holdings) {}

  absl::StatusOr<v1::GetMeetingResponse> GetMeeting(const v1::GetMeetingRequest& request, absl::Time now) const;
  absl::StatusOr<v1::ListMeetingsResponse> ListMeetings(const v1::ListMeetingsRequest& request, absl::Time now) const;
  absl::StatusOr<v1::ListParticipantsResponse> ListParticipants(const v1::ListParticipantsRequest& request,
                                                                absl::Time now) const;
  absl::StatusOr<v1::GetMeetingReportResponse> GetMeetingReport(const v1::GetMeetingReportRequest& request,
                                                                absl::Time now) const;

  // Whether the answer takes so long that others should not wait for it.
  bool TakesLong(const v1::GetMeetingRequest& request, absl::Time now) const;
  bool TakesLong(const v1::ListParticipantsRequest& request, absl::Time now) const;
  bool TakesLong(const v1::GetMeetingReportRequest& request, absl::Time now) const;

  // Lets go of what is kept of histories that are due. Cheap where nothing is.
  void ForgetDue(absl::Time now) const { folds_.ForgetDue(now); }

 private:
  // What one call looks at.
  struct Scene {
    std::unique_ptr<StoreView> view;
    PbxId pbx;
    absl::Time now;
  };
  // Whether there is anything to show of an occurrence: then it is listed, and can be asked for.
  absl::StatusOr<bool> Shows(const MeetingView& meeting) const;
  // The occurrence that a request names; without, the running one, else the next (if asked for), else the last.
  template <typename Request>
  absl::StatusOr<std::optional<MeetingView>> FindMeeting(const Request& request, bool next_counts, absl::Time now,
                                                         Scene& scene) const;
  // The occurrence that another one became part of: a late event showed that they were one. It has the event by which
  // that was founded.
  absl::StatusOr<std::optional<MeetingView>> FindJoined(const Scene& scene, const OwnerId& former) const;
  absl::StatusOr<std::optional<MeetingView>> ChooseMeeting(const Scene& scene, const RoomId& room,
                                                           bool next_counts) const;
  absl::StatusOr<PbxId> FindPbx(std::string_view pbx_id, absl::Time now) const;
  // NOT_FOUND: its day ended this very moment.
  absl::StatusOr<std::shared_ptr<const MeetingFold>> FoldOf(const MeetingView& meeting) const;
  // Of a large meeting, its fold if it is at hand; `large`: whether it is one.
  template <typename Request>
  std::shared_ptr<const MeetingFold> PeekFold(const Request& request, bool next_counts, absl::Time now, bool& large,
                                              bool& has_chat) const;

  const Store& store_;
  const Holdings& holdings_;
  mutable MeetingFolds folds_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_MEETINGS_MEETING_READER_H_
