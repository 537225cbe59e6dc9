#include "server/anonymisation/cohort.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "server/anonymisation/estimates.h"
#include "server/anonymisation/sampler.h"

namespace retention {
namespace {

// What a record says of its participation, packed into 64 bits: a field is `bits` of them from `shift` on.
struct Field {
  int shift, bits;

  uint64_t Put(uint64_t value) const { return std::min(value, (uint64_t{1} << bits) - 1) << shift; }
  uint32_t Get(uint64_t facts) const { return static_cast<uint32_t>(facts >> shift & ((uint64_t{1} << bits) - 1)); }
};
constexpr Field kSeconds{0, 20}, kHour{20, 5}, kWeekday{25, 3}, kRegion{28, 4}, kClient{32, 4}, kController{36, 4};
constexpr Field kReconnectionsField{40, 8}, kHasQuality{48, 1}, kRtt{49, 3}, kLoss{52, 3}, kJitter{55, 3};
constexpr Field kFailure{58, 3};

// The part of `total` that the first `done` of `all` make; of all of them all.
int64_t PartOf(int64_t total, int64_t done, int64_t all) {
  return static_cast<int64_t>(static_cast<__int128>(total) * done / all);
}

// What a person's participations have come to, one after the other: of a sum, as far as it is below the cap, itself;
// beyond it in proportion, so that all of them are the cap. A rest that makes no unit counts for one with the chance
// that it is of one: `dither`, even over [0, unit), decides. So what is given is on average what was done, however
// short (Hermite: the floors of (n + d) / unit over all d add up to n), and no more than the cap for any dither: of
// what is below it (cap * unit + dither) / unit at most.
class CappedSum {
 public:
  CappedSum(int64_t cap, int64_t unit, int64_t all, int64_t dither = 0)
      : cap_(cap), unit_(unit), all_(all), dither_(dither) {}
  // What the next one adds.
  int64_t Next(int64_t amount) {
    done_ += amount;
    const int64_t before = given_;
    given_ = all_ > cap_ * unit_ ? PartOf(cap_, done_, all_) : (done_ + dither_) / unit_;
    return given_ - before;
  }
  bool is_at_cap() const { return all_ > cap_ * unit_; }

 private:
  const int64_t cap_;   // in what is given
  const int64_t unit_;  // so much makes one of it
  const int64_t all_;
  const int64_t dither_;
  int64_t done_ = 0;
  int64_t given_ = 0;
};

}  // namespace

RawCube::RawCube(const Profile& profile, const PublicLists& lists) : profile_(&profile) {
  for (const DrawnTable& table : TablesOf(profile, lists)) {
    const auto axes = table.spec->axes();
    Counted counted{.table = table, .strides = {}, .cells = std::vector<int64_t>(CellCount(*table.spec, lists))};
    if (axes.size() == 1) counted.strides = {1, 0};
    if (axes.size() == 2) counted.strides = {AxisSize(axes[1], lists), 1};
    by_measure_[static_cast<size_t>(table.spec->measure)].push_back(tables_.size());
    tables_.push_back(std::move(counted));
  }
}

RawCube::~RawCube() {
  for (Counted& table : tables_) OPENSSL_cleanse(table.cells.data(), table.cells.size() * sizeof(int64_t));
}

void RawCube::Add(Measure measure, const Position& at, int64_t amount) {
  if (amount == 0) return;
  for (const size_t i : by_measure_[static_cast<size_t>(measure)]) {
    Counted& counted = tables_[i];
    const auto& axes = counted.table.spec->axes_storage;
    const size_t cell =
        at[static_cast<size_t>(axes[0])] * counted.strides[0] + at[static_cast<size_t>(axes[1])] * counted.strides[1];
    counted.cells[cell] += amount;
  }
}

void RawCube::AddPerson(std::span<const CohortRecord> records, uint64_t lot) {
  int64_t joined = 0, measured = 0, seconds = 0, reconnections = 0;
  for (const CohortRecord& record : records) {
    if (kFailure.Get(record.facts) != 0) continue;
    ++joined;
    measured += kHasQuality.Get(record.facts);
    seconds += kSeconds.Get(record.facts);
    reconnections += kReconnectionsField.Get(record.facts);
  }
  const int64_t failed = static_cast<int64_t>(records.size()) - joined;
  CappedSum participations(profile_->cap_participations * kSixtieths, 1, joined * kSixtieths);
  CappedSum time(profile_->cap_time_units, kTimeUnitSeconds, seconds, static_cast<int64_t>(lot % kTimeUnitSeconds));
  CappedSum rejoined(profile_->cap_reconnections * kSixtieths, 1, reconnections * kSixtieths);
  CappedSum people(kSixtieths, 1, joined * kSixtieths), quality(kSixtieths, 1, measured * kSixtieths);
  CappedSum failures(kSixtieths, 1, failed * kSixtieths);

  Position at{};
  const auto put = [&at](Axis axis, uint32_t value) { at[static_cast<size_t>(axis)] = static_cast<uint8_t>(value); };
  put(Axis::kPerPerson, PerPersonBucket(static_cast<uint32_t>(joined)));
  for (const CohortRecord& record : records) {
    const uint64_t facts = record.facts;
    put(Axis::kClient, kClient.Get(facts));
    if (const uint32_t cause = kFailure.Get(facts); cause != 0) {
      put(Axis::kCause, cause - 1);
      Add(Measure::kFailures, at, failures.Next(kSixtieths));
      continue;
    }
    put(Axis::kHour, kHour.Get(facts));
    put(Axis::kWeekday, kWeekday.Get(facts));
    put(Axis::kRegion, kRegion.Get(facts));
    put(Axis::kController, kController.Get(facts));
    const uint8_t duration24 = Duration24Bucket(kSeconds.Get(facts));
    put(Axis::kDuration12, duration24 / 2);
    put(Axis::kDurationHalf, duration24 % 2);
    put(Axis::kReconnections, ReconnectionsBucket(kReconnectionsField.Get(facts)));
    Add(Measure::kPeople, at, people.Next(kSixtieths));
    Add(Measure::kParticipations, at, participations.Next(kSixtieths));
    Add(Measure::kTime, at, time.Next(kSeconds.Get(facts)));
    Add(Measure::kReconnections, at, rejoined.Next(kReconnectionsField.Get(facts) * kSixtieths));
    if (kHasQuality.Get(facts) == 0) continue;
    put(Axis::kRtt, kRtt.Get(facts));
    put(Axis::kLoss, kLoss.Get(facts));
    put(Axis::kJitter, kJitter.Get(facts));
    const int64_t weight = quality.Next(kSixtieths);
    for (const Measure measure : {Measure::kRtt, Measure::kLoss, Measure::kJitter}) Add(measure, at, weight);
  }
  if (joined == 0) return;
  put(Axis::kCaps, participations.is_at_cap() + 2 * time.is_at_cap() + 4 * rejoined.is_at_cap());
  Add(Measure::kCaps, at, kSixtieths);
}

absl::StatusOr<NoisyCube> RawCube::AddNoise(CubeDescription description, RandomSource& random) && {
  std::vector<NoisyTable> noisy;
  for (Counted& counted : tables_) {
    DiscreteGaussian noise(NoiseVarianceOf(counted.table, *profile_), random);
    NoisyTable& table = noisy.emplace_back(NoisyTable{.id = counted.table.spec->id, .cells = {}, .estimates = {}});
    for (const int64_t cell : counted.cells) {
      const absl::StatusOr<int64_t> draw = noise.Draw();
      if (!draw.ok()) return draw.status();
      table.cells.push_back(cell + *draw);
    }
  }
  EstimateAll(*profile_, description.lists, noisy);
  return NoisyCube(std::move(description), std::move(noisy));
}

absl::StatusOr<CohortBuilder> CohortBuilder::Create(CubeDescription description, const Profile& profile,
                                                    RandomSource& random) {
  description.schema_version = profile.schema_version;
  description.rho_ppm = profile.rho_ppm;
  CohortBuilder builder(std::move(description), profile);
  for (SipKey* key : {&builder.choice_key_, &builder.meeting_key_}) {
    const absl::Status filled = random.Fill(reinterpret_cast<uint8_t*>(key), sizeof(SipKey));
    if (!filled.ok()) return filled;
  }
  return builder;
}

CohortBuilder::CohortBuilder(CubeDescription description, const Profile& profile)
    : description_(std::move(description)), profile_(&profile) {}

CohortBuilder::~CohortBuilder() { Wipe(); }

void CohortBuilder::Wipe() {
  records_.Wipe();
  OPENSSL_cleanse(&choice_key_, sizeof(choice_key_));
  OPENSSL_cleanse(&meeting_key_, sizeof(meeting_key_));
}

void CohortBuilder::Add(const Participation& of, std::string_view meeting) {
  CohortRecord record{.person = 0, .meeting = SipHashOf(meeting_key_, meeting), .facts = 0};
  std::memcpy(&record.person, of.person.data(), sizeof(record.person));
  const auto within = [](uint8_t index, size_t size) { return std::min<uint64_t>(index, size - 1); };
  const PublicLists& lists = description_.lists;
  record.facts = kClient.Put(within(of.client, lists.clients().size()));
  if (of.failure_cause != 0) {
    record.facts |= kFailure.Put(std::min<uint64_t>(of.failure_cause, 5));
  } else {
    record.facts |= kSeconds.Put(of.duration_seconds) | kHour.Put(within(of.hour, 24)) |
                    kWeekday.Put(within(of.weekday, 7)) | kRegion.Put(within(of.region, lists.regions().size())) |
                    kController.Put(within(of.controller, lists.controllers().size())) |
                    kReconnectionsField.Put(of.reconnections);
    if (of.quality.has_value()) {
      record.facts |= kHasQuality.Put(1) | kRtt.Put(RttBucket(of.quality->rtt_ms)) |
                      kLoss.Put(LossBucket(of.quality->loss_ppm)) | kJitter.Put(JitterBucket(of.quality->jitter_ms));
    }
  }
  records_.Add(record);
}

uint64_t CohortBuilder::LotOf(uint64_t person) const {
  SipHash hash(choice_key_);
  hash.Word(person);
  return hash.Finish(8);
}

size_t CohortBuilder::Mark(std::span<const CohortRecord> records, uint64_t* marks) const {
  // The least under a pseudo-random function of person and meeting: no order of rows chooses, and nobody else's.
  const auto priority = [&](uint64_t meeting) {
    SipHash hash(choice_key_);
    hash.Word(records.front().person);
    hash.Word(meeting);
    return hash.Finish(16);
  };
  std::array<std::pair<uint64_t, uint64_t>, kMarksPerPerson> chosen{};
  size_t count = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    if (kFailure.Get(records[i].facts) != 0 || (i > 0 && records[i].meeting == records[i - 1].meeting)) continue;
    const std::pair candidate(priority(records[i].meeting), records[i].meeting);
    const bool is_double = std::any_of(chosen.begin(), chosen.begin() + count,
                                       [&](const auto& other) { return other.second == candidate.second; });
    if (is_double) continue;
    if (count < chosen.size()) {
      chosen[count++] = candidate;
    } else if (auto worst = std::max_element(chosen.begin(), chosen.end()); candidate < *worst) {
      *worst = candidate;
    }
  }
  for (size_t i = 0; i < count; ++i) marks[i] = chosen[i].second;
  return count;
}

RawCube CohortBuilder::Count() {
  const std::span<CohortRecord> records = records_.all();
  std::sort(records.begin(), records.end());
  RawCube raw(*profile_, description_.lists);
  // Marks are written over records that were counted: a person marks no more meetings than they have records, each of
  // the size of three marks.
  auto* const marks = reinterpret_cast<uint64_t*>(records.data());
  size_t marked = 0;
  for (size_t begin = 0, end = 0; begin < records.size(); begin = end) {
    while (end < records.size() && records[end].person == records[begin].person) ++end;
    const auto person = records.subspan(begin, end - begin);
    raw.AddPerson(person, LotOf(person.front().person));
    std::array<uint64_t, kMarksPerPerson> own{};
    const size_t count = Mark(person, own.data());
    std::copy(own.begin(), own.begin() + count, marks + marked);
    marked += count;
  }
  std::sort(marks, marks + marked);
  raw.Add(Measure::kMeetings, {}, std::unique(marks, marks + marked) - marks);
  return raw;
}

absl::StatusOr<NoisyCube> CohortBuilder::Finish(RandomSource& random) && {
  const bool overfull = records_.overfull();
  RawCube raw = Count();
  Wipe();
  if (overfull) return absl::ResourceExhaustedError("the cohort holds more participations than can be counted");
  return std::move(raw).AddNoise(std::move(description_), random);
}

absl::StatusOr<int64_t> DrawLatePeople(size_t people, RandomSource& random, const Profile& profile) {
  const absl::StatusOr<int64_t> noise = DiscreteGaussian(LateNoiseVariance(profile), random).Draw();
  if (!noise.ok()) return noise.status();
  return static_cast<int64_t>(people) + *noise;
}

}  // namespace retention
