#include "server/days/cohort_rows.h"

#include <algorithm>
#include <optional>
#include <string>

#include "server/anonymisation/cohort.h"
#include "server/law/cohort_days.h"
#include "server/law/course.h"
#include "server/law/presence.h"
#include "storage/keys.h"

namespace retention {
namespace {

using VisitParticipation = absl::FunctionRef<void(std::string_view meeting, const Participation& participation)>;

// What a meeting's finished course says.
void VisitAll(std::string_view meeting, const Course& course, const PolicyVersion& version, const PublicLists& lists,
              DueDay cohort, VisitParticipation visit) {
  const Policy& policy = version.policy;
  if (course.size() == 0 || DueDay(CollectionDay(FactsOf(course, version.cuts), policy)) != cohort) return;
  const std::vector<Presence> all = FoldPresence(course, PresenceOf::kParticipants, version.cuts);
  for (const Presence& participant : all) {
    if (!participant.person.has_value()) continue;
    const absl::Time joined = absl::FromUnixMicros(participant.first_join_us);
    visit(meeting,
          {.person = *participant.person,
           .hour = static_cast<uint8_t>(absl::ToCivilHour(joined, policy.zone()).hour()),
           .region = lists.RegionIndex(course.Text(participant.site)),
           .client = lists.ClientIndex(course.Text(participant.client)),
           .duration_seconds = static_cast<uint32_t>(std::clamp<int64_t>(participant.total_us / 1000000, 0, INT32_MAX)),
           .meeting_size = static_cast<uint32_t>(all.size()),
           .reconnections = participant.reconnections});
  }
}

}  // namespace

absl::StatusOr<uint64_t> ReadCohort(const StoreView& view, Vault& vault, const PolicyVersion& version, DueDay cohort,
                                    VisitParticipation visit) {
  const PublicLists lists(version.policy.statistics());
  // Rows of one meeting lie together; its name is what its rows have in common.
  constexpr size_t kMeetingBytes = PbxId::kBytes + OwnerId::kBytes;
  std::string meeting;
  std::optional<Course> course;
  stored::v1::CourseChunk chunk;
  uint64_t rows_damaged = 0;
  auto cursor = view.ScanPrefix(Family::kFiled, FiledPrefix(BucketOfCohort(cohort, version.policy), kHistory));
  for (; cursor->Valid(); cursor->Next()) {
    const auto key = FiledKey::Decode(cursor->key());
    if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
    const std::string_view name = cursor->key().substr(FiledKey::kPbxBegin, kMeetingBytes);
    if (name != meeting) {
      if (course.has_value()) VisitAll(meeting, *course, version, lists, cohort, visit);
      meeting = name;
      course.emplace();
    }
    auto plaintext = vault.Open(*key, cursor->value());
    if (!plaintext.ok() && !absl::IsDataLoss(plaintext.status())) return plaintext.status();
    const bool whole = plaintext.ok() && chunk.ParseFromString(plaintext->Reveal()) && course->AddChunk(chunk, cohort);
    if (!whole) ++rows_damaged;
  }
  if (absl::Status status = cursor->status(); !status.ok()) return status;
  if (course.has_value()) VisitAll(meeting, *course, version, lists, cohort, visit);
  return rows_damaged;
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

}  // namespace retention
