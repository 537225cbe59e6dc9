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
  v1::Extension extension;
};

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
  // Whether who had the id was removed after `time_us`, and nobody has had it since.
  absl::StatusOr<bool> IsRemovedSince(std::string_view id, int64_t time_us);
  // When the number was last spoken of by itself, or came to be vacant.
  absl::StatusOr<int64_t> LastSaidOf(std::string_view number);
  // Whether anything is known of the number.
  absl::StatusOr<bool> Knows(std::string_view number);

  // Who goes where, at `time_us`.
  struct Arrival {
    v1::Extension extension;             // as it is from now on
    const HeldExtension* who = nullptr;  // nullptr: somebody new
  };
  // Takes them in, after all of them have left what they had, and `ending` as well, who are removed for `reason`.
  // Returns the holders that ended. REQUIRES: no number comes twice; who has a number that is come to leaves it or
  // ends.
  absl::StatusOr<std::set<std::string, std::less<>>> Rearrange(std::span<const Arrival> arrivals,
                                                               std::span<const HeldExtension* const> ending,
                                                               int64_t time_us, std::string_view reason);
  // Who has not come yet, and is removed before they do.
  absl::StatusOr<std::set<std::string, std::less<>>> RemoveUnknown(std::string_view number, int64_t time_us);

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
  absl::StatusOr<OwnerId> ComeTo(const std::string& number, const std::optional<OwnerId>& holder);
  absl::Status TakeId(const std::string& id, const OwnerId& holder);
  absl::Status Put(const HeldExtension* former, const OwnerId& holder, const v1::Extension& extension, int64_t time_us);
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
