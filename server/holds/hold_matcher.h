// The matcher: what holds keep of a row.
#ifndef RETENTION_SERVER_HOLDS_HOLD_MATCHER_H_
#define RETENTION_SERVER_HOLDS_HOLD_MATCHER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/holds/hold.h"
#include "server/rows/bucket_counts.h"
#include "server/rows/keeper.h"
#include "storage/keys.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

// Whose values are whose is read from the rows that say so: the addresses and names of a meeting's participants, its
// course, a poll's creation. Where these have ended, and no hold kept them, it can no longer be told.
//
// Not thread-safe. Sees one state of the store; make a new one after a commit. REQUIRES: all outlive it.
class HoldMatcher final : public KeptParts {
 public:
  // What holds cover of a PBX.
  using ConcernsOf = std::function<HoldConcerns(const PbxId&)>;

  HoldMatcher(const StoreView& view, Vault& vault, const BucketCounts& counts, ConcernsOf concerns_of)
      : view_(view), vault_(vault), counts_(counts), concerns_of_(std::move(concerns_of)) {}

  absl::StatusOr<KeptPart> Match(const FiledKey& key, const std::string& row, uint32_t values) override;

 private:
  // Participant ids in one meeting.
  using Participants = std::set<std::string>;
  using MeetingName = std::pair<PbxId, OwnerId>;

  absl::StatusOr<bool> CoversPollRow(const HoldConcerns& concerns, const FiledKey& key, const stored::v1::Value& value);
  // Whether every value of a meeting is covered.
  absl::StatusOr<bool> CoversMeeting(const HoldConcerns& concerns, const MeetingName& meeting);
  // Whose values in a meeting are covered.
  absl::StatusOr<const Participants*> PersonsIn(const HoldConcerns& concerns, const MeetingName& meeting);
  absl::StatusOr<std::set<std::string>> OrganizersOf(const MeetingName& meeting);
  absl::StatusOr<std::string> OwnerOfPoll(const MeetingName& poll);
  // Calls `visit` with the rows of an owner, wherever they are filed, kept ones included.
  absl::Status VisitRows(CategoryNumber category, const MeetingName& owner,
                         absl::FunctionRef<void(const std::string& row)> visit);
  const std::vector<DueDay>& DaysOf(CategoryNumber category);

  const StoreView& view_;
  Vault& vault_;
  const BucketCounts& counts_;
  const ConcernsOf concerns_of_;
  // Answers of before, for rows come in runs.
  std::map<CategoryNumber, std::vector<DueDay>> days_;
  std::map<MeetingName, Participants> persons_;
  std::map<MeetingName, std::set<std::string>> organizers_;
  std::map<MeetingName, std::string> poll_owners_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_HOLDS_HOLD_MATCHER_H_
