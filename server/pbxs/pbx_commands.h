// PBXs and extensions come, change and go, with what hangs on them.
#ifndef RETENTION_SERVER_PBXS_PBX_COMMANDS_H_
#define RETENTION_SERVER_PBXS_PBX_COMMANDS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "retention/v1/event.pb.h"
#include "server/holds/hold_register.h"
#include "server/pbxs/extension_book.h"
#include "server/pbxs/pbx_ender.h"
#include "server/rows/change.h"

namespace retention {

// How many of the extensions that are held, in per cent, a synchronisation may remove without being told that this is
// meant. A list that was cut short looks the same as one that shrank, and what ends with an extension is not got back.
inline constexpr uint64_t kMaxUnconfirmedPercent = 50;

// What becomes of a synchronisation that removes more.
enum class SyncMode {
  kAsTold,     // it is done: an event tells what has happened, be it late
  kConfirmed,  // it is done: a caller, who tells what is so now, has confirmed it
  kGuarded,    // it is not
  kValidate,   // nothing is done, and no key made: the change is for being dropped
};

// The outcome of looking up the FQDN of a PBX.
struct Probe {
  PbxId pbx;
  bool resolved = false;
};

// Commands. Belongs to the writer's thread.
class PbxCommands {
 public:
  // REQUIRES: all outlive it.
  PbxCommands(Holdings& holdings, HoldRegister& holds, PbxEnder& ender)
      : holdings_(holdings), holds_(holds), ender_(ender) {}

  struct SyncOutcome {
    bool created = false;
    bool stale = false;                // older than what is held: it says nothing new, or no event says it
    bool needs_confirmation = false;   // removes more than kMaxUnconfirmedPercent; if kGuarded, nothing changed
    std::vector<std::string> removed;  // former numbers, in the order of their characters
    uint32_t polls = 0;
    uint32_t pdfs = 0;
  };
  // See PbxService.SyncPbx.
  absl::StatusOr<SyncOutcome> Sync(std::string_view pbx_id, const v1::PbxSynced& synced, absl::Time time, SyncMode mode,
                                   Change& change);
  // See Event.extension_synced. False if something newer is held, and it says nothing new. NOT_FOUND with reason
  // PBX_UNKNOWN.
  absl::StatusOr<bool> SyncExtension(std::string_view pbx_id, const v1::Extension& extension, absl::Time time,
                                     Change& change);

  struct RemovalOutcome {
    uint32_t polls = 0;
    uint32_t pdfs = 0;
  };
  // See PbxService.RemoveExtension and Event.extension_removed, which happened at `time`; without it the extension goes
  // whatever is held. NOT_FOUND with reason PBX_UNKNOWN or EXTENSION_UNKNOWN, also if nothing of it is held but what
  // followed its removal.
  absl::StatusOr<RemovalOutcome> RemoveExtension(std::string_view pbx_id, const ExtensionName& name,
                                                 std::optional<absl::Time> time, std::string_view reason,
                                                 Change& change);
  struct LicenceOutcome {
    uint32_t living = 0;
    uint32_t ended = 0;
  };
  // See PbxService.ReportLicence. NOT_FOUND with reason LICENCE_UNKNOWN.
  absl::StatusOr<LicenceOutcome> ReportLicence(std::string_view licence_key, absl::Time valid_until, bool registered,
                                               bool active, Change& change);
  // What a round of look-ups that began at `asked` told, each of a PBX that may have ended, or been renamed, since.
  absl::Status CountProbes(std::span<const Probe> probes, absl::Time asked, Change& change);
  // Notes that these PBXs were in contact today.
  void NoteContacts(std::span<const PbxId> pbxs, Change& change);

  // Ends a poll for `reason`; false if it is not held.
  absl::StatusOr<bool> DeletePoll(const PbxId& pbx, std::string_view poll_id, std::string_view reason, Change& change);

 private:
  absl::StatusOr<stored::v1::PbxRecord> ReadRecord(const PbxId& pbx) const;
  static void PutLife(const PbxId& pbx, const stored::v1::PbxLife& life, Change& change);
  // Makes the PBX known, or replaces what is held of it, but for its extensions.
  absl::Status PutPbx(std::string_view pbx_id, const PbxId& pbx, std::optional<stored::v1::PbxRecord> held,
                      const v1::PbxSynced& synced, int64_t time_us, Change& change);
  // What a synchronisation makes of the extensions that are held.
  struct SyncPlan {
    std::vector<ExtensionBook::Arrival> arrivals;
    std::vector<const HeldExtension*> ending;
    std::vector<const v1::Extension*> late;  // of whom something newer is known
  };
  static absl::StatusOr<SyncPlan> PlanOf(ExtensionBook& book, const v1::PbxSynced& synced, int64_t time_us);
  static SyncPlan PlanOf(std::span<const HeldExtension* const> held, std::span<const v1::Extension* const> told);
  // Ends the polls and PDFs of holders, in one walk however many they are.
  absl::Status EraseOwned(const PbxId& pbx, std::string_view pbx_id, const EndedHolders& holders,
                          std::string_view reason, Change& change, RemovalOutcome& outcome) const;
  absl::Status ErasePolls(const PbxId& pbx, const EndedHolders& holders, std::string_view reason, Change& change,
                          RemovalOutcome& outcome) const;
  // A synchronisation that is older than what is held.
  absl::Status SyncLate(const PbxId& pbx, std::string_view pbx_id, const v1::PbxSynced& synced, int64_t synced_us,
                        int64_t time_us, Change& change, SyncOutcome& outcome) const;
  void PutStanding(const PbxId& pbx, PbxStanding standing, Change& change);

  Holdings& holdings_;
  HoldRegister& holds_;
  PbxEnder& ender_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_PBXS_PBX_COMMANDS_H_
