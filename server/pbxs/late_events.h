// What events of extensions still end that come after what followed them.
//
// Whoever an event removes is gone at its time, and who is told of afterwards is somebody new. If that is told the
// other way round, they have been taken for one. Then whatever they told of until they were first told of anew ends,
// and is refused if it comes yet; for the rest they stay who they are. Nobody is held for longer because a removal came
// late; what cannot be told apart ends early.
#ifndef RETENTION_SERVER_PBXS_LATE_EVENTS_H_
#define RETENTION_SERVER_PBXS_LATE_EVENTS_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "retention/v1/event.pb.h"
#include "server/pbxs/extension_book.h"

namespace retention {

// Lives as long as its command. Each returns whose what has ended; nobody's, if it says nothing new.
class LateEvents {
 public:
  // `synced_us`: when the latest full synchronisation was, which all that are held were in, but for those that came
  // later. REQUIRES: `book` outlives it.
  LateEvents(ExtensionBook& book, int64_t synced_us, std::string_view reason)
      : book_(book), synced_us_(synced_us), reason_(reason) {}

  // A removal at `time_us`.
  absl::StatusOr<EndedHolders> Remove(const ExtensionName& name, int64_t time_us);
  // An extension as it was at `time_us`.
  absl::StatusOr<EndedHolders> Sync(const v1::Extension& told, int64_t time_us);
  // Somebody who came at `time_us` to a number that is vacant since before, and is gone or elsewhere by now. If it is
  // not, nothing is said.
  absl::StatusOr<EndedHolders> Pass(const v1::Extension& told, int64_t time_us);
  // All that were there at `time_us`, held against those that are and were told of later.
  absl::StatusOr<EndedHolders> SyncAll(std::span<const HeldExtension* const> held,
                                       std::span<const v1::Extension* const> told, int64_t time_us);

 private:
  // When somebody was first told of after an instant, as far as that is known; kLastSaid: not at all.
  int64_t FirstToldAfter(const HeldExtension& who, int64_t time_us) const;
  bool IsToldAfter(const HeldExtension& who, int64_t time_us) const {
    return FirstToldAfter(who, time_us) != kLastSaid;
  }
  // They were gone at `time_us`.
  absl::Status End(const HeldExtension& who, int64_t time_us, EndedHolders& ended);
  void EndFormer(const HeldExtension& who, int64_t time_us, EndedHolders& ended);

  ExtensionBook& book_;
  const int64_t synced_us_;
  const std::string_view reason_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_PBXS_LATE_EVENTS_H_
