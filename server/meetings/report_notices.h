// Notices about reports: that one is complete, and that its names leave it soon. The portal sends the report to the
// organiser (section 4.1) while it has names.
//
// A notice is a small row in the order in which they were given, and one of each kind an occurrence has at most: its
// locator knows their numbers, and they go with it. What it says is read from the occurrence when it is delivered, so
// it never says what is due or not true any more. How far a watcher has come only the watcher knows.
#ifndef RETENTION_SERVER_MEETINGS_REPORT_NOTICES_H_
#define RETENTION_SERVER_MEETINGS_REPORT_NOTICES_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/stored/v1/course.pb.h"
#include "retention/v1/meeting_service.pb.h"
#include "server/meetings/locator.h"
#include "server/rows/change.h"
#include "storage/store.h"

namespace retention {

// How long before they leave it is told that the names of a report do.
inline constexpr absl::Duration kNamesLeavingNotice = absl::Hours(24);

// Writer's side: files a notice, and returns its number; takes the notice of a number away and sets it to 0. It is
// delivered `settles_after` it was given: who comes back within this time was not away, and has it withdrawn.
uint64_t GiveNotice(const PbxId& pbx, const OwnerId& meeting, stored::v1::ReportNotice::Kind kind,
                    absl::Duration settles_after, Change& change);
void WithdrawNotice(uint64_t& number, Batch& batch);

// Takes away those of a PBX from `after` on, of at most kMaxNoticesScanned that are looked at; returns how far that is,
// nullopt at the end. A PBX takes its locators with it, and nobody knows the numbers any more.
absl::StatusOr<std::optional<uint64_t>> WithdrawNoticesOf(const StoreView& view, const PbxId& pbx, uint64_t after,
                                                          Batch& batch);

// Notices looked at in one step, so that a PBX of which there are few neither makes it long nor holds a snapshot for
// long.
inline constexpr size_t kMaxNoticesScanned = 1000;

// What one watcher is to be sent. Holds a number and no more, however much waits. Not thread-safe.
class ReportDelivery {
 public:
  static constexpr size_t kMaxNoticesPerMessage = 100;

  // INVALID_ARGUMENT naming the field; NOT_FOUND with reason PBX_UNKNOWN. REQUIRES: both outlive it; `store` is what
  // the holdings are of.
  static absl::StatusOr<ReportDelivery> For(const Store& store, const Holdings& holdings,
                                            const v1::WatchReportsRequest& request, absl::Time now);

  struct Message {
    std::vector<v1::ReportNotice> notices;     // to be sent at once; taken for sent
    absl::Time next = absl::InfiniteFuture();  // when there may be more, unless woken before; the past: at once
  };
  // Takes one bounded step.
  absl::StatusOr<Message> Next(absl::Time now);

 private:
  ReportDelivery(const Store& store, const Holdings& holdings, uint64_t after, std::optional<PbxId> pbx)
      : store_(&store), holdings_(&holdings), after_(after), pbx_(pbx) {}
  // What there is to say now; nullopt if nothing is.
  absl::StatusOr<std::optional<v1::ReportNotice>> Describe(const StoreView& view, uint64_t number,
                                                           const stored::v1::ReportNotice& row, absl::Time now) const;

  const Store* store_;
  const Holdings* holdings_;
  uint64_t after_;
  std::optional<PbxId> pbx_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_MEETINGS_REPORT_NOTICES_H_
