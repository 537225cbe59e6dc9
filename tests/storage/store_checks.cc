#include "tests/storage/store_checks.h"

#include <memory>
#include <string>
#include <vector>

#include "storage/keys.h"
#include "tests/storage/fixtures.h"
#include "tests/testing/map_store.h"
#include "tests/testing/whole_spans.h"

namespace retention {
namespace {

using ::testing::AssertionFailure;
using ::testing::AssertionResult;
using ::testing::AssertionSuccess;

constexpr char kKept[] = "what stays";
constexpr char kNeverWas[] = "the check shows nothing: what is to be erased was never there: ";

// One row in every family; `number` tells batches apart.
Batch EveryFamily(uint8_t number) {
  Batch batch;
  const std::string value = "number " + std::to_string(number);
  batch.Put(Family::kFiled, SomeKey(kDay, number).Encode(), value);
  batch.Put(Family::kState, OrderKey(number), value);
  batch.Put(Family::kStatistics, CubeKey(kDay, kDay, number), value);
  batch.Put(Family::kLedger, LedgerKey(number), value);
  return batch;
}

Batch Putting(Family family, const std::string& key, const std::string& value) {
  Batch batch;
  batch.Put(family, key, value);
  return batch;
}

// Does one thing after the other, until one fails.
class Steps {
 public:
  Steps& operator()(const char* what, const absl::Status& status) {
    if (status.ok() || !failure_) return *this;
    failure_ = AssertionFailure() << what << ": " << status;
    return *this;
  }
  Steps& Expect(bool holds, const std::string& otherwise) {
    if (!holds && failure_) failure_ = AssertionFailure() << otherwise;
    return *this;
  }
  bool failed() const { return !failure_; }
  AssertionResult Result() const { return failure_; }

 private:
  AssertionResult failure_ = AssertionSuccess();
};

}  // namespace

AssertionResult KeepsWhatWasCommitted(StoreBackend& backend) {
  Steps step;
  auto store = backend.Open();
  for (uint8_t number = 1; number <= 3; ++number) step("commit", store->Commit(EveryFamily(number)));
  Batch change;
  change.Put(Family::kLedger, LedgerKey(1), "changed");
  change.Delete(Family::kState, OrderKey(2));
  change.DeleteRange(Family::kStatistics, CubeKey(kDay, kDay, 1), CubeKey(kDay, kDay, 3));
  step("change", store->Commit(change));

  MapStore expected;
  for (uint8_t number = 1; number <= 3; ++number) step("oracle", expected.Commit(EveryFamily(number)));
  step("oracle", expected.Commit(change));
  for (int openings = 1; openings <= 3; ++openings) {
    store.reset();
    store = backend.Open();
    step.Expect(MapStore::RowsOf(*store) == expected.rows(), "other rows after a reopening");
    step("after a reopening", store->Health());
    // What was written to files is found as what is in the log.
    if (openings == 1) step("settle", store->SettleDay(kDay));
    step("commit", store->Commit(EveryFamily(static_cast<uint8_t>(10 + openings))));
    step("oracle", expected.Commit(EveryFamily(static_cast<uint8_t>(10 + openings))));
  }
  return step.Result();
}

AssertionResult ShowsNothingOfAFailedBatch(StoreBackend& backend, StoreBackend::Fault fault) {
  Steps step;
  auto store = backend.Open();
  step("commit", store->Commit(EveryFamily(1)));
  MapStore expected(MapStore::RowsOf(*store));

  backend.FailNextWrite(fault);
  step.Expect(!store->Commit(EveryFamily(2)).ok(), "a commit whose write failed was acknowledged");
  step.Expect(!store->Health().ok(), "healthy after a failed write");
  step.Expect(MapStore::RowsOf(*store) == expected.rows(), "a failed batch is seen");
  step.Expect(MapStore::RowsOf(*store->Snapshot()) == expected.rows(), "a failed batch is seen in a snapshot");
  step.Expect(!store->Commit(EveryFamily(3)).ok(), "a commit was taken before Resume");
  step.Expect(!store->SettleDay(kDay).ok(), "a day was settled before Resume");
  step.Expect(!store->DropDaysThrough(kDay).ok(), "days were dropped before Resume");
  step.Expect(!store->DropRange(Family::kLedger, "", "").ok(), "a range was dropped before Resume");
  step.Expect(!store->Scrub(WholeOf({kDay}, true)).ok(), "rows were scrubbed before Resume");
  step.Expect(MapStore::RowsOf(*store) == expected.rows(), "what was refused is seen");

  step("resume", store->Resume());
  step("after Resume", store->Health());
  step.Expect(MapStore::RowsOf(*store) == expected.rows(), "a failed batch is seen after Resume");
  step("commit", store->Commit(EveryFamily(4)));
  step("oracle", expected.Commit(EveryFamily(4)));
  step.Expect(MapStore::RowsOf(*store) == expected.rows(), "other rows after Resume and a commit");
  store.reset();
  step.Expect(MapStore::RowsOf(*backend.Open()) == expected.rows(), "a failed batch is found after a reopening");
  return step.Result();
}

AssertionResult FindsAFailedBatchWholeOrNotAtAll(StoreBackend& backend, StoreBackend::Fault fault) {
  Steps step;
  auto store = backend.Open();
  step("commit", store->Commit(EveryFamily(1)));
  const MapStore::Rows without = MapStore::RowsOf(*store);
  MapStore with(without);
  step("oracle", with.Commit(EveryFamily(2)));
  backend.FailNextWrite(fault);
  step.Expect(!store->Commit(EveryFamily(2)).ok(), "a commit whose write failed was acknowledged");
  store.reset();
  store = backend.Open();
  const MapStore::Rows found = MapStore::RowsOf(*store);
  step.Expect(found == without || found == with.rows(), "a part of a failed batch is found after a reopening");
  step("commit", store->Commit(EveryFamily(3)));
  return step.Result();
}

AssertionResult DropDaysThroughLeavesNoByte(StoreBackend& backend, bool settled) {
  Steps step;
  auto store = backend.Open();
  const DueDay earlier = DueDay::FromNumber(3);
  const std::vector<std::string> erased = {"erased: a row", "erased: a replaced one", "erased: a deleted one",
                                           "erased: an earlier day's", "erased: a late one"};
  Batch batch;
  batch.Put(Family::kFiled, SomeKey(kDay, 1).Encode(), erased[0]);
  batch.Put(Family::kFiled, SomeKey(kDay, 2).Encode(), erased[1]);
  batch.Put(Family::kFiled, SomeKey(kDay, 3).Encode(), erased[2]);
  batch.Put(Family::kFiled, SomeKey(earlier, 1).Encode(), erased[3]);
  batch.Put(Family::kFiled, SomeKey(kDay.Next(), 1).Encode(), kKept);
  step("commit", store->Commit(batch));
  if (settled) step("settle", store->SettleDay(earlier))("settle", store->SettleDay(kDay));
  Batch change;
  change.Put(Family::kFiled, SomeKey(kDay, 2).Encode(), "replaced");
  change.Delete(Family::kFiled, SomeKey(kDay, 3).Encode());
  change.Put(Family::kFiled, SomeKey(kDay, 4).Encode(), erased[4]);
  step("commit", store->Commit(change));
  for (const std::string& text : erased) step.Expect(backend.Holds(text), kNeverWas + text);

  step("drop", store->DropDaysThrough(kDay));
  for (int reopened = 0; reopened < 2; ++reopened) {
    for (const std::string& text : erased) step.Expect(!backend.Holds(text), "left after the drop: " + text);
    step.Expect(MapStore::RowsOf(*store)[0].size() == 1 && backend.Holds(kKept), "another day lost its row");
    store.reset();
    store = backend.Open();
  }
  return step.Result();
}

AssertionResult DropRangeLeavesNoByte(StoreBackend& backend, Family family) {
  Steps step;
  auto store = backend.Open();
  const std::vector<std::string> erased = {"erased: a row", "erased: a replaced one", "erased: a deleted one"};
  for (const char* key : {"a", "c"}) step("commit", store->Commit(Putting(family, key, kKept)));
  step("commit", store->Commit(Putting(family, "b1", erased[0])));
  step("commit", store->Commit(Putting(family, "b2", erased[1])));
  step("commit", store->Commit(Putting(family, "b3", erased[2])));
  step("commit", store->Commit(Putting(family, "b2", "replaced")));
  Batch deletion;
  deletion.Delete(family, "b3");
  step("commit", store->Commit(deletion));
  for (const std::string& text : erased) step.Expect(backend.Holds(text), kNeverWas + text);

  step("drop", store->DropRange(family, "b", "c"));
  for (int reopened = 0; reopened < 2; ++reopened) {
    for (const std::string& text : erased) step.Expect(!backend.Holds(text), "left after the drop: " + text);
    step.Expect(MapStore::RowsOf(*store)[static_cast<size_t>(family)].size() == 2 && backend.Holds(kKept),
                "a row beside the range is lost");
    store.reset();
    store = backend.Open();
  }
  return step.Result();
}

AssertionResult DropsLeaveNoByteOfDeletedRows(StoreBackend& backend) {
  Steps step;
  const auto store = backend.Open();
  const std::string filed = SomeKey(kDay).Encode();
  Batch deletion;
  deletion.Delete(Family::kFiled, filed);
  deletion.Delete(Family::kLedger, "b");
  step("commit", store->Commit(Putting(Family::kFiled, filed, "erased: of a day")));
  step("commit", store->Commit(deletion));
  step.Expect(backend.Holds("erased: of a day"), kNeverWas);

  step("drop", store->DropDaysThrough(kDay));
  step.Expect(!backend.Holds("erased: of a day"), "left after the drop of a day");
  step("commit", store->Commit(Putting(Family::kLedger, "b", "erased: of a range")));
  step("commit", store->Commit(deletion));
  step.Expect(backend.Holds("erased: of a range"), kNeverWas);
  step("drop", store->DropRange(Family::kLedger, "b", "c"));
  step.Expect(!backend.Holds("erased: of a range"), "left after the drop of a range");
  return step.Result();
}

AssertionResult ScrubLeavesNoByteOfFiled(StoreBackend& backend, bool settled) {
  Steps step;
  auto store = backend.Open();
  const std::vector<std::string> erased = {"erased: a deleted one", "erased: a replaced one", "erased: an open one"};
  Batch batch;
  batch.Put(Family::kFiled, SomeKey(kDay, 1).Encode(), erased[0]);
  batch.Put(Family::kFiled, SomeKey(kDay, 2).Encode(), erased[1]);
  batch.Put(Family::kFiled, SomeKey(kDay, 3).Encode(), kKept);
  batch.Put(Family::kFiled, SomeKey(DueDay::Open(), 1).Encode(), erased[2]);
  step("commit", store->Commit(batch));
  if (settled) step("settle", store->SettleDay(kDay));
  Batch change;
  change.Delete(Family::kFiled, SomeKey(kDay, 1).Encode());
  change.Put(Family::kFiled, SomeKey(kDay, 2).Encode(), "replaced");
  const std::string open = FiledPrefix(DueDay::Open());
  change.DeleteRange(Family::kFiled, open, PrefixEnd(open));
  step("commit", store->Commit(change));
  for (const std::string& text : erased) step.Expect(backend.Holds(text), kNeverWas + text);

  step("scrub", store->Scrub(WholeOf({kDay, DueDay::Open()}, false)));
  for (int reopened = 0; reopened < 2; ++reopened) {
    for (const std::string& text : erased) step.Expect(!backend.Holds(text), "left after the scrub: " + text);
    step.Expect(MapStore::RowsOf(*store)[0].size() == 2 && backend.Holds(kKept), "the scrub changed rows");
    store.reset();
    store = backend.Open();
  }
  return step.Result();
}

AssertionResult ScrubLeavesNoByteOfState(StoreBackend& backend) {
  Steps step;
  auto store = backend.Open();
  const std::vector<std::string> erased = {"erased: a deleted one", "erased: a replaced one"};
  step("commit", store->Commit(Putting(Family::kState, "a", erased[0])));
  step("commit", store->Commit(Putting(Family::kState, "b", erased[1])));
  step("commit", store->Commit(Putting(Family::kState, "c", kKept)));
  Batch change;
  change.Delete(Family::kState, "a");
  change.Put(Family::kState, "b", "replaced");
  step("commit", store->Commit(change));
  for (const std::string& text : erased) step.Expect(backend.Holds(text), kNeverWas + text);

  step("scrub", store->Scrub(WholeOf({}, true)));
  for (int reopened = 0; reopened < 2; ++reopened) {
    for (const std::string& text : erased) step.Expect(!backend.Holds(text), "left after the scrub: " + text);
    step.Expect(MapStore::RowsOf(*store)[static_cast<size_t>(Family::kState)].size() == 2 && backend.Holds(kKept),
                "the scrub changed rows");
    store.reset();
    store = backend.Open();
  }
  return step.Result();
}

}  // namespace retention
