// Which holds keep a row: asked where somebody is to be told, for what ends is judged by all holds together.
#ifndef RETENTION_SERVER_HOLDS_HOLD_NAMES_H_
#define RETENTION_SERVER_HOLDS_HOLD_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
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
  // That are named: more help nobody.
  static constexpr size_t kMaxNames = 20;
  // Rows that holds are asked about, each hold by itself: what thousands of holds on one PBX may cost.
  static constexpr size_t kMaxQuestions = 20000;

  HoldNames(const StoreView& view, Vault& vault, const BucketCounts& counts, const HoldRegister& holds, DueDay last_due)
      : view_(view), vault_(vault), counts_(counts), register_(holds), last_due_(last_due) {}

  // Finds the holds that keep any of a kept row. What cannot be told is not named.
  void Look(const FiledKey& key, const std::string& row, uint32_t values);
  // Those that were found, by number.
  google::protobuf::RepeatedPtrField<v1::KeepingHold> Describe() const;

 private:
  const StoreView& view_;
  Vault& vault_;
  const BucketCounts& counts_;
  const HoldRegister& register_;
  const DueDay last_due_;
  std::map<uint64_t, HoldPtr> found_;
  std::map<uint64_t, std::unique_ptr<HoldMatcher>> matchers_;
  size_t questions_ = 0;
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
