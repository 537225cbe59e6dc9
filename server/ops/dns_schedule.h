// Which names are to be probed at a moment: each PBX once a civil day, all of them spread over the day.
#ifndef RETENTION_SERVER_OPS_DNS_SCHEDULE_H_
#define RETENTION_SERVER_OPS_DNS_SCHEDULE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "storage/ids.h"

namespace retention {

// A PBX, and the last day on which it was probed in a round that counted.
struct ProbeSubject {
  PbxId id;
  absl::CivilDay last_probed;  // 1970-01-01: never
};

// Pure. A PBX has its minute of the day, drawn from its id by a hash that never changes. It is due from that minute on
// if it was not probed that day, and at once if it was not probed the day before either (new, or we were down).
//
// A round is what is due at its moment; rounds are held every 10 minutes (DnsLoop). One that holds anything holds
// at least `round_min` names, as far as there are as many that were not probed that day: with fewer, "all failed" says
// little about our own network. It takes them from those whose minute comes next. And it leaves none over for a
// smaller round: what remains of the day goes along if it is less than that. So a small installation is probed in one
// round a day.
//
// After downtime everything is due; a round takes `round_max` of it (and what would be left over), the longest not
// probed first. 2,000 every 10 minutes are 288,000 a day: 100,000 PBXs have caught up after 9 hours, at the load of
// three names a second.
class DnsSchedule {
 public:
  struct Options {
    absl::TimeZone zone;  // in which days begin: the policy's
    size_t round_min = 20;
    size_t round_max = 2000;
  };

  explicit DnsSchedule(Options options) : options_(options) {}

  // 0 to 1379, the last hour being left to rounds that are late: minutes of the wall clock. One that a daylight-saving
  // change skips counts as passed after it.
  static int MinuteOf(const PbxId& id);

  // Indexes of the subjects that are to be probed at `now`; empty if none is due. At most round_max + round_min.
  std::vector<size_t> Due(absl::Time now, const std::vector<ProbeSubject>& subjects) const;

 private:
  const Options options_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_DNS_SCHEDULE_H_
