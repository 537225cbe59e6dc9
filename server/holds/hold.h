// A hold, and what holds ask of a row.
#ifndef RETENTION_SERVER_HOLDS_HOLD_H_
#define RETENTION_SERVER_HOLDS_HOLD_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "retention/v1/hold_service.pb.h"
#include "storage/due_day.h"
#include "storage/ids.h"
#include "storage/secrets/vault.h"

namespace retention {

// Counts, of a controller, how often PBXs had left it when a hold was placed: a hold covers the PBXs that its
// controller had then and has had since, so those that have not left, or left in a later generation than its own.
using HoldGeneration = uint64_t;
inline constexpr HoldGeneration kNotLeft = std::numeric_limits<HoldGeneration>::max();

// What a scope names in a PBX.
struct HoldTarget {
  PbxId pbx;
  OwnerId owner;  // the room, or holder of the extension; zero: the PBX itself

  friend bool operator==(const HoldTarget&, const HoldTarget&) = default;
};

// A hold as it was asked for, with what follows from it. Immutable once it is in the register.
struct Hold {
  uint64_t number = 0;  // random; how keys and the ledger name it
  v1::Hold terms;       // without output-only fields
  absl::Time created;
  std::vector<HoldTarget> targets;  // none of a controller's, whose PBXs the register knows
  HoldGeneration generation = 0;    // of a controller's
  std::string email;                // normal form; of a subject, also of one that was named by an extension
  // Since when it is not in force any more; what it kept is being erased.
  std::optional<absl::Time> released;

  // The last day on which it is in force.
  DueDay End() const;
  DueDay Review() const;
  bool InForce(DueDay last_due) const { return !released.has_value() && End() > last_due; }
  // The controller whose PBXs it covers as they come; empty if it names its PBX.
  const std::string& Controller() const;
  // For the ledger.
  std::string LedgerId() const;
};
using HoldPtr = std::shared_ptr<const Hold>;

// The id of the PBX that a scope names; empty for scopes of a controller.
const std::string& PbxOfScope(const v1::HoldScope& scope);
// The meeting that a scope names; empty if it names none.
const std::string& MeetingOfScope(const v1::HoldScope& scope);
// The extension's part of a scope; null if it has none.
const v1::HoldExtension* ExtensionOfScope(const v1::HoldScope& scope);

// What the holds on a PBX, or those on a controller, cover together: what is asked about a row costs the same for one
// hold and for thousands. Immutable once it is shared.
struct HoldClaims {
  void Add(const Hold& hold);

  DueDay until;                                               // the last day of the last of them
  HoldGeneration first = kNotLeft;                            // the earliest of any of them; kNotLeft: there are none
  HoldGeneration all = kNotLeft;                              // the earliest of those that cover everything
  absl::flat_hash_map<std::string, HoldGeneration> emails;    // persons by address: the earliest that names it
  absl::flat_hash_set<OwnerId> meetings;                      // rooms: all of them
  absl::flat_hash_set<OwnerId> extensions;                    // with their polls, and all that they scheduled
  absl::flat_hash_set<OwnerId> persons;                       // by extension: with its polls
  absl::flat_hash_map<OwnerId, std::set<std::string>> names;  // persons by room and name
};

// The claims that concern a PBX, and the generation in which it left their controller.
struct HoldConcern {
  std::shared_ptr<const HoldClaims> claims;
  HoldGeneration left = kNotLeft;

  bool CoversAll() const { return claims->all < left; }
  // `email`: in normal form.
  bool CoversEmail(absl::string_view email) const {
    const auto found = claims->emails.find(email);
    return found != claims->emails.end() && found->second < left;
  }
};
// Empty: no hold concerns it.
using HoldConcerns = std::vector<HoldConcern>;

}  // namespace retention

#endif  // RETENTION_SERVER_HOLDS_HOLD_H_
