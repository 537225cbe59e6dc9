// What a hold keeps is handed over value by value; what it kept from going is named; that it was there stays known.
#include "server/holds/hold_export.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/holds/hold_names.h"
#include "server/holds/released_holds.h"
#include "server/recording/event_intake.h"
#include "tests/holds/hold_fixture.h"
#include "tests/testing/map_store.h"

namespace retention {
namespace {

class HoldExport : public HoldFixture {
 protected:
  std::vector<v1::HeldValue> Export(const std::string& id, Opener opener = Opener::kEngine) {
    std::vector<v1::HeldValue> values;
    v1::ExportHoldRequest request;
    request.set_hold_id(id);
    do {
      const auto page = ExportHold(*engine().store().Snapshot(), engine().holdings(), engine().holds(), request, opener,
                                   harness_.now);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return values;
      EXPECT_EQ(page->damaged_rows(), 0u);
      values.insert(values.end(), page->values().begin(), page->values().end());
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return values;
  }
  // "CATEGORY text" of each, sorted.
  std::multiset<std::string> Texts(const std::string& id, Opener opener = Opener::kEngine) {
    std::multiset<std::string> texts;
    for (const v1::HeldValue& value : Export(id, opener)) {
      const std::string category = v1::DataCategory_Name(value.category()).substr(14);
      texts.insert(absl::StrCat(category, " ",
                                value.has_object()      ? value.object().object_ref()
                                : value.has_extension() ? value.extension().number()
                                : value.has_pbx()       ? "PBX"
                                : value.has_event()     ? value.event()
                                                        : value.text()));
    }
    return texts;
  }
  v1::ListReleasedHoldsResponse Released(int page_size = 0, const std::string& token = "") {
    v1::ListReleasedHoldsRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    auto list = ListReleased(engine().store(), request);
    EXPECT_TRUE(list.ok()) << list.status();
    return list.value_or(v1::ListReleasedHoldsResponse());
  }
};

TEST_F(HoldExport, HasOfAPersonTheirValuesAlone) {
  Place(EmailHold("case-1", harness_.now, "alice@example.org"));
  EXPECT_TRUE(Export("case-1").empty()) << "nothing has ended yet";
  SweepAt(kDue);
  EXPECT_EQ(Texts("case-1"), (std::multiset<std::string>{"PARTICIPANT_EMAIL Alice@example.org",
                                                         "PARTICIPANT_IP 192.0.2.1", "PARTICIPANT_NAME Alice"}));
  for (const v1::HeldValue& value : Export("case-1")) {
    EXPECT_EQ(value.pbx_id(), "pbx");
    EXPECT_EQ(value.meeting_id(), "m");
    EXPECT_EQ(value.participant_id(), "p1");
    EXPECT_EQ(value.due_day().day(), 9);
    EXPECT_EQ(value.end_reason(), "DUE");
    EXPECT_TRUE(value.has_time() && value.has_end_time());
  }
}

TEST_F(HoldExport, HasOfAPbxAllThatEnded) {
  Place(PbxHold("case-1", harness_.now));
  SweepAt(kDue);
  const std::multiset<std::string> due = Texts("case-1");
  EXPECT_EQ(due.count("RECORDING s3://rec"), 1u);
  EXPECT_EQ(due.count("PARTICIPANT_NAME Bob"), 1u);
  ASSERT_TRUE(harness_.EndPbx("pbx").ok());
  const std::multiset<std::string> ended = Texts("case-1");
  EXPECT_EQ(ended.count("PBX_SYNC PBX"), 1u) << "its extensions and itself";
  EXPECT_EQ(ended.count("PBX_SYNC 100"), 1u);
  EXPECT_TRUE(std::includes(ended.begin(), ended.end(), due.begin(), due.end()));
  SweepAt(At("2026-06-01T00:00:00+02:00"));
  const std::multiset<std::string> course = Texts("case-1");
  EXPECT_EQ(course.count("HISTORY JOINED"), 2u);
  EXPECT_EQ(course.count("HISTORY LEFT"), 2u);
}

TEST_F(HoldExport, IsOfHoldsInForceAlone) {
  Place(EmailHold("case-1", harness_.now, "alice@example.org"));
  SweepAt(kDue);
  Release("case-1");
  v1::ExportHoldRequest request;
  request.set_hold_id("case-1");
  const auto gone =
      ExportHold(engine().store(), engine().holdings(), engine().holds(), request, Opener::kEngine, harness_.now);
  EXPECT_EQ(DetailsOf(gone.status()).reason, "HOLD_UNKNOWN");
}

// Restricted values are kept, and handed over by the rights desk alone.
TEST_F(HoldExport, ShowsWhatIsRestrictedToNoReader) {
  Place(PbxHold("case-1", harness_.now));
  const absl::Status restricted = engine().RestrictPerson("pbx", "m", {.participant_id = "p1"}, true, harness_.now);
  ASSERT_TRUE(restricted.ok()) << restricted;
  SweepAt(kDue);
  const auto texts = Texts("case-1");
  EXPECT_EQ(texts.count("PARTICIPANT_NAME Alice"), 1u);
  const auto shown = Texts("case-1", Opener::kReader);
  EXPECT_EQ(shown.count("PARTICIPANT_NAME Alice"), 0u);
  EXPECT_EQ(shown.count("PARTICIPANT_EMAIL Alice@example.org"), 0u);
  EXPECT_EQ(shown.count("PARTICIPANT_NAME Bob"), 1u);
}

// Of many rows every one is in exactly one page.
TEST_F(HoldExport, PagesHaveEverythingOnce) {
  Place(PbxHold("case-1", harness_.now));
  std::multiset<std::string> told;
  for (int meeting = 0; meeting < 2100; ++meeting) {
    const std::string id = absl::StrCat("many-", meeting);
    harness_.Record(Joined(id, "j", kMonday + absl::Minutes(20), "p", id));
    told.insert("PARTICIPANT_NAME " + id);
  }
  SweepAt(kDue);
  std::multiset<std::string> names;
  for (const std::string& text : Texts("case-1")) {
    if (text.find("many-") != std::string::npos) names.insert(text);
  }
  EXPECT_EQ(names, told);
}

// A course says little of each event, and an answer says of each what there is: clients take 64 MiB.
TEST_F(HoldExport, APageEndsWithTheRowThatFillsAnAnswer) {
  Place(PbxHold("case-1", harness_.now));
  const std::string meeting(120, 'm');
  constexpr int kBatches = 25;
  harness_.Record(Joined(meeting, "joined", kMonday, "p"));
  for (int batch = 0; batch < kBatches; ++batch) {
    std::vector<v1::Event> events;
    for (int i = 0; i < kMaxBatchEvents; ++i) {
      events.push_back(Reconnected(meeting, absl::StrCat(batch, "-", i), kMonday + absl::Minutes(1), "p"));
    }
    ASSERT_EQ(harness_.Record(std::move(events)).rejections_size(), 0);
  }
  SweepAt(kDue);
  SweepAt(At("2026-06-01T00:00:00+02:00"));
  v1::ExportHoldRequest request;
  request.set_hold_id("case-1");
  int pages = 0;
  int events = 0;
  do {
    const auto page =
        ExportHold(engine().store(), engine().holdings(), engine().holds(), request, Opener::kEngine, harness_.now);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_LT(page->ByteSizeLong(), kMaxExportBytes + (1 << 20)) << "a row more at most";
    for (const v1::HeldValue& value : page->values()) events += value.event() == "RECONNECTED" ? 1 : 0;
    request.set_page_token(page->next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(events, kBatches * kMaxBatchEvents);
  EXPECT_GT(pages, 1);
}

// A store in which rows were lost with a damaged file: the walk finds out behind them.
class LossyCursor final : public RowCursor {
 public:
  explicit LossyCursor(std::unique_ptr<RowCursor> rows) : rows_(std::move(rows)) {}
  bool Valid() const override { return rows_->Valid(); }
  void Next() override { rows_->Next(); }
  void Seek(std::string_view key) override { rows_->Seek(key); }
  void SeekBefore(std::string_view key) override { rows_->SeekBefore(key); }
  void Previous() override { rows_->Previous(); }
  std::string_view key() const override { return rows_->key(); }
  std::string_view value() const override { return rows_->value(); }
  absl::Status status() const override { return rows_->status(); }
  size_t losses() const override { return Valid() ? 0 : 1; }

 private:
  const std::unique_ptr<RowCursor> rows_;
};

class LossyStore final : public MapStore {
 public:
  explicit LossyStore(const StoreView& view) : MapStore(RowsOf(view)) {}
  std::unique_ptr<RowCursor> Walk(Family family, KeySpan span, AtLoss at_loss) const override {
    const bool lost = span.begin.starts_with(FiledPrefix(DueDay::Kept(), kRecording));
    auto rows = MapStore::Walk(family, std::move(span), at_loss);
    if (lost) return std::make_unique<LossyCursor>(std::move(rows));
    return rows;
  }
};

TEST_F(HoldExport, CountsRowsThatAreDamagedOrLost) {
  Place(PbxHold("case-1", harness_.now));
  SweepAt(kDue);
  const auto damaged = [&](const StoreView& store) {
    v1::ExportHoldRequest request;
    request.set_hold_id("case-1");
    const auto page = ExportHold(store, engine().holdings(), engine().holds(), request, Opener::kEngine, harness_.now);
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() ? page->damaged_rows() : 0;
  };
  EXPECT_EQ(damaged(engine().store()), 0u);
  EXPECT_EQ(damaged(LossyStore(engine().store())), 1u);
  Batch batch;
  auto cursor = engine().store().ScanPrefix(Family::kFiled, FiledPrefix(DueDay::Kept(), kParticipantName));
  ASSERT_TRUE(cursor->Valid());
  std::string broken(cursor->value());
  broken.back() = static_cast<char>(broken.back() ^ 1);
  batch.Put(Family::kFiled, std::string(cursor->key()), broken);
  cursor.reset();
  ASSERT_TRUE(harness_.store().Commit(batch).ok());
  EXPECT_EQ(damaged(engine().store()), 1u);
  EXPECT_EQ(damaged(LossyStore(engine().store())), 2u);
}

TEST_F(HoldExport, TheHoldsThatKeepWhatADeletionLeftAreNamed) {
  v1::Hold court = MeetingHold("court-order", harness_.now, "m");
  court.set_basis(v1::HOLD_BASIS_OFFICIAL_ORDER);
  Place(court);
  Place(EmailHold("case-2", harness_.now, "nobody@example.org"));
  v1::PreviewErasureRequest request;
  request.mutable_meeting()->set_pbx_id("pbx");
  request.mutable_meeting()->set_meeting_id("m");
  const auto preview = engine().PreviewErasure(request, harness_.now);
  ASSERT_TRUE(preview.ok()) << preview.status();
  ASSERT_EQ(preview->holds_size(), 1) << preview->ShortDebugString();
  EXPECT_EQ(preview->holds(0).hold_id(), "court-order");
  EXPECT_EQ(preview->holds(0).basis(), v1::HOLD_BASIS_OFFICIAL_ORDER);
  KeptByChanges kept("OPERATOR_UNLAWFUL");
  KeptByChanges others("LICENCE_EXPIRED");
  ASSERT_TRUE(engine()
                  .engine()
                  .writer()
                  .Do(harness_.now,
                      [&](Change& change) {
                        absl::Status deleted =
                            engine().engine().domains().recorder.DeleteMeeting("pbx", "m", "OPERATOR_UNLAWFUL", change);
                        kept.Take(change);
                        others.Take(change);
                        return deleted;
                      })
                  .ok());
  const auto names = kept.Keepers(engine().store(), engine().holdings(), engine().holds(), harness_.now);
  ASSERT_EQ(names.size(), 1);
  EXPECT_EQ(names.Get(0).hold_id(), "court-order");
  EXPECT_TRUE(others.Keepers(engine().store(), engine().holdings(), engine().holds(), harness_.now).empty());
}

// However many others keep the same, an order of a court is named.
TEST_F(HoldExport, OfficialOrdersAreNamedFirstAndNeverCrowdedOut) {
  constexpr int kOrders = 22;
  const int others = static_cast<int>(HoldNames::kMaxNames) + 5;
  for (int i = 0; i < others; ++i) Place(PbxHold(absl::StrCat("case-", i), harness_.now));
  for (int i = 0; i < kOrders; ++i) {
    v1::Hold order = PbxHold(absl::StrCat("order-", i), harness_.now);
    order.set_basis(v1::HOLD_BASIS_OFFICIAL_ORDER);
    Place(order);
  }
  v1::PreviewErasureRequest request;
  request.mutable_meeting()->set_pbx_id("pbx");
  request.mutable_meeting()->set_meeting_id("m");
  const auto preview = engine().PreviewErasure(request, harness_.now);
  ASSERT_TRUE(preview.ok()) << preview.status();
  ASSERT_EQ(preview->holds_size(), kOrders + static_cast<int>(HoldNames::kMaxNames));
  std::set<std::string> ids;
  for (int i = 0; i < preview->holds_size(); ++i) {
    EXPECT_EQ(preview->holds(i).basis() == v1::HOLD_BASIS_OFFICIAL_ORDER, i < kOrders) << i;
    ids.insert(preview->holds(i).hold_id());
  }
  EXPECT_EQ(ids.size(), static_cast<size_t>(preview->holds_size()));
}

TEST_F(HoldExport, TheOldestReleasedMakesRoomForTheLatest) {
  Batch batch;
  for (uint64_t i = 1; i <= kMaxReleasedHolds; ++i) {
    stored::v1::ReleasedHold stored;
    stored.set_number(i);
    batch.Put(Family::kState, ReleasedHoldKey(static_cast<int64_t>(i), i), stored.SerializeAsString());
  }
  ASSERT_TRUE(harness_.store().Commit(batch).ok());
  const auto has = [&](uint64_t i) {
    return harness_.store().Get(Family::kState, ReleasedHoldKey(static_cast<int64_t>(i), i))->has_value();
  };
  const auto count = [&] {
    size_t rows = 0;
    for (auto c = harness_.store().ScanPrefix(Family::kState, ReleasedHoldPrefix()); c->Valid(); c->Next()) ++rows;
    return rows;
  };
  for (uint64_t i = 1; i <= 3; ++i) {
    Place(PbxHold("case", harness_.now));
    Release("case");
    EXPECT_FALSE(has(i));
    EXPECT_TRUE(has(i + 1));
    EXPECT_EQ(count(), kMaxReleasedHolds);
    harness_.now += absl::Minutes(1);
    if (i == 2) ASSERT_TRUE(harness_.Reopen().ok()) << "it is counted anew";
  }
}

TEST_F(HoldExport, AReleasedHoldStaysListedWithoutNames) {
  v1::Hold hold = EmailHold("anna-mueller", harness_.now, "alice@example.org");
  hold.set_reason("Anna Müller announced a claim");
  Place(hold);
  const std::string ledger_id = engine().holds().Find("anna-mueller")->LedgerId();
  Place(PbxHold("case-2", harness_.now));
  harness_.now += absl::Hours(1);
  Release("anna-mueller");
  harness_.now += absl::Hours(1);
  Release("case-2");
  ASSERT_TRUE(harness_.Reopen().ok());
  const v1::ListReleasedHoldsResponse list = Released();
  ASSERT_EQ(list.holds_size(), 2);
  EXPECT_EQ(list.holds(0).scope_kind(), "pbx_id") << "the latest first";
  EXPECT_EQ(list.holds(1).ledger_id(), ledger_id);
  EXPECT_EQ(list.holds(1).basis(), v1::HOLD_BASIS_LEGAL_CLAIMS);
  EXPECT_TRUE(list.holds(1).released());
  EXPECT_LT(list.holds(1).create_time().seconds(), list.holds(1).release_time().seconds());
  EXPECT_EQ(list.SerializeAsString().find("nna"), std::string::npos) << "neither its id nor its reason";
  const v1::ListReleasedHoldsResponse first = Released(1);
  ASSERT_EQ(first.holds_size(), 1);
  const v1::ListReleasedHoldsResponse second = Released(1, first.next_page_token());
  ASSERT_EQ(second.holds_size(), 1);
  EXPECT_EQ(second.holds(0).ledger_id(), ledger_id);
}

TEST_F(HoldExport, AHoldThatIsOverByItselfIsListedAsThat) {
  v1::Hold hold = PbxHold("case-1", harness_.now);
  SetDate(DueDay(absl::CivilDay(2026, 3, 12)), *hold.mutable_end_date());
  SetDate(DueDay(absl::CivilDay(2026, 3, 12)), *hold.mutable_review_date());
  Place(hold);
  SweepAt(At("2026-03-13T00:00:00+01:00"));
  const v1::ListReleasedHoldsResponse list = Released();
  ASSERT_EQ(list.holds_size(), 1);
  EXPECT_FALSE(list.holds(0).released());
}

// As it lies on disk (storage/FORMAT.md). Do not change the bytes.
TEST(StoredReleasedHold, HasGoldenBytes) {
  stored::v1::ReleasedHold stored;
  stored.set_number(0x0102030405060708);
  stored.set_basis(5);
  stored.set_scope_kind(2);
  stored.set_created_us(1);
  stored.set_end_day(3);
  stored.set_released(true);
  EXPECT_EQ(absl::BytesToHexString(stored.SerializeAsString()),
            "0908070605040302011005180220012803"
            "3001");
  EXPECT_EQ(absl::BytesToHexString(ReleasedHoldKey(1, 2)), "727ffffffffffffffe0000000000000002");
  EXPECT_EQ(DecodeReleasedHoldKey(ReleasedHoldKey(1, 2)), 1);
  EXPECT_LT(ReleasedHoldKey(2, 0), ReleasedHoldKey(1, 0)) << "the latest first";
}

}  // namespace
}  // namespace retention
