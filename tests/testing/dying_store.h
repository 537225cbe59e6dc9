// A store in memory whose machine dies at the nth change: quick enough to die at each in turn.
#ifndef RETENTION_TESTS_TESTING_DYING_STORE_H_
#define RETENTION_TESTS_TESTING_DYING_STORE_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "tests/testing/map_store.h"

namespace retention {

class DyingStore final : public MapStore {
 public:
  DyingStore() = default;
  explicit DyingStore(Rows rows) : MapStore(std::move(rows)) {}

  // The `nth` change from now on, and every one after it, does not happen.
  void DieAt(uint64_t nth) { left_ = nth; }
  bool dead() const { return left_ == 0; }

  absl::Status Commit(const Batch& batch) override { return Dies() ? Death() : MapStore::Commit(batch); }
  absl::Status SettleDay(DueDay day) override { return Dies() ? Death() : MapStore::SettleDay(day); }
  absl::Status DropDaysThrough(DueDay last) override { return Dies() ? Death() : MapStore::DropDaysThrough(last); }
  absl::Status DropRange(Family family, std::string_view begin, std::string_view end) override {
    return Dies() ? Death() : MapStore::DropRange(family, begin, end);
  }
  absl::Status Scrub(const std::vector<FamilySpan>& spans) override {
    return Dies() ? Death() : MapStore::Scrub(spans);
  }
  absl::Status Resume() override { return dead() ? Death() : MapStore::Resume(); }
  absl::Status Health() const override { return dead() ? Death() : MapStore::Health(); }

 private:
  static absl::Status Death() { return absl::UnavailableError("the machine is dead"); }
  bool Dies() {
    if (left_ > 0 && left_ != UINT64_MAX) --left_;
    return dead();
  }
  uint64_t left_ = UINT64_MAX;
};

}  // namespace retention

#endif  // RETENTION_TESTS_TESTING_DYING_STORE_H_
