// The oracle: a store that is plainly right, over std::map, in memory.
#ifndef RETENTION_TESTS_TESTING_MAP_STORE_H_
#define RETENTION_TESTS_TESTING_MAP_STORE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "storage/mutex.h"
#include "storage/store.h"
#include "tests/testing/map_disk.h"

namespace retention {

// Thread-safe. Keeps the contract of Store, but for Checkpoint, and that no view holds back an erasure.
class MapStore : public Store {
 public:
  using Rows = MapDisk::Rows;

  // On a disk of its own, which is empty.
  MapStore();
  // On a disk of its own with these rows and no bytes of former ones.
  explicit MapStore(Rows rows);
  // Opens what `disk` holds. REQUIRES: no other store has it open.
  explicit MapStore(std::shared_ptr<MapDisk> disk);

  absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key) const override;
  absl::Status Commit(const Batch& batch) override;
  std::unique_ptr<StoreView> Snapshot() const override;
  absl::Status SettleDay(DueDay day) override;
  size_t FilesOf(DueDay) const override { return 0; }
  absl::Status DropDaysThrough(DueDay last) override;
  absl::Status DropRange(Family family, std::string_view begin, std::string_view end) override;
  absl::Status Scrub(const std::vector<FamilySpan>& spans) override;
  absl::Status Resume() override;
  absl::Status Health() const override;
  // UNIMPLEMENTED: there are no files.
  absl::Status Checkpoint(const std::string& path) override;
  size_t DamagedFiles() const override { return 0; }
  absl::Status Mend() override { return absl::OkStatus(); }
  std::vector<LostRows> Lost() const override { return {}; }
  StoreProgress Acknowledged() const override { return {.sequence = disk_->batches(), .log = 0}; }
  StoreProgress Found() const override { return found_; }
  uint64_t LiveBytes() const override { return disk_->bytes(); }

  // For faults, and to open it again after this store.
  MapDisk& disk() { return *disk_; }
  // All rows of a view.
  static Rows RowsOf(const StoreView& view);
  // A copy of all rows.
  Rows rows() const { return *disk_->View(); }

 protected:
  std::unique_ptr<RowCursor> Walk(Family family, KeySpan span, AtLoss at_loss) const override;

 private:
  // OK, or why no change may follow: the first that failed since the last Resume.
  absl::Status Keep(absl::Status written);

  const std::shared_ptr<MapDisk> disk_;
  const StoreProgress found_;
  mutable Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace retention

#endif  // RETENTION_TESTS_TESTING_MAP_STORE_H_
