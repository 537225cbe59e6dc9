#include "tests/bench/bench_engine.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <mutex>
#include <sstream>
#include <thread>
#include <utility>

#include "storage/rocksdb/rocksdb_store.h"
#include "tests/engine/test_engine.h"

namespace retention {
namespace {

// Batches that wait for the engine while it loads.
constexpr size_t kLoadAhead = 8;

// A batch that owns its events.
struct OwnedBatch {
  google::protobuf::RepeatedPtrField<v1::Event> events;
  EventBatch queued;
};

}  // namespace

void OrDie(const absl::Status& status, const char* what) {
  if (status.ok()) return;
  std::cerr << what << ": " << status << std::endl;
  std::_Exit(1);
}

void Report(const std::string& name, double value, const std::string& unit) {
  std::printf("bench %s %.*f %s\n", name.c_str(), value >= 1000 ? 0 : 3, value, unit.c_str());
  std::fflush(stdout);
}

void Remark(const std::string& text) {
  std::printf("# %s\n", text.c_str());
  std::fflush(stdout);
}

double Percentile(std::vector<double> samples, double fraction) {
  const size_t rank = std::min(samples.size() - 1, static_cast<size_t>(fraction * static_cast<double>(samples.size())));
  std::nth_element(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(rank), samples.end());
  return samples[rank];
}

uint64_t BytesWritten() {
  std::ifstream io("/proc/self/io");
  std::string name;
  for (uint64_t value = 0; io >> name >> value;) {
    if (name == "wchar:") return value;
  }
  OrDie(absl::NotFoundError("/proc/self/io has no wchar"), "BytesWritten");
  return 0;
}

double ResidentMiB(const std::string& which) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != which) continue;
    double kib = 0;
    status >> kib;
    return kib / 1024;
  }
  return 0;
}

void ForgetPeak() { std::ofstream("/proc/self/clear_refs") << "5"; }

BenchEngine::BenchEngine(const std::string& data_directory, const std::string& ring_directory,
                         const std::string& policy_file, absl::Time now) {
  std::stringstream text;
  text << std::ifstream(policy_file).rdbuf();
  Policy policy = OrDie(Policy::FromText(text.str()), "policy");
  ring_ = OrDie(
      std::filesystem::exists(ring_directory) ? KeyRing::Open(ring_directory, {}) : KeyRing::Create(ring_directory, {}),
      "key ring");
  store_ = OrDie(OpenRocksDbStore(data_directory, {}), "store");
  engine_ = OrDie(TestEngine::Open(*store_, *ring_, SystemRandom(), std::move(policy), now), "engine");
}

void BenchEngine::SyncPbxs(const MeetingFeed& feed, absl::Time now) {
  for (const v1::SyncPbxRequest& pbx : feed.Pbxs()) {
    v1::PbxSynced synced;
    synced.set_controller_id(pbx.controller_id());
    *synced.mutable_profile() = pbx.profile();
    *synced.mutable_extensions() = pbx.extensions();
    OrDie(engine_->SyncPbx(pbx.pbx_id(), synced, now).status(), "SyncPbx");
  }
}

uint64_t BenchEngine::Load(MeetingFeed& feed, int group_events, absl::Time now, const std::function<bool()>& enough) {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::unique_ptr<OwnedBatch>> ready;
  bool stop = false;
  std::thread maker([&] {
    for (;;) {
      auto batch = std::make_unique<OwnedBatch>();
      feed.Append(group_events, &batch->events);
      batch->queued.events = &batch->events;
      OrDie(batch->queued.Prepare(now), "Prepare");
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return stop || ready.size() < kLoadAhead; });
      if (stop) return;
      ready.push_back(std::move(batch));
      changed.notify_all();
    }
  });
  uint64_t events = 0;
  do {
    std::unique_ptr<OwnedBatch> batch;
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return !ready.empty(); });
      batch = std::move(ready.front());
      ready.pop_front();
      changed.notify_all();
    }
    EventBatch* const group[] = {&batch->queued};
    OrDie(engine_->Record(group, now), "Record");
    if (batch->queued.result.rejections_size() > 0) {
      std::cerr << batch->queued.result.rejections(0).ShortDebugString() << std::endl;
      OrDie(absl::InternalError("an event was rejected"), "Load");
    }
    events += static_cast<uint64_t>(batch->events.size());
  } while (!enough());
  {
    std::lock_guard lock(mutex);
    stop = true;
  }
  changed.notify_all();
  maker.join();
  return events;
}

void BenchEngine::Sweep(absl::Time now) {
  TestSweeper sweeper(*engine_, [](std::function<absl::Status()> task) { return task(); }, {});
  OrDie(sweeper.RunOnce(now, true).status(), "sweep");
}

}  // namespace retention
