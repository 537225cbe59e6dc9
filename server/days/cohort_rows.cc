#include "server/days/cohort_rows.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "server/law/course.h"
#include "server/law/participations.h"
#include "server/law/periods.h"
#include "server/meetings/cohort_span.h"
#include "storage/keys.h"

namespace retention {
namespace {

// A course that was read, and whose it is.
struct ReadCourse {
  Course course;
  PbxId pbx;
  std::string rows_of;
  std::string room;  // the meeting's id
};
using VisitPresence = absl::FunctionRef<void(const ReadCourse& of, const OwnPresence& presence)>;

// Courses of buckets, one after the other. Rows of one meeting lie together; its name is what its rows have in common.
class CourseRead {
 public:
  CourseRead(const StoreView& view, Vault& vault, const PolicyVersion& version, const CohortDays& cohort,
             VisitPresence visit)
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
      if (name != read_.rows_of) {
        Finish();
        read_.rows_of = name;
        read_.pbx = key->pbx;
      }
      if (!plaintext.ok() || !chunk_.ParseFromString(plaintext->Reveal()) || !read_.course.AddChunk(chunk_)) {
        ++rows_damaged;
      } else if (read_.room.empty()) {
        read_.room = MeetingIdIn(chunk_);
      }
    }
    if (absl::Status status = cursor->status(); !status.ok()) return status;
    Finish();
    rows_damaged += cursor->losses();  // one at least of each: how many there were nobody can tell
    return rows_damaged;
  }

 private:
  void Finish() {
    const absl::TimeZone& zone = version_.policy.zone();
    const auto& events = read_.course.events();
    const auto is_of_it = [&](const CourseEvent& event) {
      return event.person.has_value() && cohort_.contains(DueDay(DayOf(absl::FromUnixMicros(event.time_us), zone)));
    };
    // To a meeting of several days nobody may have come on these.
    if (std::any_of(events.begin(), events.end(), is_of_it)) {
      for (const OwnPresence& presence : FoldParticipations(read_.course, version_.cuts, version_.profiles, zone)) {
        if (presence.cohort == cohort_) visit_(read_, presence);
      }
    }
    read_ = ReadCourse();
  }

  const StoreView& view_;
  Vault& vault_;
  const PolicyVersion& version_;
  const CohortDays cohort_;
  const VisitPresence visit_;
  ReadCourse read_;
  stored::v1::CourseChunk chunk_;
};

absl::StatusOr<uint64_t> ReadPresences(const StoreView& view, Vault& vault, const PolicyVersion& version,
                                       const CohortDays& cohort, VisitPresence visit) {
  CourseRead read(view, vault, version, cohort, visit);
  // Those of the days of the cohort hold nothing of other days' meetings. What is damaged is said once: with the cohort
  // whose own bucket it is in.
  const DueDay first_own = BucketOfDay(cohort.first, version.policy),
               last_own = BucketOfDay(cohort.last, version.policy);
  uint64_t rows_damaged = 0;
  const BucketRange buckets = BucketsOfCohort(cohort, version.policy);
  for (DueDay bucket = buckets.first; bucket <= buckets.last; bucket = bucket.Next()) {
    if (first_own <= bucket && bucket <= last_own) {
      const auto damaged = read.Read(FiledPrefix(bucket, kHistory));
      if (!damaged.ok()) return damaged.status();
      rows_damaged += *damaged;
      continue;
    }
    const auto read_it = [&](const PbxId& pbx, const OwnerId& meeting) {
      return read.Read(FiledPrefix(bucket, kHistory, pbx, meeting)).status();
    };
    if (absl::Status s = VisitCohortSpans(view, bucket, cohort, read_it); !s.ok()) return s;
  }
  return rows_damaged;
}

}  // namespace

absl::StatusOr<uint64_t> ReadCohort(const StoreView& view, Vault& vault, const PolicyVersion& version,
                                    const CohortDays& cohort, absl::FunctionRef<void(const CountedPresence&)> visit) {
  const PublicLists lists(version.policy.statistics());
  const auto show = [&](const ReadCourse& read, const OwnPresence& of) {
    if (!of.in_time) return;
    const absl::Time begin = absl::FromUnixMicros(of.begin_us);
    const absl::CivilHour hour = absl::ToCivilHour(begin, version.policy.zone());
    const auto seconds = std::clamp<int64_t>(of.total_us / 1000000, 0, INT32_MAX);
    Participation participation{
        .person = *of.person,
        .hour = static_cast<uint8_t>(hour.hour()),
        .weekday = static_cast<uint8_t>(absl::GetWeekday(hour)),
        .region = lists.RegionIndex(read.course.Text(of.site)),
        .client = lists.ClientIndex(read.course.Text(of.client)),
        .duration_seconds = static_cast<uint32_t>(seconds),
        .reconnections = of.reconnections,
        .quality = {},
        .failure_cause = static_cast<uint8_t>(of.failure_cause),
    };
    if (of.quality.has_value()) {
      participation.quality = {
          .rtt_ms = of.quality->rtt_ms, .loss_ppm = of.quality->loss_ppm, .jitter_ms = of.quality->jitter_ms};
    }
    const std::string marked = of.sitting != 0 ? absl::StrCat(std::string(read.pbx.view()), "s", of.sitting)
                                               : absl::StrCat(std::string(read.pbx.view()), "d", of.day.number(), " ",
                                                              read.room.empty() ? read.rows_of : read.room);
    visit({.participation = participation, .day = of.day, .pbx = read.pbx, .rows_of = read.rows_of, .marked = marked});
  };
  return ReadPresences(view, vault, version, cohort, show);
}

absl::StatusOr<ControllerIndexes> PublishedControllers(const Holdings& holdings, absl::Time now) {
  ControllerIndexes indexes;
  const auto& published = holdings.policy().statistics().published_controllers();
  for (int i = 0; i < published.size(); ++i) {
    const auto pbxs = holdings.registry.OfController(published[i], holdings.store, holdings.vault, now);
    if (!pbxs.ok()) return pbxs.status();
    for (const PbxId& pbx : *pbxs) indexes.emplace(pbx, static_cast<uint8_t>(i));
  }
  return indexes;
}

absl::StatusOr<CountedCohort> BuildCohort(const StoreView& view, Vault& vault, const PolicyVersion& version,
                                          const CohortDays& cohort, RandomSource& random,
                                          const ControllerIndexes& controllers) {
  auto builder = CohortBuilder::Create({.first_day = cohort.first,
                                        .day_count = cohort.count(),
                                        .lists = PublicLists(version.policy.statistics()),
                                        .late_people = {}},
                                       ProfileOf(cohort.profile), random);
  if (!builder.ok()) return builder.status();
  const auto rows_damaged = ReadCohort(view, vault, version, cohort, [&](const CountedPresence& of) {
    Participation participation = of.participation;
    const auto controller = controllers.find(of.pbx);
    // Beyond the list is "other".
    participation.controller = controller == controllers.end() ? UINT8_MAX : controller->second;
    builder->Add(participation, of.marked);
  });
  if (!rows_damaged.ok()) return rows_damaged.status();
  if (*rows_damaged > 0) builder->NoteDamaged();
  auto cube = std::move(*builder).Finish(random);
  if (!cube.ok()) return cube.status();
  return CountedCohort{.cube = *std::move(cube), .rows_damaged = *rows_damaged};
}

absl::StatusOr<size_t> CountLatePeople(const StoreView& view, Vault& vault, const PolicyVersion& version,
                                       const CohortDays& cohort) {
  absl::flat_hash_set<PersonToken> people;
  const auto note = [&](const ReadCourse&, const OwnPresence& of) {
    if (of.late && of.person.has_value() && of.failure_cause == 0) people.insert(*of.person);
  };
  const auto read = ReadPresences(view, vault, version, cohort, note);
  if (!read.ok()) return read.status();
  return people.size();
}

}  // namespace retention
