// One occurrence of a meeting as it can be seen at one instant.
#ifndef RETENTION_SERVER_MEETINGS_MEETING_VIEW_H_
#define RETENTION_SERVER_MEETINGS_MEETING_VIEW_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/stored/v1/course.pb.h"
#include "retention/stored/v1/stored.pb.h"
#include "retention/v1/meeting_service.pb.h"
#include "server/law/course.h"
#include "server/law/filing.h"
#include "server/law/room_cut.h"
#include "server/meetings/locator.h"
#include "server/rows/policy_versions.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

// Which of the values that something was given counts: the latest; of those of one instant, that of the event that the
// walk over the room takes last.
class LatestValue {
 public:
  // Whether `value` counts, of those that were shown so far.
  bool Is(const stored::v1::Value& value) {
    const auto order = std::make_pair(value.time_us(), value.event());
    if (order < latest_) return false;
    latest_ = order;
    return true;
  }

 private:
  std::pair<int64_t, uint64_t> latest_ = {INT64_MIN, 0};
};

// Whether somebody is there, as far as is known: nobody stays in a meeting beyond its `end`, which may be presumed.
bool IsRunningAt(absl::Time now, const OccurrenceFacts& facts, absl::Time end);

// REQUIRES: view, vault and policy outlive it.
class MeetingView {
 public:
  // nullopt if the meeting is not held at `now`: never recorded, deleted, or its history due. REQUIRES: `version` was
  // in force when `view` was taken, or came into force later.
  static absl::StatusOr<std::optional<MeetingView>> Read(const StoreView& view, Vault& vault,
                                                         const PolicyVersion& version, const PbxId& pbx,
                                                         const OwnerId& meeting, absl::Time now);
  // The same, of a locator that was read already.
  static std::optional<MeetingView> Of(const StoreView& view, Vault& vault, const PolicyVersion& version,
                                       const PbxId& pbx, const OwnerId& meeting, MeetingLocator locator,
                                       absl::Time now);

  const OccurrenceFacts& facts() const { return locator_.facts; }
  // Which occurrence of its room it is.
  std::string Occurrence() const;
  // The end, presumed while it is not known.
  absl::Time End() const;
  // Whether somebody is there, as far as is known.
  bool IsRunning() const;
  // Whether there is more to it than history: a plan, people, or values that live under days that it gives. What it
  // shows besides has days of its own, or none: Contains.
  bool ShowsAnything() const;
  // Whether a recording of it lives, or one of `polls`, owners of those that its history knows.
  absl::StatusOr<bool> Contains(std::span<const std::string> polls) const;
  // What lists are ordered by.
  int64_t BeginMicros() const;
  // By which its history is cut.
  const CutHistory& cuts() const { return version_->cuts; }
  // From when on its report has no names; nullopt if it has none.
  std::optional<absl::Time> NamesLeave() const;
  // Whether a notice about its report holds.
  bool Stands(stored::v1::ReportNotice::Kind kind, uint64_t number) const;
  // Another with every change of its history, of which there are so many events.
  uint64_t revision() const { return locator_.revision; }
  uint32_t events() const { return locator_.events; }
  const PbxId& pbx() const { return pbx_; }
  const OwnerId& id() const { return meeting_; }
  // When its history is due.
  absl::Time HistoryDue() const;
  // Reads all of its history. NOT_FOUND: its day ended this very moment.
  absl::StatusOr<Course> ReadHistory() const;
  // What goes before that: who was there already when its sittings began.
  absl::StatusOr<std::vector<FormerSitting>> ReadFormer() const;
  // The meeting id, as the portal gave it; empty if it cannot be read.
  absl::StatusOr<std::string> MeetingId() const;
  // False once the category's values of this meeting are due: under the day that they are filed under, or under the one
  // that they will be filed under, if a new policy has not come to them yet.
  bool Lives(CategoryNumber category) const;

  // Calls `visit` with every living value of a category that is filed by meeting, in no order.
  using Visit = absl::FunctionRef<void(const stored::v1::Value&)>;
  absl::Status ForEachValue(CategoryNumber category, Visit visit) const;
  // The latest text of a category of which the meeting has one; empty if it is gone.
  absl::StatusOr<std::string> LatestText(CategoryNumber category) const;

  // Shows `visit` the rows of a category that is filed by meeting, while it lives; those that nobody can open any more
  // are left out.
  using ChunkVisit = absl::FunctionRef<void(const ItemId& item, const stored::v1::ValueChunk& chunk)>;
  absl::Status ForEachChunk(CategoryNumber category, ChunkVisit visit) const;
  // One of them; nullopt if it is not there any more.
  absl::StatusOr<std::optional<stored::v1::ValueChunk>> ReadChunk(CategoryNumber category, const ItemId& item) const;

  // The meeting's own data.
  absl::StatusOr<v1::Meeting> Describe() const;
  // Whether the period of its names is not over, be any held or not.
  bool NamesMayLive() const;
  // What its locator alone says.
  v1::Meeting DescribeDamaged() const;
  // Objects, polls, dial-in data and chat. `polls`: owners of those that its history knows.
  absl::Status AddContent(std::span<const std::string> polls, v1::Meeting& meeting) const;
  // How history names a participant.
  std::string NameOf(std::string_view participant_id) const;

 private:
  MeetingView(const StoreView& view, Vault& vault, const PolicyVersion& version, const PbxId& pbx,
              const OwnerId& meeting, absl::Time now)
      : view_(&view),
        vault_(&vault),
        version_(&version),
        policy_(&version.policy),
        pbx_(pbx),
        meeting_(meeting),
        now_(now) {}

  absl::Status ForEachRow(const std::string& prefix, bool chunked, Visit visit) const;
  // The scheduling extension's number; empty once the extension is gone.
  absl::StatusOr<std::string> Organizer() const;
  absl::Status AddRecordings(v1::Meeting& meeting) const;
  // What its facts say of it.
  void DescribeFacts(v1::Meeting& meeting) const;
  absl::Status AddPolls(std::span<const std::string> polls, v1::Meeting& meeting) const;

  const StoreView* view_;
  Vault* vault_;
  const PolicyVersion* version_;
  const Policy* policy_;
  PbxId pbx_;
  OwnerId meeting_;
  absl::Time now_;
  MeetingLocator locator_;
  Filing filing_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_MEETINGS_MEETING_VIEW_H_
