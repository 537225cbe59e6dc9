// The oracle: a store that is plainly right, over std::map, in memory.
#ifndef RETENTION_TESTS_TESTING_MAP_STORE_H_
#define RETENTION_TESTS_TESTING_MAP_STORE_H_

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/store.h"

namespace retention {

// Thread-safe. Views share the rows until the next change copies them.
class MapStore : public Store {
 public:
  using Rows = std::array<std::map<std::string, std::string, std::less<>>, kFamilies>;

  MapStore();
  // A store that begins with these rows, as after a restart.
  explicit MapStore(Rows rows);

  absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key) const override;
  std::unique_ptr<RowCursor> Scan(Family family, std::string_view begin, std::string_view end) const override;
  absl::Status Commit(const Batch& batch) override;
  std::unique_ptr<StoreView> Snapshot() const override;
  absl::Status SettleDay(DueDay day) override;
  absl::Status DropDaysThrough(DueDay last) override;
  absl::Status DropRange(Family family, std::string_view begin, std::string_view end) override;
  absl::Status Scrub(const std::vector<DueDay>& days, bool state) override;
  // Takes back FailWrites.
  absl::Status Resume() override;
  absl::Status Health() const override;
  // UNIMPLEMENTED: there are no files.
  absl::Status Checkpoint(const std::string& path) override;
  uint64_t LiveBytes() const override;

  // From now on every change fails with `failure` and changes nothing, until Resume.
  void FailWrites(absl::Status failure);
  // All rows of a view.
  static Rows RowsOf(const StoreView& view);
  // A copy of all rows.
  Rows rows() const;

 private:
  // The rows, shared with no view. REQUIRES: mutex_ held.
  Rows& MutableRows();

  mutable std::mutex mutex_;
  std::shared_ptr<Rows> rows_;   // guarded by mutex_
  mutable bool shared_ = false;  // guarded by mutex_; whether a view may hold rows_
  absl::Status failure_;         // guarded by mutex_
};

}  // namespace retention

#endif  // RETENTION_TESTS_TESTING_MAP_STORE_H_
