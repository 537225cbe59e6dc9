#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "retention/stored/v1/ledger.pb.h"
#include "retention/v1/ledger_service.pb.h"
#include "server/ledger/checkpoint.h"
#include "tests/engine/harness.h"
#include "tests/ledger/tree_verifying.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

constexpr char kCheckpoint[] = "/retention.v1.LedgerService/GetCheckpoint";
constexpr char kList[] = "/retention.v1.LedgerService/ListLedgerEntries";
constexpr char kInclusion[] = "/retention.v1.LedgerService/GetInclusionProof";
constexpr char kConsistency[] = "/retention.v1.LedgerService/GetConsistencyProof";
constexpr char kTile[] = "/retention.v1.LedgerService/GetLedgerTile";

v1::GetCheckpointResponse Checkpoint(RunningServer& server) {
  v1::GetCheckpointResponse checkpoint;
  const CallEnd end = server.Call(kCheckpoint, v1::GetCheckpointRequest(), &checkpoint);
  EXPECT_TRUE(end.ok()) << end;
  return checkpoint;
}

// The head that a note says, if it is signed by the key.
std::optional<TreeHead> HeadOf(const std::string& note, const std::string& key) {
  const auto parsed = SignedNote::Parse(note);
  const auto verifier = NoteVerifier::Parse(key);
  if (!parsed.has_value() || !verifier.has_value() || parsed->signatures.empty()) return std::nullopt;
  if (!verifier->Verifies(parsed->text, parsed->signatures[0].signature)) return std::nullopt;
  return TreeHead::Parse(parsed->text, verifier->name());
}

std::vector<std::string> Hashes(const google::protobuf::RepeatedPtrField<std::string>& hashes) {
  return {hashes.begin(), hashes.end()};
}

TEST(LedgerServiceTest, EveryEntryIsProvedToBeInWhatIsSigned) {
  RunningServer server;
  for (const char* pbx : {"a", "b", "c"}) server.SyncPbx(pbx);
  const auto checkpoint = Checkpoint(server);
  const auto head = HeadOf(checkpoint.checkpoint(), checkpoint.verifier_key());
  ASSERT_TRUE(head.has_value()) << checkpoint.checkpoint();
  EXPECT_EQ(head->size, checkpoint.size());
  EXPECT_EQ(head->root, checkpoint.root_hash());
  ASSERT_GE(head->size, 4u);
  for (uint64_t sequence = 1; sequence <= head->size; ++sequence) {
    v1::GetInclusionProofRequest request;
    request.set_sequence(sequence);
    v1::GetInclusionProofResponse proof;
    ASSERT_TRUE(server.Call(kInclusion, request, &proof).ok());
    EXPECT_TRUE(
        InclusionHolds(sequence - 1, head->size, TreeLeafHash(proof.leaf()), Hashes(proof.hashes()), head->root));
    EXPECT_EQ(proof.entry().sequence(), sequence);
    EXPECT_EQ(proof.proof().substr(proof.proof().find("\n\n") + 2), checkpoint.checkpoint());
  }
}

TEST(LedgerServiceTest, GoesOnFromWhatWasSignedAndKeepsItsKey) {
  RunningServer server;
  server.SyncPbx("a");
  const auto before = Checkpoint(server);
  ASSERT_TRUE(server.Restart().ok());
  server.SyncPbx("b");
  const auto after = Checkpoint(server);
  EXPECT_EQ(after.verifier_key(), before.verifier_key());
  ASSERT_GT(after.size(), before.size());
  v1::GetConsistencyProofRequest request;
  request.set_first_size(before.size());
  v1::GetConsistencyProofResponse proof;
  ASSERT_TRUE(server.Call(kConsistency, request, &proof).ok());
  EXPECT_EQ(proof.second_size(), after.size());
  EXPECT_TRUE(
      ConsistencyHolds(before.size(), after.size(), Hashes(proof.hashes()), before.root_hash(), after.root_hash()));
}

TEST(LedgerServiceTest, ListsWhatIsAskedFor) {
  RunningServer server;
  for (const char* pbx : {"a", "b", "c"}) server.SyncPbx(pbx);
  v1::ListLedgerEntriesRequest request;
  request.add_acts(v1::LEDGER_ACT_PBX_REGISTERED);
  request.set_page_size(2);
  v1::ListLedgerEntriesResponse page;
  ASSERT_TRUE(server.Call(kList, request, &page).ok());
  ASSERT_EQ(page.entries_size(), 2);
  EXPECT_LT(page.entries(0).sequence(), page.entries(1).sequence());
  request.set_page_token(page.next_page_token());
  ASSERT_TRUE(server.Call(kList, request, &page).ok());
  ASSERT_EQ(page.entries_size(), 1);
  const v1::LedgerEntry last = page.entries(0);
  request.clear_page_token();
  request.set_newest_first(true);
  ASSERT_TRUE(server.Call(kList, request, &page).ok());
  ASSERT_EQ(page.entries_size(), 2);
  EXPECT_EQ(page.entries(0).sequence(), last.sequence());
  request.set_pbx_id("b");
  ASSERT_TRUE(server.Call(kList, request, &page).ok());
  ASSERT_EQ(page.entries_size(), 1);
  EXPECT_NE(page.entries(0).pbx(), last.pbx());
  request.set_pbx_id("unknown");
  EXPECT_EQ(server.Call(kList, request).Summary(), "NOT_FOUND PBX_UNKNOWN");
  v1::ListLedgerEntriesRequest later;
  later.mutable_start_time()->set_seconds(last.entry_time().seconds() + 1);
  ASSERT_TRUE(server.Call(kList, later, &page).ok());
  EXPECT_EQ(page.entries_size(), 0);
}

TEST(LedgerServiceTest, SaysWhatIsWrongWithAQuestion) {
  RunningServer server;
  const uint64_t size = Checkpoint(server).size();
  v1::GetInclusionProofRequest inclusion;
  EXPECT_EQ(server.Call(kInclusion, inclusion).Summary(), "INVALID_ARGUMENT INVALID_FIELD sequence");
  inclusion.set_sequence(size + 1);
  EXPECT_EQ(server.Call(kInclusion, inclusion).Summary(), "OUT_OF_RANGE LEDGER_ENTRY_UNKNOWN");
  inclusion.set_sequence(1);
  inclusion.set_tree_size(size + 1);
  EXPECT_EQ(server.Call(kInclusion, inclusion).Summary(), "OUT_OF_RANGE LEDGER_ENTRY_UNKNOWN");
  v1::GetConsistencyProofRequest consistency;
  consistency.set_first_size(size + 1);
  EXPECT_EQ(server.Call(kConsistency, consistency).Summary(), "OUT_OF_RANGE LEDGER_ENTRY_UNKNOWN");
  consistency.set_second_size(size);
  EXPECT_EQ(server.Call(kConsistency, consistency).Summary(), "INVALID_ARGUMENT INVALID_FIELD first_size");
  v1::GetLedgerTileRequest tile;
  EXPECT_EQ(server.Call(kTile, tile).Summary(), "INVALID_ARGUMENT INVALID_FIELD kind");
  tile.set_level(0);
  tile.set_width(257);
  EXPECT_EQ(server.Call(kTile, tile).Summary(), "INVALID_ARGUMENT INVALID_FIELD width");
  tile.set_width(static_cast<uint32_t>(size) + 1);
  EXPECT_EQ(server.Call(kTile, tile).Summary(), "OUT_OF_RANGE LEDGER_TILE_UNKNOWN");
  tile.set_width(0);
  tile.set_level(4'000'000'000);
  EXPECT_EQ(server.Call(kTile, tile).Summary(), "OUT_OF_RANGE LEDGER_TILE_UNKNOWN");
  tile.set_level(0);
  tile.set_index(~uint64_t{0});
  EXPECT_EQ(server.Call(kTile, tile).Summary(), "OUT_OF_RANGE LEDGER_TILE_UNKNOWN");
  v1::ListLedgerEntriesRequest list;
  list.add_acts(static_cast<v1::LedgerAct>(999));
  EXPECT_EQ(server.Call(kList, list).Summary(), "INVALID_ARGUMENT INVALID_FIELD acts[0]");
}

TEST(LedgerServiceTest, ATileIsOfTheEntries) {
  RunningServer server;
  server.SyncPbx("a");
  v1::GetLedgerTileRequest request;
  request.set_level(0);
  v1::GetLedgerTileResponse hashes;
  ASSERT_TRUE(server.Call(kTile, request, &hashes).ok());
  EXPECT_EQ(hashes.width(), Checkpoint(server).size());
  request.set_entries(true);
  v1::GetLedgerTileResponse entries;
  ASSERT_TRUE(server.Call(kTile, request, &entries).ok());
  std::string_view rest = entries.tile();
  for (uint32_t i = 0; i < entries.width(); ++i) {
    const size_t bytes = static_cast<uint8_t>(rest[0]) << 8 | static_cast<uint8_t>(rest[1]);
    EXPECT_EQ(TreeLeafHash(rest.substr(2, bytes)), hashes.tile().substr(32 * i, 32));
    rest.remove_prefix(2 + bytes);
  }
  EXPECT_TRUE(rest.empty());
}

// By Go's own packages for its modules' log, and by a page of Python that was written from the standards.
TEST(LedgerServiceTest, ForeignToolsVerifyItsProofs) {
  RunningServer server;
  for (const char* pbx : {"a", "b", "c"}) server.SyncPbx(pbx);
  v1::GetInclusionProofRequest request;
  request.set_sequence(3);
  v1::GetInclusionProofResponse proof;
  ASSERT_TRUE(server.Call(kInclusion, request, &proof).ok());
  const auto verifies = [&](const std::string& tool, const std::string& text) {
    const std::filesystem::path file = server.directory() / "proof";
    std::ofstream(file) << text;
    const std::string command = absl::StrCat(tool, " '", Checkpoint(server).verifier_key(), "' ", file.string());
    return std::system(command.c_str()) == 0;
  };
  const std::string directory = RETENTION_PROOF_VERIFIERS;
  const std::string go =
      absl::StrCat("GO111MODULE=off GOFLAGS= GOPATH=/usr/share/gocode GOCACHE=", (server.directory() / "go").string(),
                   " go run ", directory, "verify_proof.go");
  const std::string python = absl::StrCat("/usr/bin/python3 ", directory, "verify_proof.py");
  std::string forged = proof.proof();
  forged[forged.find("extra ") + 9] ^= 3;
  for (const std::string& tool : {go, python}) {
    EXPECT_TRUE(verifies(tool, proof.proof())) << tool;
    EXPECT_FALSE(verifies(tool, forged)) << tool;
  }
}

// The origin is the server's to choose, and a mistake in it leaves nothing behind.
TEST(LedgerServiceTest, HasTheNameThatItIsGiven) {
  RunningServer server([](ServerOptions& options) { options.ledger_origin = "ledger.example.org/retention"; });
  EXPECT_EQ(Checkpoint(server).checkpoint().substr(0, 29), "ledger.example.org/retention\n");
}

// What is entered can be read: each kind of entry is an act, of the same number and name.
TEST(LedgerActs, AreTheKindsOfEntries) {
  const auto* kinds = stored::v1::LedgerEntry::Kind_descriptor();
  const auto* acts = v1::LedgerAct_descriptor();
  ASSERT_EQ(kinds->value_count(), acts->value_count());
  for (int i = 0; i < kinds->value_count(); ++i) {
    const auto* act = acts->FindValueByNumber(kinds->value(i)->number());
    ASSERT_NE(act, nullptr) << kinds->value(i)->name();
    EXPECT_EQ(act->name(), "LEDGER_ACT_" + kinds->value(i)->name().substr(5));
  }
}

}  // namespace
}  // namespace retention
