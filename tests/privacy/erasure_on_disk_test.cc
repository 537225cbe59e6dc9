// Erasure as a finder of the disk would see it: no plain byte at any time, no sealed byte after the end, and no use in
// any copy made before.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/rows/pbx_registry.h"
#include "server/rows/row_keys.h"
#include "storage/keys.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "tests/engine/harness.h"
#include "tests/orders/orders.h"
#include "tests/privacy/canaries.h"
#include "tests/privacy/disk_search.h"
#include "tests/testing/ring_decoder.h"

namespace retention::privacy {
namespace {

// First instants at which the planted values are due.
const absl::Time kValuesDue = At("2026-03-10T00:00:00+01:00");
const absl::Time kHistoryDue = At("2026-05-03T00:00:00+02:00");

class ErasureOnDisk : public ::testing::Test {
 protected:
  ErasureOnDisk() : harness_(kMonday, Harness::Backend::kRocksDb) {}

  std::filesystem::path Data() const { return harness_.directory() / "data"; }
  std::filesystem::path Ring() const { return harness_.directory() / "ring"; }

  void PlantAndEnd() {
    harness_.now = kMonday + absl::Minutes(30);
    Plant(harness_, kMonday);
    harness_.now = kMonday + absl::Hours(1);
    End(harness_, harness_.now);
  }

  // No canary is in any file, whatever the harness has copied so far included.
  void ExpectNoPlaintext(absl::string_view stage) {
    const auto found = FindBytes(harness_.directory(), PlainAndHex(AllCanaries()));
    EXPECT_TRUE(found.empty()) << std::string(stage) << ": " << found.front();
  }

  // The sealed values of rows that `wanted` names, as they lie in the store now.
  template <typename Wanted>
  std::vector<Needle> Envelopes(const Wanted& wanted) {
    std::vector<Needle> envelopes;
    auto cursor = harness_.store().Scan(Family::kFiled, "", "");
    for (; cursor->Valid(); cursor->Next()) {
      const auto key = FiledKey::Decode(cursor->key());
      if (!key.has_value() || !wanted(*key) || Vault::ValueCount(cursor->value()) == 0) continue;
      envelopes.push_back(
          {absl::StrCat("category ", key->category, " of day ", key->day.number()), std::string(cursor->value())});
    }
    return envelopes;
  }

  // The files that hold the bytes now; empty ones mean that the search would not find anything at all.
  void ExpectOnDisk(const std::vector<Needle>& envelopes) {
    ASSERT_FALSE(envelopes.empty());
    for (const Needle& envelope : envelopes) {
      EXPECT_FALSE(FindBytes(Data(), {envelope}).empty()) << envelope.name << " is not found while it lives";
    }
  }
  void ExpectGone(const std::vector<Needle>& envelopes) {
    const auto found = FindBytes(Data(), envelopes);
    EXPECT_TRUE(found.empty()) << found.size() << " sightings, the first in " << found.front();
  }

  Harness harness_;
};

TEST_F(ErasureOnDisk, NoPlainByteIsInAnyFile_AtAnyStage) {
  PlantAndEnd();
  ExpectNoPlaintext("just recorded");
  ASSERT_TRUE(harness_.Reopen().ok());
  ExpectNoPlaintext("after a restart");
  harness_.now = kValuesDue - absl::Minutes(30);
  harness_.Sweep();
  ExpectNoPlaintext("in the lead window");
  harness_.now = kValuesDue;
  harness_.Sweep();
  ExpectNoPlaintext("after the values' day");
  harness_.now = kHistoryDue;
  harness_.Sweep();
  ExpectNoPlaintext("after the history's day");
  ASSERT_TRUE(harness_.EndPbx(kCanaryPbx).ok());
  harness_.Sweep();
  ExpectNoPlaintext("after the PBX");
  ASSERT_TRUE(harness_.Reopen().ok());
  ExpectNoPlaintext("after another restart");
}

TEST_F(ErasureOnDisk, ARefusedChatIsNeverWritten) {
  harness_.SyncPbx();
  harness_.Record(Started("m", "s", kMonday));
  const v1::RecordResult result = harness_.Record(Chat("m", "c", kMonday, "whispered aside"));
  ASSERT_EQ(result.rejections_size(), 1);
  EXPECT_EQ(result.rejections(0).reason(), v1::REJECTION_REASON_CHAT_NOT_PROTOCOLLED);
  EXPECT_EQ(harness_.Values(kChatProtocol), 0u) << "not even sealed";
  EXPECT_EQ(harness_.Values(kHistory), 1u);
}

TEST_F(ErasureOnDisk, AConfirmedOrdersSealedBytesAreInNoFileAfterTheScrub) {
  harness_.SyncPbx();
  const std::string where = "store/whereabouts-of-a-file";
  harness_.Record({Started("m", "s", kMonday), File("m", "f", kMonday, where), Ended("m", "e", kMonday)});
  harness_.now = kMonday + kRefresh - kTick;
  harness_.Sweep();
  EXPECT_EQ(harness_.Orders(), 0u);
  harness_.now += kTick;
  harness_.Sweep();
  EXPECT_EQ(harness_.Orders(), 1u);
  harness_.Record(File("m", "late", kMonday, where));
  EXPECT_EQ(harness_.Orders(), 2u) << "it had ended before it came";
  EXPECT_TRUE(FindBytes(harness_.directory(), PlainAndHex({where, "file-late"})).empty());
  std::vector<Needle> envelopes;
  auto cursor = harness_.store().ScanPrefix(Family::kState, OrderPrefix());
  for (; cursor->Valid(); cursor->Next()) envelopes.push_back({"an order", std::string(cursor->value())});
  cursor.reset();
  ASSERT_EQ(envelopes.size(), 2u);
  ExpectOnDisk(envelopes);
  const auto response = harness_.engine().ConfirmOrders(
      Confirmations({{1, v1::ERASURE_OUTCOME_ERASED}, {2, v1::ERASURE_OUTCOME_NOT_FOUND}}), harness_.now);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->done(), 2u);
  harness_.now += absl::Hours(1);
  harness_.Sweep(/*scrub=*/false);
  ExpectGone(envelopes);
}

TEST_F(ErasureOnDisk, ADueDaysSealedBytesAreInNoFileAfterItsEnd) {
  PlantAndEnd();
  harness_.now = kValuesDue - absl::Minutes(30);
  harness_.Sweep();
  const DueDay day(absl::CivilDay(2026, 3, 9));
  const auto values = Envelopes([&](const FiledKey& key) { return key.day == day; });
  const auto history = Envelopes([](const FiledKey& key) { return key.category == kHistory; });
  EXPECT_GE(values.size(), 8u) << "recording, name, e-mail, meeting name, comment, IP, dial-in, chat";
  ExpectOnDisk(values);
  harness_.now = kValuesDue;
  harness_.Sweep(/*scrub=*/false);
  ExpectGone(values);
  ExpectOnDisk(history);
  harness_.now = kHistoryDue;
  harness_.Sweep(/*scrub=*/false);
  ExpectGone(history);
}

TEST_F(ErasureOnDisk, ASharedFilesSealedBytesAreGoneAfterTheMeetingAndTheScrub) {
  harness_.now = kMonday + absl::Minutes(30);
  Plant(harness_, kMonday);
  const auto of_files = [](const FiledKey& key) { return key.category == kFileShare; };
  const auto while_running = Envelopes(of_files);
  ExpectOnDisk(while_running);
  End(harness_, harness_.now);
  const auto after_its_end = Envelopes(of_files);
  harness_.now += kRefresh - kTick;
  harness_.Sweep();
  ExpectOnDisk(after_its_end);
  harness_.now += kTick;
  harness_.Sweep();
  ExpectGone(while_running);
  ExpectGone(after_its_end);
}

TEST_F(ErasureOnDisk, ADeletedMeetingsSealedBytesAreGoneAfterTheScrub) {
  harness_.now = kMonday + absl::Minutes(30);
  Plant(harness_, kMonday);
  const auto stays = [](const FiledKey& key) {
    return key.category == kHistory || key.category == kRecording || key.category == kPoll || key.category == kPbxSync;
  };
  const auto ended = Envelopes([&](const FiledKey& key) { return !stays(key); });
  const auto kept = Envelopes(stays);
  ExpectOnDisk(ended);
  v1::Event deleted = CanaryEvent("deleted", harness_.now);
  deleted.mutable_meeting_deleted();
  EXPECT_EQ(harness_.Record(deleted).accepted(), 1u);
  harness_.Sweep();
  ExpectGone(ended);
  ExpectOnDisk(kept);
}

TEST_F(ErasureOnDisk, ARemovedExtensionsSealedBytesAreGoneAfterTheScrub) {
  PlantAndEnd();
  const FiledKey record = PbxRecordKey(*harness_.engine().registry().Held(kCanaryPbx));
  const auto ended = Envelopes([&](const FiledKey& key) { return key.day == DueDay::Open() && !(key == record); });
  EXPECT_EQ(ended.size(), 4u) << "extension, poll, answer, PDF";
  ExpectOnDisk(ended);
  ASSERT_TRUE(harness_.engine().RemoveExtension(kCanaryPbx, "9081726354", kReasonExtensionRemoved, harness_.now).ok());
  harness_.Sweep();
  ExpectGone(ended);
}

TEST_F(ErasureOnDisk, SupersededPbxDataIsGoneAfterTheScrub) {
  PlantAndEnd();
  const auto before = Envelopes([](const FiledKey& key) { return key.category == kPbxSync; });
  EXPECT_EQ(before.size(), 2u);
  ExpectOnDisk(before);
  v1::PbxSynced synced;
  synced.set_controller_id("controller");
  synced.mutable_profile()->set_fqdn("moved.example.org");
  synced.add_extensions()->set_number("9081726354");
  harness_.now += absl::Hours(1);
  ASSERT_TRUE(harness_.engine().SyncPbx(kCanaryPbx, synced, harness_.now).ok());
  harness_.Sweep();
  ExpectGone(before);
}

TEST_F(ErasureOnDisk, ValuesMovedToAnEarlierDayLeaveNothingUnderTheLaterOne) {
  harness_.SyncPbx();
  harness_.Record(Scheduled("m", "s", kMonday, kMonday + absl::Hours(24 * 30), absl::Hours(1)));
  const auto before = Envelopes([](const FiledKey& key) { return key.category == kMeetingName; });
  ExpectOnDisk(before);
  harness_.Record(Rescheduled("m", "r", kMonday, kMonday + absl::Hours(24), absl::Hours(1)));
  EXPECT_EQ(harness_.DueDayOf(kMeetingName), "2026-03-10");
  harness_.Sweep();
  ExpectGone(before);
}

TEST_F(ErasureOnDisk, AnEndedPbxsSealedBytesAreGoneAfterTheScrub_AllButHistory) {
  PlantAndEnd();
  const auto ended = Envelopes([](const FiledKey& key) { return key.category != kHistory; });
  const auto history = Envelopes([](const FiledKey& key) { return key.category == kHistory; });
  ExpectOnDisk(ended);
  ASSERT_TRUE(harness_.EndPbx(kCanaryPbx).ok());
  harness_.Sweep();
  ExpectGone(ended);
  ExpectOnDisk(history);
}

TEST_F(ErasureOnDisk, DestroyedKeysAreInNoFileOfTheRing) {
  PlantAndEnd();
  const DueDay day(absl::CivilDay(2026, 3, 9));
  const PbxId pbx = *harness_.engine().registry().Held(kCanaryPbx);
  const DueDay cohort(absl::CivilDay(2026, 3, 2));
  // The bytes that they lie as.
  const DecodedRing decoded = DecodeRing(Ring() / "a");
  const auto needle = [&](const char* name, const std::optional<SecretKey>& key) {
    EXPECT_TRUE(key.has_value()) << name;
    const auto sealed = decoded.sealed.find(std::string(reinterpret_cast<const char*>(key->data()), SecretKey::kBytes));
    EXPECT_NE(sealed, decoded.sealed.end()) << name;
    return Needle{name, sealed == decoded.sealed.end() ? "" : sealed->second};
  };
  const Needle day_key = needle("day key", harness_.ring().FindDay(day));
  const Needle pbx_key = needle("PBX key", harness_.ring().FindPbx(pbx));
  const Needle cohort_key = needle("cohort key", harness_.ring().FindCohort(cohort));
  for (const Needle& key : {day_key, pbx_key, cohort_key}) {
    EXPECT_EQ(FindBytes(Ring(), {key}).size(), 2u) << key.name << ": in each replica";
    EXPECT_TRUE(FindBytes(Data(), {key}).empty()) << key.name << " lies with the data";
  }
  harness_.now = At("2026-03-05T00:00:00+01:00");
  harness_.Sweep();
  EXPECT_TRUE(FindBytes(Ring(), {cohort_key}).empty());
  EXPECT_FALSE(FindBytes(Ring(), {day_key}).empty());
  harness_.now = kValuesDue;
  harness_.Sweep();
  EXPECT_TRUE(FindBytes(Ring(), {day_key}).empty());
  ASSERT_TRUE(harness_.EndPbx(kCanaryPbx).ok());
  const auto left = DecodeRing(Ring() / "a").keys;
  EXPECT_TRUE(std::none_of(left.begin(), left.end(), [](const auto& key) { return key.first.first == 'O'; }));
  EXPECT_TRUE(FindBytes(Ring(), {pbx_key}).empty());
}

// A copy of the data directory, opened with a copy of a key ring: what a thief of a backup has once he gets at the
// ring.
class OldCopy {
 public:
  OldCopy(const std::filesystem::path& data, const std::filesystem::path& ring, const std::filesystem::path& directory)
      : directory_(directory) {
    std::filesystem::remove_all(directory);
    CopyDirectory(data, directory / "data");
    CopyDirectory(ring, directory / "ring");
    auto opened_ring = KeyRing::Open((directory / "ring").string(), {});
    auto opened_store = OpenRocksDbStore((directory / "data").string(), {});
    EXPECT_TRUE(opened_ring.ok()) << opened_ring.status();
    EXPECT_TRUE(opened_store.ok()) << opened_store.status();
    ring_ = *std::move(opened_ring);
    store_ = *std::move(opened_store);
  }
  ~OldCopy() {
    store_.reset();
    ring_.reset();
    std::filesystem::remove_all(directory_);
  }

  struct Opened {
    std::set<int> readable;    // categories of rows that open
    std::set<int> unreadable;  // categories of rows that do not
    std::string text;          // of all that open
  };
  // Tries every row of which `wanted` holds.
  template <typename Wanted>
  Opened TryRows(const Wanted& wanted) {
    Opened opened;
    Vault vault(*ring_, SystemRandom());
    for (auto cursor = store_->Scan(Family::kFiled, "", ""); cursor->Valid(); cursor->Next()) {
      const auto key = FiledKey::Decode(cursor->key());
      if (!key.has_value() || !wanted(*key)) continue;
      const auto plaintext = vault.Open(*key, cursor->value());
      (plaintext.ok() ? opened.readable : opened.unreadable).insert(key->category);
      if (plaintext.ok()) opened.text += plaintext->Reveal();
      EXPECT_TRUE(plaintext.ok() || absl::IsNotFound(plaintext.status())) << plaintext.status();
    }
    return opened;
  }

  // The whole engine on it.
  absl::StatusOr<std::unique_ptr<TestEngine>> OpenEngine(absl::Time now) {
    return TestEngine::Open(*store_, *ring_, SystemRandom(), DefaultPolicy(), now);
  }

 private:
  const std::filesystem::path directory_;
  std::unique_ptr<KeyRing> ring_;
  std::unique_ptr<Store> store_;
};

class OldCopies : public ErasureOnDisk {
 protected:
  // Copies data and ring as they are now.
  void Keep(const std::string& name) {
    CopyDirectory(Data(), harness_.directory() / name / "data");
    CopyDirectory(Ring(), harness_.directory() / name / "ring");
  }
  // The copy with the ring of its own time: shows what there was to lose.
  OldCopy WithItsRing(const std::string& name) {
    return OldCopy(harness_.directory() / name / "data", harness_.directory() / name / "ring",
                   harness_.directory() / "opened");
  }
  OldCopy WithTodaysRing(const std::string& name) {
    return OldCopy(harness_.directory() / name / "data", Ring(), harness_.directory() / "opened");
  }
};

constexpr auto kEveryRow = [](const FiledKey&) { return true; };

TEST_F(OldCopies, YieldNothingOfADestroyedDay) {
  PlantAndEnd();
  Keep("at once");
  harness_.now = kValuesDue - absl::Minutes(1);
  harness_.Sweep();
  Keep("before the day");
  harness_.now = kValuesDue;
  harness_.Sweep();
  const std::set<int> of_the_day = {kRecording,      kParticipantName, kParticipantEmail, kMeetingName,
                                    kMeetingComment, kParticipantIp,   kDialIn,           kChatProtocol};
  const DueDay day(absl::CivilDay(2026, 3, 9));
  for (const char* copy : {"at once", "before the day"}) {
    SCOPED_TRACE(copy);
    std::set<int> held = of_the_day;
    // Nobody had been away for longer than a page takes to be refreshed.
    if (copy == std::string_view("at once")) held.insert(kFileShare);
    const auto of_day = [&](const FiledKey& key) { return key.day <= day; };
    EXPECT_EQ(WithItsRing(copy).TryRows(of_day).readable, held) << "the copy holds what is looked for";
    const OldCopy::Opened today = WithTodaysRing(copy).TryRows(of_day);
    EXPECT_TRUE(today.readable.empty());
    EXPECT_EQ(today.unreadable, held);
    EXPECT_FALSE(absl::StrContains(WithTodaysRing(copy).TryRows(kEveryRow).text, kCanaryParticipant))
        << "history and polls know no identifier";
  }
  harness_.now = kHistoryDue;
  harness_.Sweep();
  const OldCopy::Opened today = WithTodaysRing("at once").TryRows(kEveryRow);
  EXPECT_EQ(today.readable, (std::set<int>{kPbxSync, kPdfShare, kPoll})) << "what has no end by time";
  EXPECT_TRUE(today.unreadable.contains(kHistory));
}

TEST_F(OldCopies, ReadByTheEngineAtAnyTime_ShowNothingOfADestroyedDay) {
  PlantAndEnd();
  Keep("at once");
  const absl::Time then = harness_.now;
  harness_.now = kValuesDue;
  harness_.Sweep();
  {
    OldCopy copy = WithItsRing("at once");
    auto engine = copy.OpenEngine(then);
    ASSERT_TRUE(engine.ok()) << engine.status();
    EXPECT_EQ(GetCanaryMeeting(Reader(**engine), then)->name(), "Canary Meeting Name");
  }
  OldCopy copy = WithTodaysRing("at once");
  // The clock is turned back: the ring alone must keep the secret.
  auto engine = copy.OpenEngine(then);
  ASSERT_TRUE(engine.ok()) << engine.status();
  const Reader reader(**engine);
  const auto meeting = GetCanaryMeeting(reader, then);
  ASSERT_TRUE(meeting.ok()) << "its history is not due: " << meeting.status();
  EXPECT_EQ(meeting->name(), "");
  EXPECT_EQ(meeting->comment(), "");
  EXPECT_EQ(meeting->conference_number(), "");
  EXPECT_EQ(meeting->recordings_size() + meeting->files_size() + meeting->chat_size(), 0);
  for (const v1::Participant& participant : GetCanaryParticipants(reader, then)) {
    EXPECT_EQ(participant.name() + participant.email(), "");
    EXPECT_EQ(participant.ips_size(), 0);
    EXPECT_EQ(participant.participant_id(), "participant 1");
  }
  EXPECT_EQ(GetCanaryReport(reader, then)->participants(0).name(), "participant 1");
}

TEST_F(OldCopies, YieldNothingOfAnEndedPbx_ButItsHistory) {
  PlantAndEnd();
  Keep("before the end");
  const absl::Time then = harness_.now;
  ASSERT_TRUE(harness_.EndPbx(kCanaryPbx).ok());
  EXPECT_EQ(WithItsRing("before the end").TryRows(kEveryRow).readable.size(), 13u);
  {
    OldCopy copy = WithTodaysRing("before the end");
    const OldCopy::Opened today = copy.TryRows(kEveryRow);
    EXPECT_EQ(today.readable, (std::set<int>{kHistory}));
    EXPECT_EQ(today.unreadable.size(), 12u);
    EXPECT_TRUE(absl::StrContains(today.text, kCanaryMeeting));
    EXPECT_FALSE(absl::StrContains(today.text, kCanaryParticipant));
    EXPECT_FALSE(copy.OpenEngine(then).ok()) << "a PBX that is registered there has no key";
  }
  harness_.now = kHistoryDue;
  harness_.Sweep();
  EXPECT_TRUE(WithTodaysRing("before the end").TryRows(kEveryRow).readable.empty());
}

TEST_F(OldCopies, OfAPurge_OpenUntilTheDayAndNotAfter) {
  harness_.now = kMonday + absl::Minutes(30);
  Plant(harness_, kMonday);
  Keep("before the purge");
  v1::Event deleted = CanaryEvent("deleted", harness_.now);
  deleted.mutable_meeting_deleted();
  harness_.Record(deleted);
  harness_.Sweep();
  harness_.now = kValuesDue;
  harness_.Sweep();
  const OldCopy::Opened today = WithTodaysRing("before the purge").TryRows([](const FiledKey& key) {
    return key.day.is_civil() && key.category != kHistory;
  });
  EXPECT_TRUE(today.readable.empty()) << "the day's key ends what a purge cannot reach";
}

}  // namespace
}  // namespace retention::privacy
