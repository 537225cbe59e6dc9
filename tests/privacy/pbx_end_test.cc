// Section 9, last list: what ends a PBX, to the microsecond, in reads and on disk; and deletions by an operator.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tests/engine/harness.h"
#include "tests/privacy/canaries.h"
#include "tests/privacy/disk_search.h"

namespace retention::privacy {
namespace {

constexpr const char* kLicence = "CANARY-LICENCE-77";

class PbxEnds : public ::testing::Test {
 protected:
  PbxEnds() : harness_(kMonday, DefaultPolicy(), {}, Harness::Backend::kRocksDb) {
    v1::PbxSynced synced;
    synced.set_controller_id("controller");
    synced.mutable_profile()->set_fqdn("canary-pbx.example.org");
    synced.mutable_profile()->set_licence_key(kLicence);
    synced.add_extensions()->set_number("100");
    synced.mutable_extensions(0)->set_first_name("Canaria");
    Sync(synced);
    synced_ = synced;
    pbx_ = *harness_.engine().registry().Held("pbx");
    Record({Scheduled("m", "s", kMonday, kMonday, absl::Hours(1)),
            Joined("m", "j", kMonday, "p", "Canary Participant", "canary@example.org", "198.51.100.77"),
            Recording("m", "r", kMonday, "canary-recording"), Pdf("m", "d", kMonday, "canary-pdf")});
  }

  void Sync(const v1::PbxSynced& synced) {
    const auto outcome = harness_.engine().SyncPbx("pbx", synced, harness_.now);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
  }
  void Record(const std::vector<v1::Event>& events) { EXPECT_EQ(harness_.Record(events).rejections_size(), 0); }
  bool Known() {
    v1::GetPbxRequest request;
    request.set_pbx_id("pbx");
    return harness_.reader().GetPbx(request, harness_.now).ok();
  }
  absl::StatusOr<PbxCommands::LicenceOutcome> Licence(absl::Time until, bool registered = true, bool active = true) {
    return harness_.engine().ReportLicence(kLicence, until, registered, active, harness_.now);
  }
  // Alive to the last microsecond before `end`; from `end` on no call shows it, before any sweep; and after the sweep
  // no byte of it is in a file.
  void ExpectEndAt(absl::Time end) {
    harness_.now = end - kTick;
    harness_.Sweep();
    EXPECT_TRUE(Known());
    harness_.now = end;
    EXPECT_FALSE(Known()) << "before the sweep";
    EXPECT_EQ(harness_.Record(Joined("m", "late", harness_.now, "p")).rejections(0).reason(),
              v1::REJECTION_REASON_PBX_UNKNOWN);
    EXPECT_GT(harness_.engine().OldestOverdue(end + absl::Seconds(1)).value(), absl::ZeroDuration());
    ExpectGone();
  }
  void ExpectGone() {
    harness_.Sweep();
    EXPECT_FALSE(Known());
    EXPECT_EQ(harness_.engine().OldestOverdue(harness_.now).value(), absl::ZeroDuration());
    EXPECT_EQ(harness_.Values(kPbxSync), 0u);
    EXPECT_EQ(harness_.Values(kPdfShare), 0u);
    EXPECT_EQ(harness_.Values(kParticipantName), 0u);
    EXPECT_GE(harness_.Orders(), 2u) << "recording and PDF";
    EXPECT_EQ(Left(), "");
  }
  // Rows that the PBX left but history, deleted rows whose bytes wait for a scrub, and plain bytes in any file.
  std::string Left() {
    for (auto cursor = harness_.store().Scan(Family::kFiled, "", ""); cursor->Valid(); cursor->Next()) {
      const auto key = FiledKey::Decode(cursor->key());
      if (key->pbx == pbx_ && key->category != kHistory) return "a row of category " + std::to_string(key->category);
    }
    if (!harness_.engine().marks().Read().empty()) return "bytes of deleted rows";
    const auto found =
        FindBytes(harness_.directory(),
                  PlainAndHex({"Canaria", "canary-pbx", "Canary Participant", "canary@example.org", kLicence}));
    return found.empty() ? "" : found.front();
  }

  Harness harness_;
  v1::PbxSynced synced_;
  PbxId pbx_;
};

TEST_F(PbxEnds, AfterSixtyDaysWithoutContact) { ExpectEndAt(At("2026-05-02T00:00:00+02:00")); }

TEST_F(PbxEnds, AnyEventAndAnySynchronisationIsContact) {
  harness_.now = At("2026-05-01T23:59:59+02:00");
  harness_.Sweep();
  Record({Scheduled("m2", "s", harness_.now, harness_.now, absl::Hours(1))});
  harness_.now = At("2026-06-30T12:00:00+02:00");  // the 60th day after that
  harness_.Sweep();
  ASSERT_TRUE(Known());
  Sync(synced_);
  ASSERT_TRUE(harness_.Reopen().ok());
  ExpectEndAt(At("2026-08-30T00:00:00+02:00"));
}

TEST_F(PbxEnds, WithItsLicenceByItself) {
  const absl::Time until = At("2026-03-20T15:30:00+01:00");
  ASSERT_TRUE(Licence(until).ok());
  ASSERT_TRUE(harness_.Reopen().ok());
  ExpectEndAt(until);
}

TEST_F(PbxEnds, NotWithALicenceThatWasRenewedAnInstantBefore) {
  const absl::Time until = At("2026-03-20T15:30:00+01:00");
  ASSERT_TRUE(Licence(until).ok());
  harness_.now = until - kTick;
  ASSERT_TRUE(Licence(until + absl::Hours(24)).ok());
  harness_.now = until;
  harness_.Sweep();
  EXPECT_TRUE(Known());
  ExpectEndAt(until + absl::Hours(24));
}

TEST_F(PbxEnds, AlsoIfItsLicenceIsRenewedAnInstantAfter) {
  const absl::Time until = At("2026-03-20T15:30:00+01:00");
  ASSERT_TRUE(Licence(until).ok());
  harness_.now = until;
  EXPECT_EQ(Licence(until + absl::Hours(24)).status().code(), absl::StatusCode::kNotFound);
  ExpectGone();
}

TEST_F(PbxEnds, AtOnceWhenTheErpSaysItIsNotRegisteredOrNotActive) {
  const auto outcome = Licence(At("2027-01-01T00:00:00Z"), /*registered=*/false);
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->ended, 1u);
  EXPECT_FALSE(Known());
  ExpectGone();
  Sync(synced_);
  EXPECT_EQ(Licence(At("2027-01-01T00:00:00Z"), true, /*active=*/false)->ended, 1u);
  EXPECT_FALSE(Known());
  Sync(synced_);
  EXPECT_EQ(Licence(harness_.now)->ended, 1u) << "no longer valid";
  EXPECT_FALSE(Known());
}

TEST_F(PbxEnds, ALicenceThatNobodyHasIsUnknownAndANewOneStartsAfresh) {
  EXPECT_EQ(harness_.engine().ReportLicence("other", harness_.now, true, true, harness_.now).status().code(),
            absl::StatusCode::kNotFound);
  ASSERT_TRUE(Licence(harness_.now + absl::Hours(24)).ok());
  synced_.mutable_profile()->set_licence_key("another licence");
  Sync(synced_);
  harness_.now += absl::Hours(48);
  harness_.Sweep();
  EXPECT_TRUE(Known());
}

TEST_F(PbxEnds, WithTheThirtiethDayOnWhichItsNameDidNotResolve) {
  const PbxId pbx = *harness_.engine().registry().Held("pbx");
  for (int day = 0; day < 30; ++day) {
    harness_.now = kMonday + day * absl::Hours(24);
    ASSERT_TRUE(harness_.engine().CountProbes(std::vector<Probe>{{pbx, false}}, harness_.now, harness_.now).ok());
    if (day % 10 == 5) ASSERT_TRUE(harness_.Reopen().ok());
  }
  ExpectEndAt(At("2026-04-01T00:00:00+02:00"));
}

TEST_F(PbxEnds, NotIfItsNameResolvedOnce) {
  const PbxId pbx = *harness_.engine().registry().Held("pbx");
  for (int day = 0; day < 40; ++day) {
    harness_.now = kMonday + day * absl::Hours(24);
    ASSERT_TRUE(harness_.engine().CountProbes(std::vector<Probe>{{pbx, day == 15}}, harness_.now, harness_.now).ok());
    harness_.Sweep();
  }
  EXPECT_TRUE(Known());
}

TEST_F(PbxEnds, ALookUpBringsNoneBackThatHasComeToItsEnd) {
  const PbxId pbx = *harness_.engine().registry().Held("pbx");
  for (int day = 0; day < 30; ++day) {
    harness_.now = kMonday + day * absl::Hours(24);
    ASSERT_TRUE(harness_.engine().CountProbes(std::vector<Probe>{{pbx, false}}, harness_.now, harness_.now).ok());
  }
  harness_.now = At("2026-04-01T00:00:00+02:00");
  ASSERT_TRUE(harness_.engine().CountProbes(std::vector<Probe>{{pbx, true}}, harness_.now, harness_.now).ok());
  EXPECT_FALSE(Known());
}

TEST_F(PbxEnds, ALookUpOfTheNameBeforeCountsForNobody) {
  const PbxId pbx = *harness_.engine().registry().Held("pbx");
  const absl::Time asked = harness_.now;
  harness_.now += absl::Minutes(3);
  synced_.mutable_profile()->set_fqdn("canary-other.example.org");
  Sync(synced_);
  ASSERT_TRUE(harness_.engine().CountProbes(std::vector<Probe>{{pbx, false}}, asked, harness_.now).ok());
  EXPECT_EQ(harness_.engine().registry().StandingOf(pbx)->life.unresolved_days(), 0u);
  ASSERT_TRUE(harness_.engine().CountProbes(std::vector<Probe>{{pbx, false}}, harness_.now, harness_.now).ok());
  EXPECT_EQ(harness_.engine().registry().StandingOf(pbx)->life.unresolved_days(), 1u);
}

TEST_F(PbxEnds, ADamagedObjectKeepsNeitherItsPbxNorAnotherNorADayFromEnding) {
  v1::PbxSynced other;
  other.set_controller_id("controller");
  other.mutable_profile()->set_licence_key("other licence");
  ASSERT_TRUE(harness_.engine().SyncPbx("other", other, harness_.now).ok());
  Record({Started("n", "n1", harness_.now), File("n", "n2", harness_.now, "canary-file")});
  for (const CategoryNumber category : {kRecording, kFileShare}) {
    for (const auto& [day, counts] : harness_.engine().counts().Read()) {
      auto cursor = harness_.store().ScanPrefix(Family::kFiled, FiledPrefix(day, category));
      if (!cursor->Valid()) continue;
      Batch damage;
      std::string envelope(cursor->value());
      envelope.back() = static_cast<char>(envelope.back() ^ 1);
      damage.Put(Family::kFiled, std::string(cursor->key()), envelope);
      ASSERT_TRUE(harness_.store().Commit(damage).ok());
    }
  }
  const absl::Time until = At("2026-03-04T12:00:00+01:00");
  ASSERT_TRUE(Licence(until).ok());
  ASSERT_TRUE(harness_.engine().ReportLicence("other licence", until + kTick, true, true, harness_.now).ok());
  harness_.now = until + absl::Seconds(1);
  harness_.Sweep();
  EXPECT_FALSE(Known());
  EXPECT_FALSE(harness_.engine().registry().Held("other").has_value());
  EXPECT_FALSE(harness_.ring().FindPbx(pbx_).has_value());
  EXPECT_EQ(harness_.Orders(), 1u) << "of the PDF";
}

TEST_F(PbxEnds, FilesWhoseEndCameWhileNobodyWasThereEndWithTheirPbx) {
  Record({Started("n", "n1", harness_.now), File("n", "n2", harness_.now, "canary-file")});
  ASSERT_TRUE(Licence(At("2026-03-04T12:00:00+01:00")).ok());
  harness_.now = At("2026-03-05T12:00:00+01:00");  // the presumed end of the meeting and that of the PBX are past
  harness_.Sweep();
  EXPECT_EQ(harness_.Orders(), 3u);
  EXPECT_EQ(harness_.Values(kFileShare), 0u);
}

TEST_F(PbxEnds, OneThatComesBackAtTheInstantOfItsEndIsANewOne) {
  const absl::Time until = At("2026-03-04T15:30:00+01:00");
  ASSERT_TRUE(Licence(until).ok());
  harness_.now = until;
  Sync(synced_);
  EXPECT_TRUE(Known());
  EXPECT_FALSE(harness_.Get("m").ok()) << "nothing of the old one";
  harness_.Sweep();
  EXPECT_TRUE(Known());
  EXPECT_EQ(harness_.Values(kParticipantName), 0u);
}

TEST_F(PbxEnds, HistoryStaysUntilItsDay) {
  ASSERT_TRUE(Licence(harness_.now + kTick).ok());
  harness_.now += absl::Hours(1);
  harness_.Sweep();
  EXPECT_EQ(harness_.Values(kHistory), 4u);
  harness_.now = At("2026-05-03T00:00:00+02:00");
  harness_.Sweep();
  EXPECT_EQ(harness_.Values(kHistory), 0u);
}

TEST_F(PbxEnds, AnOperatorDeletesAMeeting) {
  const auto erased = harness_.engine().DeleteMeeting("pbx", "m", "OPERATOR_UNLAWFUL", harness_.now);
  ASSERT_TRUE(erased.ok()) << erased.status();
  EXPECT_EQ(erased->values[kParticipantName], 2u) << "an invitee and a participant";
  EXPECT_EQ(erased->values[kRecording], 1u);
  EXPECT_EQ(erased->values[kPdfShare], 1u);
  EXPECT_EQ(erased->values[kHistory], 0u);
  EXPECT_FALSE(harness_.Get("m").ok());
  EXPECT_EQ(harness_.Orders(), 2u);
  harness_.Record(Joined("m", "j2", harness_.now - kTick, "p", "Late Participant"));
  EXPECT_FALSE(harness_.Get("m").ok()) << "it was before the deletion";
  harness_.Sweep();
  EXPECT_TRUE(harness_.engine().marks().Read().empty());
  EXPECT_TRUE(FindBytes(harness_.directory(), PlainAndHex({"Canary Participant"})).empty());
  EXPECT_EQ(harness_.engine().DeleteMeeting("pbx", "none", "OPERATOR_UNLAWFUL", harness_.now).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(harness_.engine().DeleteMeeting("none", "m", "OPERATOR_UNLAWFUL", harness_.now).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(PbxEnds, AnOperatorDeletesSingleObjectsAndPolls) {
  const auto remove = [&](CategoryNumber category, const char* object) {
    return harness_.engine().DeleteObject("pbx", "m", category, object, "OPERATOR_OPERATIONAL", harness_.now);
  };
  EXPECT_EQ(remove(kRecording, "none").code(), absl::StatusCode::kNotFound);
  const auto meeting = harness_.Get("m");
  ASSERT_TRUE(meeting.ok());
  ASSERT_EQ(meeting->recordings_size(), 1);
  ASSERT_TRUE(remove(kRecording, meeting->recordings(0).object_id().c_str()).ok());
  ASSERT_TRUE(remove(kPdfShare, meeting->pdfs(0).object_id().c_str()).ok());
  EXPECT_EQ(harness_.Orders(), 2u);
  EXPECT_EQ(harness_.Get("m")->recordings_size(), 0);
  EXPECT_EQ(harness_.Get("m")->pdfs_size(), 0);
  EXPECT_EQ(harness_.Values(kParticipantName), 2u) << "the rest of the meeting stays";
  v1::Event poll = NewEvent("", "poll", harness_.now);
  poll.mutable_poll_created()->set_poll_id("lunch");
  poll.mutable_poll_created()->set_owner_extension("100");
  poll.mutable_poll_created()->set_question("Canary lunch?");
  poll.mutable_poll_created()->add_options("yes");
  poll.mutable_poll_created()->add_options("no");
  Record({poll});
  EXPECT_TRUE(harness_.engine().DeletePoll("pbx", "lunch", "OPERATOR_OPERATIONAL", harness_.now).ok());
  EXPECT_EQ(harness_.engine().DeletePoll("pbx", "lunch", "OPERATOR_OPERATIONAL", harness_.now).code(),
            absl::StatusCode::kNotFound)
      << "it was deleted";
  EXPECT_EQ(harness_.engine().DeletePoll("pbx", "lunch2", "OPERATOR_OPERATIONAL", harness_.now).code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(harness_.Values(kPoll), 0u);
}

}  // namespace
}  // namespace retention::privacy
