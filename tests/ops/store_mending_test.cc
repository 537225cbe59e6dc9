// What may be lost with a damaged file at a start is what the start does without, and nothing else.
#include "server/ops/store_mending.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "retention/stored/v1/stored.pb.h"
#include "storage/keys.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"
#include "tests/testing/map_store.h"

namespace retention {
namespace {

// Notes what of family `state` is read by somebody who fails where it is lost.
class NotedReads : public MapStore {
 public:
  using MapStore::MapStore;

  absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key) const override {
    if (family == Family::kState) spans_.push_back({std::string(key), std::string(key) + '\0'});
    return MapStore::Get(family, key);
  }
  std::unique_ptr<StoreView> Snapshot() const override { return std::make_unique<Through>(*this); }
  const std::vector<KeySpan>& spans() const { return spans_; }

 private:
  class Through : public StoreView {
   public:
    explicit Through(const NotedReads& reads) : reads_(reads) {}
    absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key) const override {
      return reads_.Get(family, key);
    }

   private:
    std::unique_ptr<RowCursor> Walk(Family family, KeySpan span, AtLoss at_loss) const override {
      return reads_.Walk(family, std::move(span), at_loss);
    }
    const NotedReads& reads_;
  };
  std::unique_ptr<RowCursor> Walk(Family family, KeySpan span, AtLoss at_loss) const override {
    if (family == Family::kState && at_loss == AtLoss::kStop) spans_.push_back(span);
    return MapStore::Walk(family, std::move(span), at_loss);
  }

  mutable std::vector<KeySpan> spans_;
};

// Whoever has the start read another kind of row adds it to CanLose, and the other way round.
TEST(StoreMending, WhatAStartReadsIsWhatItCannotLose) {
  Harness harness(kMonday);
  bool ending = false;
  harness.Sweep();
  v1::PbxSynced synced;
  synced.set_controller_id("controller");
  synced.add_extensions()->set_number("100");
  ASSERT_TRUE(harness.engine().SyncPbx("pbx", synced, harness.now).ok());
  ASSERT_EQ(harness.Record({Joined("m", "join", harness.now, "p", "Ada", "ada@example.org")}).accepted(), 1u);
  ASSERT_TRUE(harness.engine().CreateHold(PbxHold("case", harness.now, "pbx"), harness.now).ok());
  ASSERT_TRUE(harness.engine().SyncPbx("ending", synced, harness.now).ok());
  MapStore::Rows rows = MapStore::RowsOf(harness.store());
  for (auto& [key, value] : rows[static_cast<size_t>(Family::kState)]) {
    stored::v1::PbxEntry entry;
    if (!key.starts_with(PbxEntryPrefix())) continue;
    ASSERT_TRUE(entry.ParseFromString(value));
    entry.set_ending(ending = !ending);  // one of the two
    value = entry.SerializeAsString();
  }
  NotedReads store(std::move(rows));
  const auto opened = Engine::Open(store, harness.engine().ring(), SystemRandom(), DefaultPolicy(), harness.now);
  ASSERT_TRUE(opened.ok()) << opened.status();
  std::set<char> kinds;
  for (const KeySpan& span : store.spans()) {
    EXPECT_FALSE(CanLose({Family::kState, span})) << "a start reads kind " << span.begin.substr(0, 1);
    if (!span.begin.empty()) kinds.insert(span.begin.front());
  }
  for (int kind = 1; kind < 255; ++kind) {
    const std::string prefix(1, static_cast<char>(kind));
    EXPECT_EQ(CanLose({Family::kState, {prefix, PrefixEnd(prefix)}}), !kinds.contains(prefix.front()))
        << "kind " << prefix;
  }
}

}  // namespace
}  // namespace retention
