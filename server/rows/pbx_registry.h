// Which PBXs are known, and under which internal id.
#ifndef RETENTION_SERVER_ROWS_PBX_REGISTRY_H_
#define RETENTION_SERVER_ROWS_PBX_REGISTRY_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/law/pbx_life.h"
#include "server/rows/policy_versions.h"
#include "storage/ids.h"
#include "storage/mutex.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

// The record of a PBX; nullopt if there is none. NOT_FOUND if its key is gone: it is ending.
absl::StatusOr<std::optional<stored::v1::PbxRecord>> ReadPbxRecord(const StoreView& store, Vault& vault,
                                                                   const PbxId& pbx);
// Its external id, which outlives its record: empty if that is not known any more. DATA_LOSS if it is damaged.
absl::StatusOr<std::string> ReadPbxName(const StoreView& store, Vault& vault, const PbxId& pbx);

// A PBX as its record and its life describe it.
struct PbxStanding {
  stored::v1::PbxLife life;
  std::string licence;     // keyed hash of its licence key; empty if it has none
  std::string controller;  // the identifier of its controller; empty if its record is damaged
  bool has_fqdn = false;
  absl::Time named = absl::InfinitePast();  // when it got its FQDN; not known after a restart
};

// Thread-safe; changed by the committer's thread only.
class PbxRegistry {
 public:
  // REQUIRES: `policies` outlives it.
  explicit PbxRegistry(const PolicyVersions& policies) : policies_(policies) {}

  // Reads the registry. A PBX whose key or record nobody can open any more is left out: see Lost. One whose record is
  // damaged is held, and nothing is known of it but its name. DATA_LOSS if a row does not parse.
  absl::Status Load(const StoreView& store, Vault& vault);
  // Those that Load left out, as in a copy from before they ended or were synchronised anew; or their key was damaged.
  struct LostPbx {
    PbxId pbx;
    std::string entry_key;  // of its row
    std::string pbx_id;     // the external id; empty if nobody knows it any more
    bool lives = false;     // its key does: only its record is gone
  };
  const std::vector<LostPbx>& lost() const { return lost_; }

  // The internal id of a PBX that is held and has not come to its end at `now`, swept or not.
  std::optional<PbxId> Find(std::string_view pbx_id, absl::Time now) const;
  // The same, also if it has come to its end and is still held.
  std::optional<PbxId> Held(std::string_view pbx_id) const { return Find(pbx_id, absl::InfinitePast()); }
  // A PBX that had an id before whoever has it.
  struct FormerPbx {
    absl::Time end;  // when it came to it, be it begun later
    DueDay until;    // it is of no account once this day is due: history of before is over
  };
  // The same as Find, and the last that had the id before, if it is remembered.
  struct Known {
    PbxId pbx;
    std::optional<FormerPbx> former;
  };
  std::optional<Known> FindKnown(std::string_view pbx_id, absl::Time now) const;
  // The latter of an id, by its keyed hash, whoever has it.
  std::optional<FormerPbx> FormerOf(const OwnerId& external) const;
  // The external id; empty if it is not held. Known as well of one that is ending.
  std::string ExternalId(const PbxId& pbx) const;
  // External and internal ids of up to `limit` PBXs after `after`, by external id, that have not come to their end.
  std::vector<std::pair<std::string, PbxId>> List(std::string_view after, size_t limit, absl::Time now) const;
  // What is known of a PBX that is held.
  std::optional<PbxStanding> StandingOf(const PbxId& pbx) const;
  // Whether its end has not begun.
  bool Lives(const PbxId& pbx) const;
  // Whether it is known to have been in contact on `day` or later.
  bool HasContacted(const PbxId& pbx, DueDay day) const;
  // The PBXs that have not come to their end and whose record names this controller. Reads every record.
  absl::StatusOr<std::vector<PbxId>> OfController(std::string_view controller_id, const StoreView& store, Vault& vault,
                                                  absl::Time now) const;
  // How many that have not come to their end name each controller; those of which that is not known are left out.
  std::map<std::string, uint32_t> CountByController(absl::Time now) const;
  // How many that have not come to their end name `controller_id`; of an empty one, those of which that is not known,
  // since their record is damaged or lost.
  uint32_t CountOfController(std::string_view controller_id, absl::Time now) const;
  // External ids of the PBXs with a licence (LicenceName).
  std::vector<std::string> WithLicence(std::string_view licence) const;
  // External ids of PBXs that have come to their end and are still held, the oldest end first.
  std::vector<std::pair<std::string, PbxEnd>> Over(absl::Time now) const;
  // PBXs that have a name to look up, each with the last day on which that was done (DueDay::None() for never).
  std::vector<std::pair<PbxId, DueDay>> Named() const;
  // How many PBXs are warned of, by cause and number of days.
  std::map<std::pair<v1::PbxEndCause, uint32_t>, uint64_t> Warned(absl::Time now) const;
  // PBXs whose end was begun and is to be finished.
  struct EndingPbx {
    PbxId pbx;
    std::string reason;
    std::string pbx_id;  // the external id
    bool held = false;   // what is held is to be taken out before its key goes
    absl::Time begun;
  };
  std::vector<EndingPbx> Ending() const;
  std::optional<EndingPbx> FindEnding(const PbxId& pbx) const;
  size_t size() const;
  // PBXs whose end another policy would move, by what would become of it.
  struct MovedEnds {
    uint64_t gone = 0;  // at `now`
    uint64_t earlier = 0;
    uint64_t later = 0;
  };
  MovedEnds EndsUnder(const Policy& policy, absl::Time now) const;

  // Another policy is in force.
  void ReckonEnds();
  // `external`: keyed hash of the id.
  void Insert(std::string_view pbx_id, const OwnerId& external, const PbxId& pbx, PbxStanding standing);
  // REQUIRES: it is held.
  void Update(const PbxId& pbx, PbxStanding standing);
  // Its end has begun. REQUIRES: it is held, or lost.
  void BeginEnding(EndingPbx ending);
  void FinishEnding(const PbxId& pbx);
  // A PBX of this id has come to its end.
  void NoteEnd(const OwnerId& external, FormerPbx former);
  void ForgetEnds(DueDay last_due);

 private:
  using FormerPbxs = std::map<OwnerId, FormerPbx>;
  struct Entry {
    PbxId pbx;
    PbxStanding standing;
    PbxEnd end;
    std::optional<FormerPbx> former;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  // Takes up a PBX whose end has not begun, as `known` or as lost.
  absl::Status Take(const StoreView& store, Vault& vault, const PbxId& pbx, std::string_view entry_key, Entries& known);

  const PolicyVersions& policies_;
  std::vector<LostPbx> lost_;  // changed by Load alone
  mutable SharedMutex mutex_;
  Entries known_ ABSL_GUARDED_BY(mutex_);
  FormerPbxs former_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<absl::string_view, Entries::iterator> index_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<PbxId, Entries::iterator> names_ ABSL_GUARDED_BY(mutex_);
  std::map<PbxId, EndingPbx> ending_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_PBX_REGISTRY_H_
