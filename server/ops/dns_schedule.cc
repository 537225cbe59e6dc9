#include "server/ops/dns_schedule.h"

#include <algorithm>
#include <tuple>

namespace retention {
namespace {

// The last hour of the day is left to rounds that are late.
constexpr int kMinutesUsed = 23 * 60;

// FNV-1a. Another function would move every PBX to another minute: harmless, and needless.
uint64_t StableHash(const PbxId& id) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const uint8_t byte : id.bytes) hash = (hash ^ byte) * 0x100000001b3u;
  return hash ^ (hash >> 32);
}

// A subject that was not probed today. Ordered by how urgent it is.
struct Candidate {
  bool overdue = false;
  bool due = false;
  absl::CivilDay last_probed;
  int minute = 0;
  size_t index = 0;

  friend bool operator<(const Candidate& a, const Candidate& b) {
    // Among those that wait for their minute the next one comes first; among the overdue, who waits longest.
    const auto rank = [](const Candidate& c) {
      return std::tuple(c.due ? 0 : 1, c.overdue ? c.last_probed : absl::CivilDay::max(), c.minute, c.index);
    };
    return rank(a) < rank(b);
  }
};

}  // namespace

int DnsSchedule::MinuteOf(const PbxId& id) { return static_cast<int>(StableHash(id) % kMinutesUsed); }

std::vector<size_t> DnsSchedule::Due(absl::Time now, const std::vector<ProbeSubject>& subjects) const {
  const absl::CivilSecond local = absl::ToCivilSecond(now, options_.zone);
  const absl::CivilDay today(local);
  const int minute_now = local.hour() * 60 + local.minute();
  std::vector<Candidate> candidates;
  size_t due = 0;
  for (size_t i = 0; i < subjects.size(); ++i) {
    if (subjects[i].last_probed >= today) continue;
    Candidate candidate{.last_probed = subjects[i].last_probed, .minute = MinuteOf(subjects[i].id), .index = i};
    candidate.overdue = candidate.last_probed < today - 1;
    candidate.due = candidate.overdue || candidate.minute <= minute_now;
    if (candidate.due) ++due;
    candidates.push_back(candidate);
  }
  if (due == 0) return {};
  size_t taken = std::min(std::max(due, options_.round_min), options_.round_max);
  if (candidates.size() < taken + options_.round_min) taken = candidates.size();
  std::partial_sort(candidates.begin(), candidates.begin() + static_cast<ptrdiff_t>(taken), candidates.end());
  std::vector<size_t> round;
  round.reserve(taken);
  for (size_t i = 0; i < taken; ++i) round.push_back(candidates[i].index);
  return round;
}

}  // namespace retention
