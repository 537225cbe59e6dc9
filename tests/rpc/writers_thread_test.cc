// What the thread that writes is spared: a thread that frees overwrites (server.cc).
#include <gtest/gtest.h>
#include <jemalloc/jemalloc.h>

#include "tests/rpc/rejected_batch.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

// Bytes that the committer's thread has freed so far.
uint64_t FreedByCommitter(Committer& committer) {
  uint64_t freed = 0;
  const absl::Status status = committer.Run([&] {
    size_t size = sizeof(freed);
    EXPECT_EQ(mallctl("thread.deallocated", &freed, &size, nullptr, 0), 0);
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  return freed;
}

// The same while it records batches of such events, of a stream and of a call.
uint64_t FreedByCommitter(size_t id_bytes) {
  RunningServer server;
  server.SyncPbx();
  const v1::RecordEventsRequest batch = RejectedBatch(kMaxBatchEvents, id_bytes);
  v1::BatchRecordEventsRequest call;
  *call.mutable_events() = batch.events();
  auto stream = server.Record();
  v1::RecordEventsResponse response;
  const uint64_t before = FreedByCommitter(server.server().committer());
  EXPECT_TRUE(stream->Write(batch) && stream->Read(response));
  EXPECT_TRUE(server.Call("/retention.v1.EventService/BatchRecordEvents", call).ok());
  AwaitTrue([&] { return server.server().endpoint().held_bytes() == 0; });
  return FreedByCommitter(server.server().committer()) - before;
}

TEST(WritersThread, FreesNoBatch) {
  const uint64_t without_ids = FreedByCommitter(0);
  EXPECT_LT(FreedByCommitter(1000), without_ids + kMaxBatchEvents * 1000 / 2);
}

}  // namespace
}  // namespace retention
