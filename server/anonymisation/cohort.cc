#include "server/anonymisation/cohort.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "server/anonymisation/sampler.h"

namespace retention {
namespace {

constexpr size_t kFirstSlots = 1024;
// Linear probing stays short below 7/8.
constexpr size_t FullAt(size_t slots) { return slots - slots / 8; }

// A chosen participation and the person's number of meetings in 28 bits.
constexpr int kRegionShift = 5, kClientShift = 9, kDurationShift = 13, kSizeShift = 18, kReconnectionsShift = 21;
constexpr int kMeetingsShift = 24;
constexpr uint32_t kOneMeeting = 1u << kMeetingsShift;
// Counting stops here: the top bucket begins below it.
constexpr uint32_t kMostMeetings = 15;
constexpr uint32_t kChoiceMask = kOneMeeting - 1;

uint32_t Meetings(uint32_t ticks) { return ticks >> kMeetingsShift; }

// c' = max(0, c - (k - 1)). 1-Lipschitz, so it costs no privacy.
int64_t Floored(int64_t count, const Profile& profile) { return std::max<int64_t>(0, count - (profile.floor - 1)); }

}  // namespace

RawCube::RawCube(const Profile& profile, const PublicLists& lists) : profile_(&profile) {
  for (const TableSpec& table : profile.tables) {
    tables_.push_back({table.id, std::vector<int64_t>(CellCount(table, lists))});
    const size_t inner = table.axis_count == 2 ? AxisSize(table.axes()[1], lists) : 1;
    strides_.push_back({inner, size_t{table.axis_count == 2}});
  }
}

RawCube::~RawCube() {
  for (NoisyTable& table : tables_) OPENSSL_cleanse(table.cells.data(), table.cells.size() * sizeof(int64_t));
}

void RawCube::Count(const Ticks& ticks) {
  std::array<uint8_t, 8> at{};
  at[size_t(Axis::kHour)] = ticks.hour;
  at[size_t(Axis::kRegion)] = ticks.region;
  at[size_t(Axis::kClient)] = ticks.client;
  at[size_t(Axis::kDuration24)] = ticks.duration24;
  at[size_t(Axis::kDuration12)] = Duration12Bucket(ticks.duration24);
  at[size_t(Axis::kMeetingSize)] = ticks.meeting_size;
  at[size_t(Axis::kReconnections)] = ticks.reconnections;
  at[size_t(Axis::kMeetingsPerPerson)] = ticks.meetings_per_person;
  for (size_t i = 0; i < tables_.size(); ++i) {
    const auto& axes = profile_->tables[i].axes_storage;
    const size_t cell = at[size_t(axes[0])] * strides_[i][0] + at[size_t(axes[1])] * strides_[i][1];
    ++tables_[i].cells[cell];
  }
}

void RawCube::ApplyFloor() {
  for (NoisyTable& table : tables_) {
    for (int64_t& cell : table.cells) cell = Floored(cell, *profile_);
  }
}

absl::StatusOr<NoisyCube> RawCube::AddNoise(CubeDescription description, RandomSource& random) && {
  DiscreteGaussian noise(profile_->noise_variance, random);
  for (NoisyTable& table : tables_) {
    for (int64_t& cell : table.cells) {
      const absl::StatusOr<int64_t> draw = noise.Draw();
      if (!draw.ok()) return draw.status();
      cell += *draw;
    }
  }
  return NoisyCube(std::move(description), std::move(tables_));
}

absl::StatusOr<CohortBuilder> CohortBuilder::Create(DueDay first_day, uint32_t day_count, const PublicLists& lists,
                                                    RandomSource& random, const Profile& profile) {
  CohortBuilder builder({.first_day = first_day,
                         .day_count = day_count,
                         .schema_version = profile.schema_version,
                         .rho_ppm = profile.rho_ppm,
                         .lists = lists},
                        profile);
  for (SipKey* key : {&builder.choice_key_, &builder.slot_key_}) {
    const absl::Status filled = random.Fill(reinterpret_cast<uint8_t*>(key), sizeof(SipKey));
    if (!filled.ok()) return filled;
  }
  return builder;
}

CohortBuilder::CohortBuilder(CubeDescription description, const Profile& profile)
    : description_(std::move(description)), profile_(&profile), slots_(kFirstSlots) {}

CohortBuilder::~CohortBuilder() { Wipe(); }

void CohortBuilder::Wipe() {
  OPENSSL_cleanse(slots_.data(), slots_.size() * sizeof(Person));
  slots_.clear();
  slots_.shrink_to_fit();
  OPENSSL_cleanse(pending_.data(), sizeof(pending_));
  pending_count_ = 0;
  OPENSSL_cleanse(&choice_key_, sizeof(choice_key_));
  OPENSSL_cleanse(&slot_key_, sizeof(slot_key_));
}

void CohortBuilder::BeginMeeting(std::string_view meeting) {
  meeting_ = SipHashOf(slot_key_, meeting);
  // 0 marks free slots; a cohort of 2^32 meetings is beyond the limit.
  if (++meeting_ordinal_ == 0) overfull_ = true;
}

// Folded multiplication: enough to spread tokens that are hashes already, and keyed, so that nobody can make them
// collide.
size_t CohortBuilder::SlotOf(const uint64_t token[2]) const {
  const auto product = static_cast<unsigned __int128>(token[0] ^ slot_key_.k0) * (token[1] ^ slot_key_.k1);
  return static_cast<size_t>(static_cast<uint64_t>(product >> 64) ^ static_cast<uint64_t>(product));
}

void CohortBuilder::Add(const Participation& participation) {
  Pending& row = pending_[pending_count_++];
  std::memcpy(row.token, participation.person.data(), sizeof(row.token));
  row.meeting = meeting_;
  row.meeting_ordinal = meeting_ordinal_;
  const uint32_t hour = std::min<uint32_t>(participation.hour, 23);
  const uint32_t region = std::min<uint32_t>(participation.region, description_.lists.regions().size() - 1);
  const uint32_t client = std::min<uint32_t>(participation.client, description_.lists.clients().size() - 1);
  row.ticks = hour | region << kRegionShift | client << kClientShift |
              uint32_t{Duration24Bucket(participation.duration_seconds)} << kDurationShift |
              uint32_t{MeetingSizeBucket(participation.meeting_size)} << kSizeShift |
              uint32_t{ReconnectionsBucket(participation.reconnections)} << kReconnectionsShift | kOneMeeting;
  row.slot = SlotOf(row.token);
  __builtin_prefetch(&slots_[row.slot & (slots_.size() - 1)], 1);
  if (pending_count_ < pending_.size()) return;
  for (const Pending& waiting : pending_) Settle(waiting);
  pending_count_ = 0;
}

void CohortBuilder::Settle(const Pending& row) {
  SipHash hash(choice_key_);
  hash.Word(row.token[0]);
  hash.Word(row.token[1]);
  hash.Word(row.meeting);
  const uint64_t priority = SipHash(hash).Finish(24);

  size_t at = row.slot & (slots_.size() - 1);
  while (slots_[at].last_meeting != 0 && (slots_[at].token[0] != row.token[0] || slots_[at].token[1] != row.token[1])) {
    at = (at + 1) & (slots_.size() - 1);
  }
  Person& person = slots_[at];
  if (person.last_meeting == 0) {
    if (people_ == kMaxPeople) {
      overfull_ = true;
      return;
    }
    person = {{row.token[0], row.token[1]}, priority, row.meeting_ordinal, row.ticks};
    if (++people_ >= FullAt(slots_.size())) Grow();
    return;
  }
  if (person.last_meeting != row.meeting_ordinal) {
    person.last_meeting = row.meeting_ordinal;
    if (Meetings(person.ticks) < kMostMeetings) person.ticks += kOneMeeting;
  }
  bool better = priority < person.priority;
  if (priority == person.priority) {
    // Two rows of one meeting: the lesser value for the rows themselves. Rows with equal ticks are the same choice.
    const auto row_priority = [&hash](uint32_t ticks) {
      SipHash longer = hash;
      longer.Word(ticks & kChoiceMask);
      return longer.Finish(32);
    };
    better = row_priority(row.ticks) < row_priority(person.ticks);
  }
  if (better) {
    person.priority = priority;
    person.ticks = (person.ticks & ~kChoiceMask) | (row.ticks & kChoiceMask);
  }
}

void CohortBuilder::Grow() {
  std::vector<Person> larger(slots_.size() * 2);
  const size_t mask = larger.size() - 1;
  for (const Person& person : slots_) {
    if (person.last_meeting == 0) continue;
    size_t at = SlotOf(person.token) & mask;
    while (larger[at].last_meeting != 0) at = (at + 1) & mask;
    larger[at] = person;
  }
  OPENSSL_cleanse(slots_.data(), slots_.size() * sizeof(Person));
  slots_ = std::move(larger);
}

RawCube CohortBuilder::Count() {
  for (size_t i = 0; i < pending_count_; ++i) Settle(pending_[i]);
  pending_count_ = 0;
  RawCube raw(*profile_, description_.lists);
  for (const Person& person : slots_) {
    if (person.last_meeting == 0) continue;
    const uint32_t ticks = person.ticks;
    raw.Count({.hour = static_cast<uint8_t>(ticks & 31),
               .region = static_cast<uint8_t>(ticks >> kRegionShift & 15),
               .client = static_cast<uint8_t>(ticks >> kClientShift & 15),
               .duration24 = static_cast<uint8_t>(ticks >> kDurationShift & 31),
               .meeting_size = static_cast<uint8_t>(ticks >> kSizeShift & 7),
               .reconnections = static_cast<uint8_t>(ticks >> kReconnectionsShift & 7),
               .meetings_per_person = MeetingsPerPersonBucket(Meetings(ticks))});
  }
  return raw;
}

absl::StatusOr<NoisyCube> CohortBuilder::Finish(RandomSource& random) && {
  RawCube raw = Count();
  Wipe();
  if (overfull_) return absl::ResourceExhaustedError("the cohort holds more people than can be counted");
  raw.ApplyFloor();
  return std::move(raw).AddNoise(std::move(description_), random);
}

absl::StatusOr<int64_t> DrawLatePeople(size_t people, RandomSource& random, const Profile& profile) {
  const absl::StatusOr<int64_t> noise = DiscreteGaussian(profile.noise_variance, random).Draw();
  if (!noise.ok()) return noise.status();
  return Floored(static_cast<int64_t>(people), profile) + *noise;
}

}  // namespace retention
