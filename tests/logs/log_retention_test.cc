#include "server/logs/log_retention.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/ledger/ledger.h"
#include "server/logs/log_reader.h"
#include "tests/engine/harness.h"
#include "tests/logs/log_fixture.h"

namespace retention {
namespace {

using Texts = std::vector<std::string>;

constexpr auto kPortal = v1::LOG_SERVER_PORTAL;

std::string DueOf(const std::string& day, const std::string& until = "") {
  absl::CivilDay from;
  absl::CivilDay last;
  EXPECT_TRUE(absl::ParseCivilTime(day, &from));
  std::optional<LogTerm> term;
  if (absl::ParseCivilTime(until, &last)) term = LogTerm{.until = DueDay(last), .ended = DueDay::None()};
  return absl::FormatCivilTime(LogDueDay(from, term, DefaultPolicy().rule(kServerLog)).civil());
}

std::vector<std::string> LedgerReasons(Harness& harness, stored::v1::LedgerEntry::Kind kind) {
  std::vector<std::string> reasons;
  EXPECT_TRUE(VerifyLedger(harness.store(), [&](const stored::v1::LedgerEntry& entry) {
                if (entry.kind() == kind) reasons.push_back(entry.reason());
              }).ok());
  return reasons;
}

TEST(LogDueDay, OrdinaryExtendedAndLongest) {
  EXPECT_EQ(DueOf("2026-03-02"), "2026-03-09");
  EXPECT_EQ(DueOf("2026-03-02", "2026-03-05"), "2026-03-09") << "an extension never shortens";
  EXPECT_EQ(DueOf("2026-03-02", "2026-03-20"), "2026-03-20");
  EXPECT_EQ(DueOf("2026-03-02", "2026-04-20"), "2026-04-02") << "one month from the line's day";
}

TEST(LogDueDay, MonthEndClampsToLastDay) {
  EXPECT_EQ(DueOf("2026-01-31", "2026-04-01"), "2026-02-28");
  EXPECT_EQ(DueOf("2028-01-31", "2028-04-01"), "2028-02-29");
  EXPECT_EQ(DueOf("2026-03-31", "2026-06-01"), "2026-04-30");
  EXPECT_EQ(DueOf("2026-02-28", "2026-06-01"), "2026-03-28");
}

TEST(LogRowKey, GoldenBytes) {
  const FiledKey key = LogRowKey(DueDay(absl::CivilDay(2026, 3, 9)), v1::LOG_SERVER_FILE_SHARE, 0x0102030405060708, 9);
  EXPECT_EQ(absl::BytesToHexString(key.Encode()),
            "00005029"                          // due day
            "0f"                                // SERVER_LOG
            "0000000000000000"                  // no PBX
            "00000000000000000000000000000003"  // server
            "0102030405060708"                  // first line
            "0000000000000009");                // sequence
  EXPECT_EQ(LogServerOf(key), v1::LOG_SERVER_FILE_SHARE);
  EXPECT_EQ(FirstTimeOf(key), 0x0102030405060708);
}

TEST(LogRetention, ALineIsReadUntilTheLastMicrosecondOfItsSeventhDay) {
  Harness harness(kMonday);
  EXPECT_EQ(Append(harness.engine(), {Line(kMcu, kMonday, "a")}, harness.now).accepted(), 1u);
  EXPECT_EQ(harness.DueDayOf(kServerLog), "2026-03-09");
  EXPECT_EQ(harness.Values(kServerLog), 1u);
  const absl::Time due = At("2026-03-10T00:00:00+01:00");
  harness.now = due - kTick;
  harness.Sweep();
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now), Texts{"a"});
  harness.now = due;
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now), Texts{}) << "due, not yet swept";
  harness.Sweep();
  EXPECT_EQ(ReadTexts(harness.engine(), due - kTick), Texts{}) << "gone, whatever the clock says";
  EXPECT_EQ(harness.Values(kServerLog), 0u);
}

TEST(LogRetention, DaysAreThoseOfThePolicysZone) {
  // The clocks go forward on 29 March 2026.
  Harness harness(At("2026-03-29T12:00:00+02:00"));
  Append(harness.engine(),
         {Line(kMcu, At("2026-03-28T23:59:59.999999+01:00"), "sat"), Line(kMcu, At("2026-03-29T00:00:00+01:00"), "sun"),
          Line(kMcu, At("2026-03-29T03:00:00+02:00"), "summer")},
         harness.now);
  const absl::Time sat_due = At("2026-04-05T00:00:00+02:00");
  EXPECT_EQ(ReadTexts(harness.engine(), sat_due - kTick), (Texts{"sat", "sun", "summer"}));
  EXPECT_EQ(ReadTexts(harness.engine(), sat_due), (Texts{"sun", "summer"}));
  EXPECT_EQ(ReadTexts(harness.engine(), sat_due + absl::Hours(24) - kTick), (Texts{"sun", "summer"}));
  EXPECT_EQ(ReadTexts(harness.engine(), sat_due + absl::Hours(24)), Texts{});
}

TEST(LogRetention, LateLinesAreFiledUnderTheirOwnDay_AndDueOnesAreCountedOnly) {
  Harness harness(At("2026-03-10T12:00:00+01:00"));
  const auto result =
      Append(harness.engine(),
             {Line(kMcu, harness.now, "today"), Line(kMcu, At("2026-03-02T23:59:59+01:00"), "due since midnight"),
              Line(kMcu, At("2026-03-03T00:00:00+01:00"), "last day"), Line(kPortal, kMonday, "due too")},
             harness.now);
  EXPECT_EQ(result.accepted(), 2u);
  EXPECT_EQ(result.past_due(), 2u);
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now), (Texts{"last day", "today"}));
  EXPECT_EQ(harness.Values(kServerLog), 2u);
}

TEST(LogRetention, ADayThatIsClosedTakesNoMoreLines) {
  Harness harness(kMonday);
  Append(harness.engine(), {Line(kMcu, kMonday, "a")}, harness.now);
  harness.now = At("2026-03-09T23:30:00+01:00");
  harness.Sweep();
  EXPECT_EQ(Append(harness.engine(), {Line(kMcu, kMonday, "b")}, harness.now).past_due(), 1u);
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now), Texts{"a"});
}

TEST(LogRetention, FlawedLinesAreRejectedByThemselvesNamingTheField) {
  Harness harness(kMonday);
  v1::LogLine no_time = Line(kMcu, kMonday, "a");
  no_time.clear_time();
  v1::LogLine old = Line(kMcu, kMonday, "a");
  old.mutable_time()->set_seconds(-1);
  const auto result =
      Append(harness.engine(),
             {Line(v1::LOG_SERVER_UNSPECIFIED, kMonday, "a"), Line(static_cast<v1::LogServer>(77), kMonday, "a"),
              Line(kMcu, kMonday, "a", v1::LOG_SEVERITY_UNSPECIFIED), no_time, old,
              Line(kMcu, kMonday + absl::Minutes(5) + kTick, "a"), Line(kMcu, kMonday, ""),
              Line(kMcu, kMonday, std::string(8193, 'x')), Line(kMcu, kMonday, std::string(8192, 'x')),
              Line(kMcu, kMonday + absl::Minutes(5), "from the future")},
             harness.now);
  const Texts fields{"server", "server", "severity", "time", "time", "time", "text", "text"};
  ASSERT_EQ(result.rejections_size(), static_cast<int>(fields.size()));
  for (int i = 0; i < result.rejections_size(); ++i) {
    EXPECT_EQ(result.rejections(i).index(), static_cast<uint32_t>(i));
    EXPECT_EQ(result.rejections(i).field(), fields[static_cast<size_t>(i)]) << i;
  }
  EXPECT_EQ(result.accepted(), 2u);
  EXPECT_EQ(harness.Values(kServerLog), 2u);
}

TEST(LogRetention, ARestartReusesNoRowKey) {
  Harness harness(kMonday);
  for (int i = 0; i < 5; ++i) {
    Append(harness.engine(), {Line(kMcu, kMonday, "same")}, harness.now);
    ASSERT_TRUE(harness.Reopen().ok());
  }
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now).size(), 5u);
}

// A caller that lost the answer sends again.
TEST(LogRetention, ABatchWithARequestIdIsHeldOnceHoweverOftenItIsSent) {
  Harness harness(kMonday);
  std::vector<v1::LogLine> lines;
  for (size_t i = 0; i <= LogRetention::kMaxRowLines; ++i) lines.push_back(Line(kMcu, kMonday, "same instant"));
  lines.push_back(Line(kMcu, kMonday - absl::Hours(24), "the day before"));
  lines.push_back(Line(kPortal, kMonday, "another server"));
  const auto send = [&](const std::string& request_id) {
    EXPECT_EQ(Append(harness.engine(), lines, harness.now, request_id).accepted(), lines.size());
    return harness.Values(kServerLog) / lines.size();
  };
  EXPECT_EQ(send("one"), 1u);
  EXPECT_EQ(send("one"), 1u);
  ASSERT_TRUE(harness.Reopen().ok());
  EXPECT_EQ(send("one"), 1u);
  ASSERT_TRUE(Extend(harness.engine(), ExtensionUntil(kMcu, "2026-03-20"), harness.now).ok());
  EXPECT_EQ(send("one"), 1u) << "its rows have moved";
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now).size(), lines.size());
  EXPECT_EQ(send("two"), 2u);
  EXPECT_EQ(send(""), 3u);
  EXPECT_EQ(send(""), 4u);
}

TEST(LogRetention, WhatWasTooFarAheadIsHeldWhenItsBatchComesAgain) {
  Harness harness(kMonday - absl::Minutes(5));
  const std::vector lines{Line(kMcu, kMonday + kTick, "b"), Line(kMcu, kMonday, "a")};
  for (const uint32_t held : {1u, 2u, 2u}) {
    EXPECT_EQ(Append(harness.engine(), lines, harness.now, "one").accepted(), held);
    EXPECT_EQ(harness.Values(kServerLog), held);
    harness.now += kTick;
  }
}

TEST(LogRetention, OfTwoThatComeAtOnceOneIsHeld) {
  Harness harness(kMonday);
  const std::vector<v1::LogLine> lines = {Line(kMcu, kMonday, "a"), Line(kMcu, kMonday + absl::Minutes(6), "b")};
  const google::protobuf::RepeatedPtrField<v1::LogLine> sent(lines.begin(), lines.end());
  std::vector<LineBatch> batches(3);
  std::vector<LineBatch*> group;
  for (LineBatch& batch : batches) {
    batch.lines = &sent;
    batch.request_id = group.size() < 2 ? "one" : "";
    ASSERT_TRUE(batch.Prepare(harness.now + absl::Minutes(group.size())).ok());
    group.push_back(&batch);
  }
  ASSERT_TRUE(harness.engine().Record({}, group, harness.now).ok());
  for (const LineBatch& batch : batches) EXPECT_EQ(batch.result.accepted(), &batch == batches.data() ? 1u : 2u);
  EXPECT_EQ(harness.Values(kServerLog), 4u);
  batches[0].request_id = std::string_view("12345678901234567890123456789012345678901234567890123456789012345");
  EXPECT_EQ(DetailsOf(batches[0].Prepare(harness.now)).field(), "request_id");
}

TEST(LogRetention, RowsAreBoundedAndInTheOrderOfTime) {
  Harness harness(kMonday);
  std::vector<v1::LogLine> lines;
  for (int i = 0; i < 5000; ++i) {
    lines.push_back(Line(kMcu, kMonday - absl::Milliseconds(i * 7919 % 5000), std::string(200, 'x')));
  }
  Append(harness.engine(), lines, harness.now);
  const auto read = ReadAll(harness.engine(), harness.now);
  ASSERT_EQ(read.size(), lines.size());
  for (size_t i = 1; i < read.size(); ++i) {
    EXPECT_LE(absl::FromUnixNanos(read[i - 1].time().seconds() * 1000000000 + read[i - 1].time().nanos()),
              absl::FromUnixNanos(read[i].time().seconds() * 1000000000 + read[i].time().nanos()));
  }
  auto cursor = harness.store().Scan(Family::kFiled, "", "");
  size_t rows = 0;
  for (; cursor->Valid(); cursor->Next(), ++rows) {
    EXPECT_LE(Vault::ValueCount(cursor->value()), LogRetention::kMaxRowLines);
    EXPECT_LE(cursor->value().size(), LogRetention::kMaxRowTextBytes * 2);
  }
  EXPECT_EQ(rows, 4u) << "one megabyte of text in rows of a quarter";
}

TEST(LogExtensions, KeepLinesThatAreHeldAndThoseThatCome) {
  Harness harness(kMonday);
  Append(harness.engine(), {Line(kMcu, kMonday, "held"), Line(kPortal, kMonday, "other")}, harness.now);
  harness.now = At("2026-03-09T12:00:00+01:00");
  ASSERT_TRUE(Extend(harness.engine(), ExtensionUntil(kMcu, "2026-03-20"), harness.now).ok());
  Append(harness.engine(), {Line(kMcu, kMonday, "late"), Line(kMcu, harness.now, "new")}, harness.now);
  harness.now = At("2026-03-10T00:00:00+01:00");
  harness.Sweep();
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now), (Texts{"held", "late", "new"})) << "of the other server: gone";
  EXPECT_EQ(harness.engine().logs().InForce(harness.now).size(), 1u);
  harness.now = At("2026-03-21T00:00:00+01:00") - kTick;
  harness.Sweep();
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now), (Texts{"held", "late", "new"}));
  harness.now += kTick;
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now), Texts{});
  harness.Sweep();
  EXPECT_EQ(harness.Values(kServerLog), 0u);
  EXPECT_TRUE(harness.engine().logs().InForce(harness.now).empty());
  const auto row = harness.store().Get(Family::kState, LogExtensionKey(kMcu));
  ASSERT_TRUE(row.ok());
  EXPECT_FALSE(row->has_value()) << "its reason must go with it";
}

TEST(LogExtensions, NoLineOutlivesTheLongestPeriod) {
  Harness harness(At("2026-01-31T12:00:00+01:00"));
  Append(harness.engine(), {Line(kMcu, harness.now, "january")}, harness.now);
  ASSERT_TRUE(Extend(harness.engine(), ExtensionUntil(kMcu, "2026-02-28"), harness.now).ok());
  harness.now = At("2026-02-05T12:00:00+01:00");
  Append(harness.engine(), {Line(kMcu, harness.now, "february")}, harness.now);
  ASSERT_TRUE(Extend(harness.engine(), ExtensionUntil(kMcu, "2026-03-05"), harness.now).ok());
  EXPECT_EQ(ReadTexts(harness.engine(), At("2026-02-28T23:59:59+01:00")), (Texts{"january", "february"}));
  EXPECT_EQ(ReadTexts(harness.engine(), At("2026-03-01T00:00:00+01:00")), Texts{"february"});
}

TEST(LogExtensions, AShorterOneEndsAtOnceWhatIsPastItsOrdinaryDay) {
  Harness harness(kMonday);
  Append(harness.engine(), {Line(kMcu, kMonday, "monday")}, harness.now);
  ASSERT_TRUE(Extend(harness.engine(), ExtensionUntil(kMcu, "2026-03-20"), harness.now).ok());
  harness.now = At("2026-03-12T12:00:00+01:00");
  harness.Sweep();
  Append(harness.engine(), {Line(kMcu, At("2026-03-08T12:00:00+01:00"), "sunday"), Line(kMcu, harness.now, "thursday")},
         harness.now);
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now), (Texts{"monday", "sunday", "thursday"}));
  ASSERT_TRUE(Extend(harness.engine(), ExtensionUntil(kMcu, "2026-03-12"), harness.now).ok());
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now), (Texts{"monday", "sunday", "thursday"}));
  EXPECT_EQ(ReadTexts(harness.engine(), At("2026-03-13T00:00:00+01:00")), (Texts{"sunday", "thursday"}));
  EXPECT_EQ(ReadTexts(harness.engine(), At("2026-03-16T00:00:00+01:00")), Texts{"thursday"});
  harness.now = At("2026-03-13T00:00:00+01:00");
  harness.Sweep();
  EXPECT_EQ(harness.Values(kServerLog), 2u);
}

TEST(LogExtensions, BringBackNothingThatWasDue) {
  Harness harness(kMonday);
  Append(harness.engine(), {Line(kMcu, kMonday, "due")}, harness.now);
  harness.now = At("2026-03-10T00:00:00+01:00");
  ASSERT_TRUE(Extend(harness.engine(), ExtensionUntil(kMcu, "2026-03-20"), harness.now).ok());
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now), Texts{});
  harness.Sweep();
  EXPECT_EQ(harness.Values(kServerLog), 0u);
}

TEST(LogExtensions, APassThatWasCutShortIsFinishedBeforeItsDayEnds) {
  Harness harness(kMonday);
  Append(harness.engine(), {Line(kMcu, kMonday, "kept")}, harness.now);
  harness.now = At("2026-03-09T23:59:59+01:00");
  ASSERT_TRUE(harness.engine().ExtendLogRetention(ExtensionUntil(kMcu, "2026-03-20"), harness.now).ok());
  // Down over midnight, before a single row was moved.
  harness.now = At("2026-03-11T12:00:00+01:00");
  ASSERT_TRUE(harness.Reopen().ok());
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now), Texts{"kept"});
  harness.Sweep();
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now), Texts{"kept"});
  EXPECT_EQ(harness.DueDayOf(kServerLog), "2026-03-20");
  EXPECT_FALSE(harness.engine().logs().refiling());
  ASSERT_TRUE(harness.Reopen().ok());
  EXPECT_FALSE(harness.engine().logs().refiling());
}

TEST(LogExtensions, OneThatEndedBeforeItsPassWasFinishedKeepsNothingLonger) {
  Harness harness(kMonday);
  Append(harness.engine(), {Line(kMcu, kMonday, "a")}, harness.now);
  ASSERT_TRUE(Extend(harness.engine(), ExtensionUntil(kMcu, "2026-03-30"), harness.now).ok());
  ASSERT_TRUE(harness.engine().ExtendLogRetention(ExtensionUntil(kMcu, "2026-03-10"), harness.now).ok());
  harness.now = At("2026-03-11T00:00:00+01:00");
  ASSERT_TRUE(harness.Reopen().ok());
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now), Texts{});
  harness.Sweep();
  EXPECT_EQ(harness.Values(kServerLog), 0u);
  EXPECT_FALSE(harness.engine().logs().HasEnded(harness.now)) << "the row of the extension went too";
}

TEST(LogExtensions, MovesAreDoneInBoundedSteps) {
  Harness harness(kMonday);
  // 100 rows of 100 KiB: more than two steps take.
  for (int i = 0; i < 100; ++i) {
    std::vector<v1::LogLine> lines;
    for (int j = 0; j < 13; ++j) lines.push_back(Line(kMcu, kMonday, absl::StrCat(i, "-", std::string(8000, 'x'))));
    Append(harness.engine(), lines, harness.now);
  }
  ASSERT_TRUE(harness.engine().ExtendLogRetention(ExtensionUntil(kMcu, "2026-03-20"), harness.now).ok());
  const auto raced = harness.engine().ExtendLogRetention(ExtensionUntil(kMcu, "2026-03-21"), harness.now);
  EXPECT_EQ(DetailsOf(raced.status()).reason, "REFILE_UNDER_WAY") << "nor does another extension carry it out at once";
  int steps = 2;
  for (; *harness.engine().RefileLogs(harness.now); ++steps) {
    EXPECT_EQ(harness.Values(kServerLog), 1300u);
    EXPECT_EQ(ReadTexts(harness.engine(), harness.now).size(), 1300u);
  }
  EXPECT_GE(steps, 3);
  EXPECT_EQ(harness.DueDayOf(kServerLog), "2026-03-20");
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now).size(), 1300u);
}

TEST(LogExtensions, TheLedgerSaysWhyByCategoryOnly) {
  Harness harness(kMonday);
  ASSERT_TRUE(Extend(harness.engine(),
                     ExtensionUntil(v1::LOG_SERVER_FILE_SHARE, "2026-03-20", "Erika Musterfrau complained"), kMonday)
                  .ok());
  EXPECT_EQ(LedgerReasons(harness, stored::v1::LedgerEntry::KIND_LOGS_EXTENDED), Texts{"DEBUGGING_FILE_SHARE"});
  ASSERT_TRUE(harness.Reopen().ok());
  ASSERT_EQ(harness.engine().logs().InForce(harness.now).size(), 1u);
  EXPECT_EQ(harness.engine().logs().InForce(harness.now)[0].reason(), "Erika Musterfrau complained");
}

TEST(LogExtensions, RefuseWhatIsAbsurdNamingTheField) {
  Harness harness(kMonday);
  const auto field = [&](v1::ExtendLogRetentionRequest request) {
    const auto extended = harness.engine().ExtendLogRetention(request, harness.now);
    EXPECT_EQ(extended.status().code(), absl::StatusCode::kInvalidArgument);
    return DetailsOf(extended.status()).field();
  };
  const auto good = ExtensionUntil(kMcu, "2026-04-02");
  auto request = good;
  request.set_server(v1::LOG_SERVER_UNSPECIFIED);
  EXPECT_EQ(field(request), "server");
  request.set_server(static_cast<v1::LogServer>(99));
  EXPECT_EQ(field(request), "server");
  EXPECT_EQ(field(ExtensionUntil(kMcu, "2026-04-02", "")), "reason");
  EXPECT_EQ(field(ExtensionUntil(kMcu, "2026-04-02", std::string(1001, 'x'))), "reason");
  request = good;
  request.clear_until();
  EXPECT_EQ(field(request), "until");
  request.mutable_until()->set_year(2026);
  request.mutable_until()->set_month(2);
  request.mutable_until()->set_day(30);
  EXPECT_EQ(field(request), "until");
  EXPECT_EQ(field(ExtensionUntil(kMcu, "2026-03-01")), "until");
  EXPECT_EQ(field(ExtensionUntil(kMcu, "2026-04-03")), "until");
  EXPECT_EQ(field(ExtensionUntil(kMcu, "9999-12-31")), "until");
  EXPECT_TRUE(harness.engine().ExtendLogRetention(ExtensionUntil(kMcu, "2026-03-02"), harness.now).ok());
  EXPECT_TRUE(harness.engine().ExtendLogRetention(good, harness.now).ok());
}

TEST(LogReader, FiltersByServerSeverityAndTime) {
  Harness harness(kMonday);
  Append(harness.engine(),
         {Line(kMcu, kMonday, "m-info"), Line(kMcu, kMonday - absl::Hours(1), "m-error", v1::LOG_SEVERITY_ERROR),
          Line(kPortal, kMonday, "p-debug", v1::LOG_SEVERITY_DEBUG),
          Line(kPortal, kMonday - absl::Hours(30), "p-old", v1::LOG_SEVERITY_EMERGENCY)},
         harness.now);
  v1::ReadLogsRequest request;
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now, request), (Texts{"p-old", "m-error", "m-info", "p-debug"}));
  request.set_server(kPortal);
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now, request), (Texts{"p-old", "p-debug"}));
  request.clear_server();
  request.set_min_severity(v1::LOG_SEVERITY_ERROR);
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now, request), (Texts{"p-old", "m-error"}));
  request.clear_min_severity();
  *request.mutable_start_time() = Line(kMcu, kMonday - absl::Hours(1), "").time();
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now, request), (Texts{"m-error", "m-info", "p-debug"}));
  *request.mutable_end_time() = Line(kMcu, kMonday, "").time();
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now, request), Texts{"m-error"});
}

TEST(LogReader, PagesOfAnySizeShowEveryLineOnce) {
  Harness harness(kMonday);
  Texts expected;
  for (int batch = 0; batch < 4; ++batch) {
    std::vector<v1::LogLine> lines;
    for (int i = 0; i < 7; ++i) {
      expected.push_back(absl::StrCat(batch, "/", i));
      lines.push_back(Line(kMcu, kMonday + absl::Seconds(batch * 10 + i), expected.back()));
    }
    Append(harness.engine(), lines, harness.now);
  }
  for (const int size : {1, 2, 7, 8, 27, 28, 29}) {
    v1::ReadLogsRequest request;
    request.set_page_size(size);
    EXPECT_EQ(ReadTexts(harness.engine(), harness.now, request), expected) << size;
  }
}

TEST(LogReader, APageIsBoundedInBytes) {
  Harness harness(kMonday);
  std::vector<v1::LogLine> lines;
  for (int i = 0; i < 1000; ++i) lines.push_back(Line(kMcu, kMonday, std::string(8192, 'x')));
  Append(harness.engine(), lines, harness.now);
  v1::ReadLogsRequest request;
  request.set_page_size(10000);
  const auto page = LogReaderOf(harness.engine()).ReadLogs(request, harness.now);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->lines_size(), 256);
  EXPECT_FALSE(page->next_page_token().empty());
  EXPECT_EQ(ReadTexts(harness.engine(), harness.now, request).size(), 1000u);
}

TEST(LogReader, RefusesWhatItCannotReadNamingTheField) {
  Harness harness(kMonday);
  const auto field = [&](const std::function<void(v1::ReadLogsRequest&)>& edit) {
    v1::ReadLogsRequest request;
    edit(request);
    return DetailsOf(LogReaderOf(harness.engine()).ReadLogs(request, harness.now).status()).field();
  };
  EXPECT_EQ(field([](auto& r) { r.set_server(static_cast<v1::LogServer>(9)); }), "server");
  EXPECT_EQ(field([](auto& r) { r.set_min_severity(static_cast<v1::LogSeverity>(9)); }), "min_severity");
  EXPECT_EQ(field([](auto& r) { r.mutable_start_time()->set_seconds(-5); }), "start_time");
  EXPECT_EQ(field([](auto& r) { r.mutable_end_time()->set_seconds(-5); }), "end_time");
  EXPECT_EQ(field([](auto& r) {
              *r.mutable_start_time() = Line(kMcu, kMonday, "").time();
              *r.mutable_end_time() = Line(kMcu, kMonday - kTick, "").time();
            }),
            "end_time");
  EXPECT_EQ(field([](auto& r) { r.set_page_size(-1); }), "page_size");
  EXPECT_EQ(field([](auto& r) { r.set_page_token("%"); }), "page_token");
  EXPECT_EQ(field([](auto& r) { r.set_page_token("AAAA"); }), "page_token");
}

}  // namespace
}  // namespace retention
