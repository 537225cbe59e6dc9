// Which holds keep a row: asked where somebody is to be told, for what ends is judged by all holds together.
#ifndef RETENTION_SERVER_HOLDS_HOLD_NAMES_H_
#define RETENTION_SERVER_HOLDS_HOLD_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "retention/v1/hold_service.pb.h"
#include "server/holds/hold_matcher.h"
#include "server/holds/hold_register.h"
#include "server/rows/change.h"
#include "server/rows/holdings.h"
#include "storage/secrets/personal.h"

namespace retention {

// Not thread-safe. Sees one state of the store. REQUIRES: all outlive it.
class HoldNames {
 public:
  // That are named, but for official orders, which all are: more help nobody.
  static constexpr size_t kMaxNames = 20;
  // Rows that holds are asked about, each hold by itself: what thousands of holds on one PBX may cost. Official orders
  // have as many for themselves: others never crowd them out.
  static constexpr size_t kMaxQuestions = 20000;

  HoldNames(const StoreView& view, Vault& vault, const BucketCounts& counts, const HoldRegister& holds)
      : view_(view), vault_(vault), counts_(counts), register_(holds) {}

  // Finds the holds in force on the day after `last_due` that keep any of a kept row. What cannot be told is not named.
  void Look(const FiledKey& key, const std::string& row, uint32_t values, DueDay last_due);
  // Those that were found: official orders first, then by number.
  google::protobuf::RepeatedPtrField<v1::KeepingHold> Describe() const;

 private:
  // Official orders, or the others.
  struct Kind {
    const size_t max_names;
    std::vector<HoldPtr> on;  // the PBX of `at_`
    std::map<uint64_t, HoldPtr> found;
    size_t questions = 0;

    bool is_done() const { return found.size() >= max_names || questions >= kMaxQuestions; }
  };
  // Whether there is anything to ask about a row of `pbx`.
  bool Turn(const PbxId& pbx, DueDay last_due);
  void Ask(Kind& kind, const FiledKey& key, const std::string& row, uint32_t values);
  bool Keeps(const Hold& hold, const FiledKey& key, const std::string& row, uint32_t values);

  const StoreView& view_;
  Vault& vault_;
  const BucketCounts& counts_;
  const HoldRegister& register_;
  Kind orders_{.max_names = HoldRegister::kMaxHolds, .on = {}, .found = {}};
  Kind others_{.max_names = kMaxNames, .on = {}, .found = {}};
  // What was asked about last: rows of one PBX follow each other.
  std::optional<std::pair<PbxId, DueDay>> at_;
  std::map<uint64_t, std::unique_ptr<HoldMatcher>> matchers_;
};

// What changes keep, so that it can be asked which holds do when they are committed. Not thread-safe.
class KeptByChanges {
 public:
  // Of more rows nothing is remembered: what a PBX of any size may cost.
  static constexpr size_t kMaxRows = 20000;
  static constexpr size_t kMaxBytes = 4 << 20;

  // What ends for this reason alone: in the same call other things may end that were over before.
  explicit KeptByChanges(std::string_view reason) : reason_(reason) {}

  void Take(const Change& change);
  // The holds that keep it. REQUIRES: they are committed, and `view` is of after that.
  google::protobuf::RepeatedPtrField<v1::KeepingHold> Keepers(const StoreView& view, const Holdings& holdings,
                                                              const HoldRegister& holds, absl::Time now) const;

 private:
  struct Row {
    FiledKey key;
    Personal plaintext;
    uint32_t values;
  };

  const std::string reason_;
  std::vector<Row> rows_;
  size_t bytes_ = 0;
};

}  // namespace retention

#endif  // RETENTION_SERVER_HOLDS_HOLD_NAMES_H_
