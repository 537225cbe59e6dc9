// ring_write, ring_bytes: 10,000 owners of 5.6 million destroyed at once, and what the ring takes then. erase_early:
// one owner gone from every copy. ring_change_root: after both, and at once again.
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/random_source.h"
#include "storage/secrets/root_file.h"
#include "tests/bench/bench_engine.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

constexpr double kMega = 1e6;

void MeasureRing(const BenchOptions& options, const std::string& suffix, size_t owners, size_t destroyed, bool rooted) {
  const FreshDirectory directory(options.directory);
  KeyRing::Options ring_options;
  if (rooted) ring_options.root = OpenRootFile(directory / "root", SystemRandom());
  const auto ring = OrDie(KeyRing::Create(directory / "ring", ring_options), "KeyRing::Create");
  std::vector<OwnerNumber> numbers;
  numbers.reserve(owners);
  const Stopwatch minting;
  for (size_t i = 0; i < owners; ++i) numbers.push_back(OrDie(ring->NewOwner(DueDay::Open()), "NewOwner"));
  Report("ring_new_owner" + suffix, minting.Seconds() / static_cast<double>(owners) * kMega, "us");
  Report("ring_bytes_untouched" + suffix, static_cast<double>(ring->size()) / kMega, "MB");

  std::mt19937 random(1);
  const auto some = [&] { return numbers[random() % numbers.size()]; };
  std::vector<double> each;
  for (int i = 0; i < 500; ++i) {
    const OwnerNumber owner = some();
    const Stopwatch one;
    OrDie(ring->DestroyOwners({&owner, 1}), "DestroyOwners");
    each.push_back(one.Seconds() * 1e3);
  }
  Report("erase_early_p50" + suffix, Percentile(each, 0.5), "ms");
  Report("erase_early_p99" + suffix, Percentile(each, 0.99), "ms");

  std::vector<OwnerNumber> all;
  for (size_t i = 0; i < destroyed; ++i) all.push_back(some());
  const Stopwatch at_once;
  OrDie(ring->DestroyOwners(all), "DestroyOwners");
  Report("ring_write" + suffix, at_once.Seconds(), "s");
  Report("ring_bytes" + suffix, static_cast<double>(ring->size()) / kMega, "MB");
  if (!rooted) return;
  for (const char* again : {"", "_again"}) {
    const Stopwatch change;
    OrDie(ring->ChangeRoot(absl::UnixEpoch()), "ChangeRoot");
    Report("ring_change_root" + suffix + again, change.Seconds(), "s");
  }
  Report("ring_bytes_changed" + suffix, static_cast<double>(ring->size()) / kMega, "MB");
}

}  // namespace

void BenchRing(const BenchOptions& options) {
  Remark(absl::StrCat("both replicas in ", options.directory));
  for (const bool rooted : {false, true}) {
    const std::string suffix = rooted ? "_root" : "";
    if (!options.quick) MeasureRing(options, suffix, 5'600'000, 10'000, rooted);
    MeasureRing(options, suffix + "_small", 560'000, 1'000, rooted);
  }
}

}  // namespace retention
