// What a load generator sends on one of its streams.
#ifndef RETENTION_TESTS_BENCH_LOAD_FEED_H_
#define RETENTION_TESTS_BENCH_LOAD_FEED_H_

#include "absl/time/clock.h"
#include "tests/bench/load_options.h"
#include "tests/bench/meeting_feed.h"

namespace retention {

// Meetings of this morning: over by now, as the events of a stream that is a little late.
inline MeetingFeed LoadFeed(const LoadOptions& options, int stream) {
  FeedOptions feed;
  feed.first_stream = options.first_stream + stream;
  feed.starts = {{absl::Now() - absl::Hours(2), 1}};
  feed.interval = absl::Milliseconds(1);
  feed.open_meetings = options.open_meetings;
  return MeetingFeed(feed);
}

}  // namespace retention

#endif  // RETENTION_TESTS_BENCH_LOAD_FEED_H_
