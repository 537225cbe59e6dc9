// The oracle's holds: what of the values that have ended must be kept, and what may be.
//
// Written from the rules, without a line of the engine. A hold whose placing, change or release is under way may or may
// not be in force, and what a hold that went had kept may be there until a sweep: of such values nobody is sure.
#ifndef RETENTION_TESTS_SIMULATION_HOLD_MODEL_H_
#define RETENTION_TESTS_SIMULATION_HOLD_MODEL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "retention/v1/category.pb.h"
#include "retention/v1/hold_service.pb.h"

namespace retention::simulation {

// A PBX, from its first synchronisation to its end: one that comes back is another one.
using PbxNumber = uint64_t;

class HoldModel {
 public:
  // Whether holds keep something.
  enum class Cover { kYes, kUnsure, kNo };

  // A value that lived, and where.
  struct Place {
    v1::DataCategory category;
    std::string pbx_id;
    PbxNumber pbx = 0;
    std::string meeting_id;
    absl::CivilDay due;
    std::string text;
  };

  void AdvanceTo(absl::Time now);
  void NotePbx(const std::string& pbx_id, PbxNumber pbx);

  // What is asked for may be durable, or not, until it is answered.
  void BeginPlacing(const v1::Hold& hold, std::optional<PbxNumber> pbx, const std::set<PbxNumber>& living);
  void BeginChange(const std::string& hold_id, absl::CivilDay end);
  void BeginRelease(const std::string& hold_id);
  void Done(const std::string& hold_id);
  void Refused(const std::string& hold_id) { holds_.erase(hold_id); }

  // A value ends. `certain`: it was there. Unless it ends now, it is there until a sweep, or a refile.
  enum class When { kNow, kWithItsPbx, kByDay, kByPolicy };
  void NoteEnd(Place place, bool certain, When when);
  // Something was done to a meeting: what of it has come to its day may have ended before the sweep.
  void NoteTouched(PbxNumber pbx, const std::string& meeting_id);
  // A hold came while only days up to `last_ended` had ended: it finds what came to a later day.
  void FindInDays(const std::string& hold_id, absl::CivilDay last_ended);
  // A refile may have come to some of what has ended, by its policy or since; it has come to all that its policy ended.
  void NoteRefileBegun();
  void NoteRefiled();
  // All days that are over have ended, whatever came between.
  void NoteDaysEnded();
  // What ended, and what released holds had kept, is done with: a sweep that nothing came between.
  void NoteSwept();
  // What released holds had kept is done with.
  void NoteLetGo();

  // Whether a hold that names a PBX may cover one that had its id before.
  bool MayCoverFormer(const std::string& hold_id) const { return !holds_.at(hold_id).former.empty(); }
  Cover Covers(PbxNumber pbx, const std::string& meeting_id) const;
  bool MayBeKept(v1::DataCategory category, const std::string& pbx_id, const std::string& text) const;
  // Ids of holds in force.
  std::vector<std::string> InForce() const;
  // Whether something of the PBX may be kept.
  bool Concerns(PbxNumber pbx) const;

  // How often a text must be kept, and how often it may.
  struct Range {
    uint64_t min = 0;
    uint64_t max = 0;
  };
  using Texts = std::map<std::pair<v1::DataCategory, std::string>, Range>;
  Texts Expected() const;
  // Objects that are kept since before their erasure could have been ordered.
  std::vector<Place> KeptBeforeTheirOrder() const;
  uint64_t kept() const { return kept_; }
  uint64_t placed() const { return placed_; }

 private:
  struct Terms {
    v1::Hold asked;
    std::set<PbxNumber> pbxs;
    std::set<PbxNumber> former;  // PBXs that had the id before: covered if another hold covers them
    absl::Time placed;
    absl::CivilDay end;     // surely in force until then
    absl::CivilDay latest;  // perhaps until then
    bool in_doubt = true;
    bool released = false;
    bool releasing = false;
  };
  struct Ended {
    Place place;
    enum class State { kDue, kKept, kUnsure } state;
    bool always_covered = false;  // since it ended
    bool in_its_day = false;      // that is where a hold finds it, if the day has not ended
    bool by_policy = false;       // there it waits for a refile
  };
  bool InForce(const Terms& hold) const;
  Cover CoversOne(const Terms& hold, PbxNumber pbx, const std::string& meeting_id) const;
  void Review();

  absl::Time now_ = absl::InfinitePast();
  std::map<std::string, Terms> holds_;
  std::vector<Ended> ended_;
  std::map<std::string, std::set<PbxNumber>> pbxs_of_id_;  // that there ever were
  uint64_t kept_ = 0;
  uint64_t placed_ = 0;
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_HOLD_MODEL_H_
