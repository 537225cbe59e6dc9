// A batch that is much, and of which nothing is recorded.
#ifndef RETENTION_TESTS_RPC_REJECTED_BATCH_H_
#define RETENTION_TESTS_RPC_REJECTED_BATCH_H_

#include <cstddef>
#include <string>

#include "retention/v1/event_service.pb.h"
#include "tests/engine/harness.h"

namespace retention {

// Every event is rejected: it has no id, or one that is too long. REQUIRES: 0, or above kMaxIdentifierBytes.
inline v1::RecordEventsRequest RejectedBatch(int events, size_t id_bytes) {
  v1::RecordEventsRequest request;
  for (int i = 0; i < events; ++i) {
    *request.add_events() = Joined("meeting", std::string(id_bytes, 'e'), kMonday, "p1");
  }
  return request;
}

}  // namespace retention

#endif  // RETENTION_TESTS_RPC_REJECTED_BATCH_H_
