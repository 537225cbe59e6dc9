#include "server/orders/erasure_orders.h"

#include <gtest/gtest.h>

#include <mutex>
#include <numeric>
#include <thread>

#include "server/ledger/ledger.h"
#include "storage/keys.h"
#include "tests/orders/orders.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;

constexpr auto kNotFound = v1::ERASURE_OUTCOME_NOT_FOUND;
constexpr auto kFailed = v1::ERASURE_OUTCOME_FAILED;

class ErasureOrdersTest : public ::testing::Test {
 protected:
  ErasureOrdersTest() : harness_(kMonday) { harness_.SyncPbx(); }

  v1::ConfirmErasureOrdersResponse Confirm(const std::vector<std::pair<uint64_t, v1::ErasureOutcome>>& outcomes) {
    const auto response = harness_.engine().ConfirmOrders(Confirmations(outcomes), harness_.now);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? *response : v1::ConfirmErasureOrdersResponse();
  }
  std::vector<uint64_t> Ids() { return HeldIds(harness_.engine()); }
  std::vector<LedgerEntry> Entries() {
    std::vector<LedgerEntry> entries;
    const absl::Status status = VerifyExactLedger(harness_.store(), [&](const LedgerEntry& entry) {
      if (entry.kind() == LedgerEntry::KIND_ORDERS_CONFIRMED) entries.push_back(entry);
    });
    EXPECT_TRUE(status.ok()) << status;
    return entries;
  }
  absl::StatusOr<v1::ListErasureOrdersResponse> List(const v1::ListErasureOrdersRequest& request) {
    return harness_.engine().orders().List(request, harness_.now);
  }

  Harness harness_;
};

TEST_F(ErasureOrdersTest, AnOrderSaysWhatToDelete) {
  harness_.Record(LateFiles("m", kMonday, 1));
  const auto orders = HeldOrders(harness_.engine());
  ASSERT_EQ(orders.size(), 1u);
  EXPECT_EQ(orders[0].order_id(), 1u);
  EXPECT_EQ(orders[0].category(), v1::DATA_CATEGORY_FILE_SHARE);
  EXPECT_EQ(orders[0].pbx_id(), "pbx");
  EXPECT_EQ(orders[0].object_id(), "file-0");
  EXPECT_EQ(orders[0].object_ref(), "store/m/0");
  EXPECT_EQ(IssueTimeOf(orders[0]), kMonday);
}

TEST_F(ErasureOrdersTest, OrdersOfAPbxThatEndedCanBeRead) {
  harness_.Record({Scheduled("m", "s", kMonday, kMonday, absl::Hours(1)), Recording("m", "r", kMonday, "rec"),
                   Pdf("m", "d", kMonday, "pdf"), File("m", "f", kMonday, "file")});
  EXPECT_TRUE(Ids().empty());
  ASSERT_TRUE(harness_.EndPbx("pbx").ok());
  ASSERT_TRUE(harness_.Reopen().ok());
  std::map<int, std::string> refs;
  for (const auto& order : HeldOrders(harness_.engine())) {
    EXPECT_EQ(order.pbx_id(), "pbx");
    refs[order.category()] = order.object_ref();
  }
  EXPECT_EQ(refs, (std::map<int, std::string>{{kRecording, "rec"}, {kPdfShare, "pdf"}, {kFileShare, "file"}}));
}

TEST_F(ErasureOrdersTest, WhatIsDoneIsForgottenWithItsLedgerEntryAndItsBytes) {
  harness_.Record({Scheduled("m", "s", kMonday, kMonday, absl::Hours(1)), Pdf("m", "d", kMonday, "pdf")});
  harness_.Record(Deleted("m", "x", kMonday));
  harness_.Record(LateFiles("n", kMonday, 4));
  harness_.Sweep();
  ASSERT_EQ(Ids(), (std::vector<uint64_t>{1, 2, 3, 4, 5}));
  ASSERT_TRUE(harness_.engine().marks().Read().empty());

  const auto response = Confirm({{1, kErased}, {2, kErased}, {3, kErased}, {4, kNotFound}});
  EXPECT_EQ(response.done(), 4u);
  EXPECT_EQ(Ids(), std::vector<uint64_t>{5});
  EXPECT_EQ(harness_.engine().orders().unconfirmed(), 1u);
  const auto entries = Entries();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].reason(), "ERASED");
  ASSERT_EQ(entries[0].counts_size(), 2);
  EXPECT_EQ(entries[0].counts(0).category(), v1::DATA_CATEGORY_PDF_SHARE);
  EXPECT_EQ(entries[0].counts(0).values(), 1u);
  EXPECT_EQ(entries[0].counts(1).category(), v1::DATA_CATEGORY_FILE_SHARE);
  EXPECT_EQ(entries[0].counts(1).values(), 2u);
  EXPECT_EQ(entries[1].reason(), "NOT_FOUND");
  ASSERT_EQ(entries[1].counts_size(), 1);
  EXPECT_EQ(entries[1].counts(0).values(), 1u);
  EXPECT_TRUE(harness_.engine().marks().Read().contains(DueDay::None())) << "its bytes are still in a file";
}

TEST_F(ErasureOrdersTest, ConfirmedTwiceOrNeverIssuedIsCountedAndNothingIsWritten) {
  harness_.Record(LateFiles("m", kMonday, 2));
  EXPECT_EQ(Confirm({{1, kErased}}).done(), 1u);
  const size_t entries = Entries().size();
  const auto marks = harness_.engine().marks().Read().at(DueDay::None()).deletions();
  const auto again = Confirm({{1, kErased}, {99, kNotFound}, {UINT64_MAX, kFailed}});
  EXPECT_EQ(again.done(), 0u);
  EXPECT_EQ(again.unknown(), 3u);
  EXPECT_EQ(Entries().size(), entries);
  EXPECT_EQ(harness_.engine().marks().Read().at(DueDay::None()).deletions(), marks);
  const auto twice = Confirm({{2, kFailed}, {2, kErased}, {2, kErased}, {2, kFailed}});
  EXPECT_EQ(twice.failed(), 1u);
  EXPECT_EQ(twice.done(), 1u);
  EXPECT_EQ(twice.unknown(), 2u);
  EXPECT_EQ(harness_.engine().orders().unconfirmed(), 0u);
}

TEST_F(ErasureOrdersTest, AFailedOrderStays) {
  harness_.Record(LateFiles("m", kMonday, 1));
  EXPECT_EQ(Confirm({{1, kFailed}}).failed(), 1u);
  EXPECT_EQ(Ids(), std::vector<uint64_t>{1});
  EXPECT_TRUE(Entries().empty());
}

TEST_F(ErasureOrdersTest, ANumberIsNeverGivenAgainEvenIfNoOrderIsLeftAfterARestart) {
  harness_.Record(LateFiles("m", kMonday, 3));
  EXPECT_EQ(Confirm({{1, kErased}, {2, kErased}, {3, kErased}}).done(), 3u);
  EXPECT_EQ(harness_.Orders(), 0u);
  harness_.Sweep();
  ASSERT_TRUE(harness_.Reopen().ok());
  harness_.Record(LateFiles("m", kMonday, 1, 3));
  EXPECT_EQ(Ids(), std::vector<uint64_t>{4});
  EXPECT_EQ(Confirm({{3, kErased}}).unknown(), 1u) << "a confirmation that comes late";
  EXPECT_EQ(Ids(), std::vector<uint64_t>{4});
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(harness_.engine().orders().unconfirmed(), 1u);
  EXPECT_EQ(harness_.engine().orders().last_issued(), 4u);
}

TEST_F(ErasureOrdersTest, ListsByPagesOldestFirst) {
  harness_.Record(LateFiles("m", kMonday, 7));
  Confirm({{1, kErased}, {4, kErased}});
  v1::ListErasureOrdersRequest request;
  request.set_page_size(2);
  std::vector<uint64_t> seen;
  int pages = 0;
  do {
    const auto page = List(request);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_LE(page->orders_size(), 2);
    for (const auto& order : page->orders()) seen.push_back(order.order_id());
    request.set_page_token(page->next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(seen, (std::vector<uint64_t>{2, 3, 5, 6, 7}));
  EXPECT_EQ(pages, 3);
}

TEST_F(ErasureOrdersTest, ARareFilterGivesShortPagesAndMissesNothing) {
  constexpr int kOrders = ErasureOrders::kMaxOrdersScanned + 200;
  harness_.SyncPbx("other");
  for (int from = 0; from < kOrders; from += 500) harness_.Record(LateFiles("m", kMonday, 500, from));
  auto late = LateFiles("n", kMonday, 1);
  for (auto& event : late) event.set_pbx_id("other");
  harness_.Record(late);
  v1::ListErasureOrdersRequest request;
  request.set_pbx_id("other");
  const auto first = List(request);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->orders_size(), 0);
  ASSERT_NE(first->next_page_token(), "");
  request.set_page_token(first->next_page_token());
  const auto second = List(request);
  ASSERT_EQ(second->orders_size(), 1);
  EXPECT_EQ(second->orders(0).object_ref(), "store/n/0");
  EXPECT_EQ(second->next_page_token(), "");
}

TEST_F(ErasureOrdersTest, ListFiltersByAgeCategoryAndPbx) {
  harness_.Record({Scheduled("m", "s", kMonday, kMonday, absl::Hours(1)), Pdf("m", "d", kMonday, "pdf")});
  harness_.Record(Deleted("m", "x", kMonday));
  harness_.now += absl::Hours(1);
  harness_.Record(LateFiles("n", harness_.now, 1));
  v1::ListErasureOrdersRequest request;
  request.mutable_min_age()->set_seconds(3600);
  EXPECT_EQ(List(request)->orders_size(), 1);
  EXPECT_EQ(List(request)->orders(0).object_ref(), "pdf");
  request.mutable_min_age()->set_nanos(1000);
  EXPECT_EQ(List(request)->orders_size(), 0);
  request.Clear();
  request.add_categories(v1::DATA_CATEGORY_FILE_SHARE);
  EXPECT_EQ(List(request)->orders_size(), 1);
  EXPECT_EQ(List(request)->orders(0).object_ref(), "store/n/0");
  request.set_pbx_id("other");
  EXPECT_EQ(List(request)->orders_size(), 0);
}

TEST_F(ErasureOrdersTest, EveryFlawNamesItsField) {
  const auto field = [](const absl::Status& status) { return DetailsOf(status).field(); };
  v1::ListErasureOrdersRequest list;
  list.mutable_min_age()->set_seconds(-1);
  EXPECT_EQ(field(List(list).status()), "min_age");
  list.Clear();
  list.add_categories(v1::DATA_CATEGORY_RECORDING);
  list.add_categories(v1::DATA_CATEGORY_POLL);
  EXPECT_EQ(field(List(list).status()), "categories[1]");
  list.set_categories(1, static_cast<v1::DataCategory>(kCategories));
  EXPECT_EQ(field(List(list).status()), "categories[1]");
  list.Clear();
  list.set_pbx_id("with space");
  EXPECT_EQ(field(List(list).status()), "pbx_id");
  list.Clear();
  list.set_page_size(-1);
  EXPECT_EQ(field(List(list).status()), "page_size");
  list.Clear();
  for (const char* token : {"!", "T3JkZXI"}) {
    list.set_page_token(token);
    EXPECT_EQ(field(List(list).status()), "page_token");
  }
  v1::ConfirmErasureOrdersRequest confirm;
  EXPECT_EQ(field(ErasureOrders::CheckConfirm(confirm)), "confirmations");
  confirm = Confirmations({{1, kErased}, {0, kErased}});
  EXPECT_EQ(field(ErasureOrders::CheckConfirm(confirm)), "confirmations[1].order_id");
  confirm = Confirmations({{1, v1::ERASURE_OUTCOME_UNSPECIFIED}});
  EXPECT_EQ(field(ErasureOrders::CheckConfirm(confirm)), "confirmations[0].outcome");
  confirm = Confirmations({{1, static_cast<v1::ErasureOutcome>(9)}});
  EXPECT_EQ(field(ErasureOrders::CheckConfirm(confirm)), "confirmations[0].outcome");
  confirm.Clear();
  for (int i = 0; i <= ErasureOrders::kMaxConfirmations; ++i) confirm.add_confirmations();
  EXPECT_EQ(field(ErasureOrders::CheckConfirm(confirm)), "confirmations");
  v1::WatchErasureOrdersRequest watch;
  watch.set_after_order_id(1);
  EXPECT_EQ(field(harness_.engine().orders().CheckWatch(watch).status()), "after_order_id");
  watch.Clear();
  watch.add_categories(v1::DATA_CATEGORY_HISTORY);
  EXPECT_EQ(field(harness_.engine().orders().CheckWatch(watch).status()), "categories[0]");
}

TEST_F(ErasureOrdersTest, TheOldestIssueIsThatOfTheOldestLeft) {
  const ErasureOrders& orders = harness_.engine().orders();
  EXPECT_EQ(*orders.OldestIssue(), std::nullopt);
  harness_.Record(LateFiles("m", kMonday, 1));
  harness_.now += absl::Minutes(5);
  harness_.Record(LateFiles("m", harness_.now, 1, 1));
  EXPECT_EQ(*orders.OldestIssue(), kMonday);
  Confirm({{1, kErased}});
  EXPECT_EQ(*orders.OldestIssue(), kMonday + absl::Minutes(5));
  Confirm({{2, kErased}});
  EXPECT_EQ(*orders.OldestIssue(), std::nullopt);
  harness_.Record(LateFiles("m", harness_.now, 1, 2));
  EXPECT_EQ(*orders.OldestIssue(), harness_.now) << "the walk begins where orders can be, not behind";
}

TEST_F(ErasureOrdersTest, WhoeverIsToldOfOrdersFindsThem) {
  std::vector<uint64_t> last;
  harness_.engine().set_on_orders([&] { last.push_back(HeldIds(harness_.engine()).back()); });
  harness_.Record(LateFiles("m", kMonday, 2));
  harness_.Record(Joined("o", "j", kMonday, "p"));
  harness_.Record(LateFiles("m", kMonday, 1, 2));
  EXPECT_EQ(last, (std::vector<uint64_t>{2, 3}));
}

TEST_F(ErasureOrdersTest, AReaderBesideTheCommitterMissesNoOrder) {
  constexpr int kRounds = 300;
  constexpr int kOrdersPerRound = 3;
  std::mutex mutex;
  std::vector<uint64_t> seen;  // guarded by mutex
  std::thread reader([&] {
    uint64_t after = 0;
    while (after < kRounds * kOrdersPerRound) {
      std::vector<uint64_t> ids;
      const auto position = harness_.engine().orders().Scan(after, UINT64_MAX, [&](v1::ErasureOrder& order) {
        ids.push_back(order.order_id());
        return true;
      });
      ASSERT_TRUE(position.ok()) << position.status();
      ASSERT_TRUE(harness_.engine().orders().OldestIssue().ok());
      after = *position;
      std::lock_guard lock(mutex);
      seen.insert(seen.end(), ids.begin(), ids.end());
    }
  });
  size_t confirmed = 0;
  for (int round = 0; round < kRounds; ++round) {
    harness_.Record(LateFiles(absl::StrCat("m", round), kMonday, kOrdersPerRound));
    std::vector<std::pair<uint64_t, v1::ErasureOutcome>> outcomes;
    {
      std::lock_guard lock(mutex);
      for (; confirmed < seen.size() && outcomes.size() < ErasureOrders::kMaxConfirmations; ++confirmed) {
        outcomes.emplace_back(seen[confirmed], kErased);
      }
    }
    if (outcomes.empty()) continue;
    EXPECT_EQ(Confirm(outcomes).done(), outcomes.size());
  }
  reader.join();
  std::vector<uint64_t> all(kRounds * kOrdersPerRound);
  std::iota(all.begin(), all.end(), 1);
  EXPECT_EQ(seen, all);
}

}  // namespace
}  // namespace retention
