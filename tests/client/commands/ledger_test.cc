// ledger checkpoint | key | entries | certificate | export | verify | watch
#include <filesystem>
#include <fstream>
#include <sstream>

#include "client/human_units.h"
#include "retention/v1/ledger_service.pb.h"
#include "tests/client/commands/command_line_fixture.h"
#include "tests/client/ledger/test_ledger.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

class LedgerCommandsTest : public CommandLineTest {
 protected:
  void AnswerHead(const TestLedger& ledger, uint64_t size) {
    v1::GetCheckpointResponse answer;
    answer.set_checkpoint(ledger.Checkpoint(size));
    answer.set_size(size);
    answer.set_verifier_key(TestLedger::KeyText());
    connection_->Answer("GetCheckpoint", answer);
  }
  void AnswerConsistency(const TestLedger& ledger, uint64_t first, uint64_t size) {
    v1::GetConsistencyProofResponse answer;
    answer.set_second_size(size);
    for (const std::string& hash : ledger.Consistency(first, size)) answer.add_hashes(hash);
    connection_->Answer("GetConsistencyProof", answer);
  }
  void AnswerTiles(const TestLedger& ledger) {
    connection_->handlers["GetLedgerTile"] = [&ledger](const google::protobuf::Message& asked,
                                                       google::protobuf::Message* response) {
      const auto& request = dynamic_cast<const v1::GetLedgerTileRequest&>(asked);
      dynamic_cast<v1::GetLedgerTileResponse&>(*response).set_tile(ledger.Tile({.entries = request.entries(),
                                                                                .level = request.level(),
                                                                                .index = request.index(),
                                                                                .width = request.width()}));
      return absl::OkStatus();
    };
  }
  std::string Path(const char* name) const { return directory_.path() / name; }

  const FreshDirectory directory_;
};

TEST_F(LedgerCommandsTest, Entries_Golden) {
  v1::ListLedgerEntriesResponse answer;
  v1::LedgerEntry& entry = *answer.add_entries();
  entry.set_sequence(1234);
  *entry.mutable_entry_time() = ToTimestamp(*ParseTime("2026-03-10T00:00:01Z"));
  entry.set_act(v1::LEDGER_ACT_DAY_ENDED);
  *entry.mutable_day() = *ParseDate("2026-03-09");
  *entry.mutable_due_time() = ToTimestamp(*ParseTime("2026-03-09T23:00:00Z"));
  *entry.mutable_done_time() = ToTimestamp(*ParseTime("2026-03-09T23:00:00Z"));
  v1::LedgerCount& count = *entry.add_counts();
  count.set_category(v1::DATA_CATEGORY_PARTICIPANT_NAME);
  count.set_values_max(50);
  connection_->Answer("ListLedgerEntries", answer);
  EXPECT_EQ(Run({"ledger", "entries", "--day", "2026-03-09"}), kExitOk) << err_.str();
  EXPECT_EQ(
      out_.str(),
      "ENTRY  ENTERED (UTC)        ACT        DAY         THROUGH  DUE (UTC)            DONE (UTC)           REASON  "
      "SIZES                 ROLE\n"
      "1,234  2026-03-10 00:00:01  day-ended  2026-03-09  -        2026-03-09 23:00:00  2026-03-09 23:00:00  -       "
      "participant-name<=50  -\n");
  connection_->Answer("ListLedgerEntries", answer);
  EXPECT_EQ(Run({"ledger", "entries", "--day", "2026-03-10", "-o", "csv"}), kExitOk) << err_.str();
  EXPECT_EQ(out_.str().find("1234"), std::string::npos) << out_.str();
}

TEST_F(LedgerCommandsTest, Watch_GoesOnWithWhatGoesOnAndFailsAtAFork) {
  const TestLedger ledger(9);
  AnswerHead(ledger, 4);
  EXPECT_EQ(Run({"ledger", "watch", Path("state")}), kExitOk) << err_.str();
  EXPECT_NE(out_.str().find("for the first time"), std::string::npos) << out_.str();
  AnswerHead(ledger, 9);
  AnswerConsistency(ledger, 4, 9);
  EXPECT_EQ(Run({"ledger", "watch", Path("state")}), kExitOk) << err_.str();
  // Another history, signed by the same key.
  TestLedger forged(12);
  forged.leaves()[2] = "forged";
  AnswerHead(forged, 12);
  AnswerConsistency(forged, 9, 12);
  EXPECT_EQ(Run({"ledger", "watch", Path("state")}), kExitFailed);
  EXPECT_NE(err_.str().find("forged"), std::string::npos) << err_.str();
  // An older copy in its place.
  AnswerHead(ledger, 6);
  EXPECT_EQ(Run({"ledger", "watch", Path("state")}), kExitFailed);
  EXPECT_NE(err_.str().find("an older copy of the data is in its place"), std::string::npos) << err_.str();
  // What was seen last is still remembered.
  AnswerHead(ledger, 9);
  AnswerConsistency(ledger, 9, 9);
  EXPECT_EQ(Run({"ledger", "watch", Path("state")}), kExitOk) << err_.str();
}

TEST_F(LedgerCommandsTest, Export_FetchesWhatIsNewAndVerifiesAll) {
  const TestLedger ledger(300);
  AnswerHead(ledger, 290);
  AnswerTiles(ledger);
  EXPECT_EQ(Run({"ledger", "export", Path("x"), "--ledger-key", TestLedger::KeyText()}), kExitOk) << err_.str();
  EXPECT_EQ(Run({"ledger", "verify", Path("x"), "--ledger-key", TestLedger::KeyText()}), kExitOk) << err_.str();
  EXPECT_NE(out_.str().find("290 entries, all there"), std::string::npos) << out_.str();
  std::ofstream(directory_.path() / "x/tile/entries/000", std::ios::app) << "x";
  EXPECT_EQ(Run({"ledger", "verify", Path("x"), "--ledger-key", TestLedger::KeyText()}), kExitFailed);
  EXPECT_NE(err_.str().find("tile/entries/000"), std::string::npos) << err_.str();
}

TEST_F(LedgerCommandsTest, Certificate_IsAProofAndAPage) {
  const TestLedger ledger(7);
  AnswerHead(ledger, 7);
  v1::GetInclusionProofResponse answer;
  answer.mutable_entry()->set_sequence(3);
  answer.mutable_entry()->set_act(v1::LEDGER_ACT_PURGED);
  answer.mutable_entry()->set_reason("MEETING_<DELETED>");
  answer.set_tree_size(7);
  std::string text = absl::StrCat("c2sp.org/tlog-proof@v1\nextra ", absl::Base64Escape("entry 3"), "\nindex 2\n");
  for (const std::string& hash : ledger.Inclusion(2, 7)) absl::StrAppend(&text, absl::Base64Escape(hash), "\n");
  answer.set_proof(absl::StrCat(text, "\n", ledger.Checkpoint(7)));
  connection_->Answer("GetInclusionProof", answer);
  EXPECT_EQ(Run({"ledger", "certificate", "--entry", "3", "--out", Path("c")}), kExitOk) << err_.str();
  std::stringstream page;
  page << std::ifstream(directory_.path() / "c/entry-3.html").rdbuf();
  EXPECT_NE(page.str().find("MEETING_&lt;DELETED&gt;"), std::string::npos);
  EXPECT_NE(page.str().find("since then no copy of it can be read"), std::string::npos);
  EXPECT_EQ(Run({"ledger", "verify", Path("c/entry-3.tlog-proof"), "--ledger-key", TestLedger::KeyText()}), kExitOk)
      << err_.str();
  EXPECT_NE(out_.str().find("entry 3 is in the ledger of 7 entries"), std::string::npos) << out_.str();
}

TEST_F(LedgerCommandsTest, WhatIsWrongIsSaid) {
  EXPECT_EQ(Run({"ledger", "verify", Path("x"), "--ledger-key", "nonsense"}), kExitUsage);
  EXPECT_EQ(Run({"ledger", "verify", Path("x"), "--ledger-key", TestLedger::KeyText()}), kExitFailed);
  EXPECT_EQ(Run({"ledger", "entries", "--day", "yesterday"}), kExitUsage);
  EXPECT_EQ(Run({"ledger", "certificate", "--out", Path("c")}), kExitUsage);
}

}  // namespace
}  // namespace retention
