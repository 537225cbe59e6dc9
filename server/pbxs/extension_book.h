// The extensions of a PBX, as a command changes them: who they are, and who has which number.
#ifndef RETENTION_SERVER_PBXS_EXTENSION_BOOK_H_
#define RETENTION_SERVER_PBXS_EXTENSION_BOOK_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "retention/v1/event.pb.h"
#include "server/rows/change.h"
#include "server/rows/extension_names.h"

namespace retention {

// An extension that is held.
struct HeldExtension {
  OwnerId holder;
  std::string envelope;  // as it is stored
  int64_t time_us = 0;   // when it was last named by itself; the latest full synchronisation may be newer
  stored::v1::ExtensionLife life;
  v1::Extension extension;
};

// Holders, as rows name them, each with the last instant of which what they told has ended; kLastSaid: all of it.
using EndedHolders = std::map<std::string, int64_t, std::less<>>;

// Lives as long as its command. Reads what it is asked about, or all of it at once. Two moves make all others: a holder
// leaves a number, and comes to a vacant one; somebody is removed who leaves and ends, a number is passed on from whom
// it is left to whom it comes.
class ExtensionBook {
 public:
  // REQUIRES: both outlive it.
  ExtensionBook(const Holdings& holdings, const PbxId& pbx, Change& change)
      : holdings_(holdings), pbx_(pbx), change_(change) {}

  // Reads all of it. DATA_LOSS, as from the others, if a row does not parse or open.
  absl::Status ReadAll();
  // Those that are held, of which ReadAll has read. Valid until Remove.
  std::vector<const HeldExtension*> All() const;

  // Who has the number, or the id, now; nullptr if nobody has. Valid until Remove.
  absl::StatusOr<const HeldExtension*> At(std::string_view number);
  absl::StatusOr<const HeldExtension*> WithId(std::string_view id);
  // Who had it just before `time_us`, and is held still, be it elsewhere; nullptr if nobody is.
  absl::StatusOr<const HeldExtension*> HadNumber(std::string_view number, int64_t time_us);
  absl::StatusOr<const HeldExtension*> HadId(std::string_view id, int64_t time_us);
  // Whether who has had the number since before `time_us`, and still has, moved there later.
  absl::StatusOr<bool> MovedInAfter(const HeldExtension& who, std::string_view number, int64_t time_us);
  // Whether the number has not changed hands since before `time_us`, as far as is known.
  absl::StatusOr<bool> IsLastTenure(std::string_view number, int64_t time_us);
  // When who had the id was removed, if nobody has had it since; else 0.
  absl::StatusOr<int64_t> RemovedAt(std::string_view id);
  // When the number was last spoken of by itself, or came to be vacant.
  absl::StatusOr<int64_t> LastSaidOf(std::string_view number);

  // Who goes where, at `time_us`.
  struct Arrival {
    v1::Extension extension;             // as it is from now on
    const HeldExtension* who = nullptr;  // nullptr: somebody new
  };
  // Takes them in, after all of them have left what they had, and `ending` as well, who are removed for `reason`.
  // Returns the holders that ended. REQUIRES: no number comes twice; who has a number that is come to leaves it or
  // ends.
  absl::StatusOr<EndedHolders> Rearrange(std::span<const Arrival> arrivals,
                                         std::span<const HeldExtension* const> ending, int64_t time_us,
                                         std::string_view reason);
  // Who has not come yet, and is removed before they do.
  absl::StatusOr<EndedHolders> RemoveUnknown(std::string_view number, int64_t time_us);

  // The same, told after what followed it.
  // What a holder told of until then has ended; they are held for what was told afterwards. False if it had before.
  bool EndUntil(const HeldExtension& held, int64_t until_us);
  // Between its vacancy and `until_us` a vacant number was `holder`'s, or that of somebody who is gone.
  absl::StatusOr<EndedHolders> PassThrough(std::string_view number, const std::optional<OwnerId>& holder,
                                           int64_t until_us);
  // Who moved to a number had it since then, and not before.
  absl::Status BeginTenure(const HeldExtension& mover);
  // Who had the id, wherever they were, was gone by `time_us`; nobody is known to have it.
  absl::Status CloseId(const std::string& id, int64_t time_us);
  // Whoever may have come to a vacant number was gone by `time_us`. If somebody has it, nothing changes.
  absl::StatusOr<EndedHolders> CloseNumber(std::string_view number, int64_t time_us);

 private:
  struct Name {
    Tenures tenures;
    bool is_stored = false;
  };
  using Rows = std::map<OwnerId, std::string>;

  absl::StatusOr<std::optional<std::string>> Row(const OwnerId& owner) const;
  absl::StatusOr<stored::v1::Value> Open(const OwnerId& owner, std::string_view envelope) const;
  absl::StatusOr<const HeldExtension*> Held(const OwnerId& holder);
  // nullptr if it is not known; numbers always are.
  absl::StatusOr<Name*> NameIn(const FiledKey& key);
  absl::StatusOr<Name*> Number(std::string_view number);
  // Whether who has had `number`, as far as rows tell, may be this one: they are there, or nothing is known of them.
  absl::StatusOr<bool> IsTheirs(std::string_view number, const OwnerId& holder);

  absl::Status LeaveNumber(const std::string& number, int64_t time_us);
  absl::Status LeaveId(const std::string& id, int64_t time_us);
  struct Coming {
    OwnerId holder;
    bool is_back = false;  // they have had the number before, and nobody since
  };
  absl::StatusOr<Coming> ComeTo(const std::string& number, const std::optional<OwnerId>& holder);
  absl::Status TakeId(const std::string& id, const OwnerId& holder);
  absl::Status Put(const HeldExtension* former, const OwnerId& holder, const v1::Extension& extension, int64_t time_us,
                   bool is_back);
  // Ends the row of somebody who has left.
  absl::Status End(const HeldExtension& held, std::string_view reason);
  void PutNames();

  const Holdings& holdings_;
  const PbxId pbx_;
  Change& change_;
  std::optional<Rows> all_;                // once all of it was read
  std::map<OwnerId, HeldExtension> held_;  // of what was asked about
  std::map<OwnerId, Name> names_;          // of what was asked about, by owner of its row
  std::set<OwnerId> changed_names_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_PBXS_EXTENSION_BOOK_H_
