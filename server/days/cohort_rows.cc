#include "server/days/cohort_rows.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "server/anonymisation/cohort.h"
#include "server/law/cohort_days.h"
#include "server/law/course.h"
#include "server/law/participations.h"
#include "server/law/periods.h"
#include "server/meetings/cohort_span.h"
#include "storage/keys.h"

namespace retention {
namespace {

// One of the cohort, with the course that its words are of.
using VisitPresence = absl::FunctionRef<void(std::string_view meeting, const Course& course, size_t participants,
                                             const OwnPresence& presence)>;

// Courses of buckets, one after the other. Rows of one meeting lie together; its name is what its rows have in common.
class CourseRead {
 public:
  CourseRead(const StoreView& view, Vault& vault, const PolicyVersion& version, DueDay cohort, VisitPresence visit)
      : view_(view), vault_(vault), version_(version), cohort_(cohort), visit_(visit) {}

  // Those of the rows under a prefix. Returns how many rows are damaged.
  absl::StatusOr<uint64_t> Read(std::string_view prefix) {
    constexpr size_t kMeetingBytes = PbxId::kBytes + OwnerId::kBytes;
    uint64_t rows_damaged = 0;
    auto cursor = view_.ScanPrefix(Family::kFiled, prefix, AtLoss::kPass);
    for (; cursor->Valid(); cursor->Next()) {
      const auto key = FiledKey::Decode(cursor->key());
      if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
      auto plaintext = vault_.Open(*key, cursor->value(), Opener::kReader);
      // It has ended, was erased since the snapshot, or is restricted.
      if (absl::IsNotFound(plaintext.status())) continue;
      if (!plaintext.ok() && !absl::IsDataLoss(plaintext.status())) return plaintext.status();
      const std::string_view name = cursor->key().substr(FiledKey::kPbxBegin, kMeetingBytes);
      if (name != meeting_) {
        Finish();
        meeting_ = name;
      }
      if (!plaintext.ok() || !chunk_.ParseFromString(plaintext->Reveal()) || !course_.AddChunk(chunk_)) ++rows_damaged;
    }
    if (absl::Status status = cursor->status(); !status.ok()) return status;
    Finish();
    rows_damaged += cursor->losses();  // one at least of each: how many there were nobody can tell
    return rows_damaged;
  }

 private:
  void Finish() {
    const absl::TimeZone& zone = version_.policy.zone();
    const auto is_of_it = [&](const CourseEvent& event) {
      return event.person.has_value() && DueDay(DayOf(absl::FromUnixMicros(event.time_us), zone)) == cohort_;
    };
    // To a meeting of several days nobody may have come on this one.
    if (std::any_of(course_.events().begin(), course_.events().end(), is_of_it)) {
      const Participations participations = FoldParticipations(course_, version_.cuts, zone);
      for (const OwnPresence& presence : participations.all) {
        if (presence.cohort == cohort_) visit_(meeting_, course_, participations.participants, presence);
      }
    }
    course_ = Course();
    meeting_.clear();
  }

  const StoreView& view_;
  Vault& vault_;
  const PolicyVersion& version_;
  const DueDay cohort_;
  const VisitPresence visit_;
  std::string meeting_;
  Course course_;
  stored::v1::CourseChunk chunk_;
};

absl::StatusOr<uint64_t> ReadPresences(const StoreView& view, Vault& vault, const PolicyVersion& version, DueDay cohort,
                                       VisitPresence visit) {
  CourseRead read(view, vault, version, cohort, visit);
  const DueDay own = BucketOfCohort(cohort, version.policy);
  // What is damaged is said once: with the cohort whose own bucket it is in.
  const auto rows_damaged = read.Read(FiledPrefix(own, kHistory));
  if (!rows_damaged.ok()) return rows_damaged.status();
  const BucketRange buckets = BucketsOfCohort(cohort, version.policy);
  for (DueDay bucket = buckets.first; bucket <= buckets.last; bucket = bucket.Next()) {
    if (bucket == own) continue;
    const auto read_it = [&](const PbxId& pbx, const OwnerId& meeting) {
      return read.Read(FiledPrefix(bucket, kHistory, pbx, meeting)).status();
    };
    if (absl::Status s = VisitCohortSpans(view, bucket, cohort, read_it); !s.ok()) return s;
  }
  return rows_damaged;
}

}  // namespace

absl::StatusOr<uint64_t> ReadCohort(
    const StoreView& view, Vault& vault, const PolicyVersion& version, DueDay cohort,
    absl::FunctionRef<void(std::string_view meeting, const Participation& participation)> visit) {
  const PublicLists lists(version.policy.statistics());
  const auto show = [&](std::string_view meeting, const Course& course, size_t participants, const OwnPresence& of) {
    if (!of.in_time) return;
    const absl::Time joined = absl::FromUnixMicros(of.first_join_us);
    visit(meeting, {.person = *of.person,
                    .hour = static_cast<uint8_t>(absl::ToCivilHour(joined, version.policy.zone()).hour()),
                    .region = lists.RegionIndex(course.Text(of.site)),
                    .client = lists.ClientIndex(course.Text(of.client)),
                    .duration_seconds = static_cast<uint32_t>(std::clamp<int64_t>(of.total_us / 1000000, 0, INT32_MAX)),
                    .meeting_size = static_cast<uint32_t>(participants),
                    .reconnections = of.reconnections});
  };
  return ReadPresences(view, vault, version, cohort, show);
}

absl::StatusOr<CountedCohort> BuildCohort(const StoreView& view, Vault& vault, const PolicyVersion& version,
                                          DueDay cohort, RandomSource& random) {
  auto builder = CohortBuilder::Create(cohort, 1, PublicLists(version.policy.statistics()), random);
  if (!builder.ok()) return builder.status();
  std::string begun;
  const auto rows_damaged = ReadCohort(view, vault, version, cohort, [&](std::string_view meeting, const auto& of) {
    if (meeting != begun) builder->BeginMeeting(meeting);
    begun = meeting;
    builder->Add(of);
  });
  if (!rows_damaged.ok()) return rows_damaged.status();
  auto cube = std::move(*builder).Finish(random);
  if (!cube.ok()) return cube.status();
  return CountedCohort{.cube = *std::move(cube), .rows_damaged = *rows_damaged};
}

absl::StatusOr<size_t> CountLatePeople(const StoreView& view, Vault& vault, const PolicyVersion& version,
                                       DueDay cohort) {
  absl::flat_hash_set<PersonToken> people;
  const auto note = [&](std::string_view, const Course&, size_t, const OwnPresence& of) {
    if (of.late && of.person.has_value()) people.insert(*of.person);
  };
  const auto read = ReadPresences(view, vault, version, cohort, note);
  if (!read.ok()) return read.status();
  return people.size();
}

}  // namespace retention
