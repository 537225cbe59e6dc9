// Instants of messages as microseconds since 1970, by the simulation's own arithmetic.
#ifndef RETENTION_TESTS_SIMULATION_INSTANTS_H_
#define RETENTION_TESTS_SIMULATION_INSTANTS_H_

#include <cstdint>

#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace retention::simulation {

inline int64_t Us(const google::protobuf::Timestamp& time) { return time.seconds() * 1000000 + time.nanos() / 1000; }
inline int64_t Us(const google::protobuf::Duration& length) {
  return length.seconds() * 1000000 + length.nanos() / 1000;
}

inline void Assign(int64_t time_us, google::protobuf::Timestamp& time) {
  time.set_seconds(time_us / 1000000);
  time.set_nanos(static_cast<int32_t>(time_us % 1000000) * 1000);
}

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_INSTANTS_H_
