#include "storage/rocksdb/rocksdb_look.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "storage/directory_lock.h"
#include "storage/rocksdb/rocksdb_engine.h"
#include "storage/rocksdb/rocksdb_files.h"
#include "storage/rocksdb/rocksdb_view.h"
#include "storage/rocksdb/table_mender.h"

namespace retention {
namespace {

absl::StatusOr<std::shared_ptr<RocksEngine>> LookAtAll(const std::string& directory, const RocksDbOptions& options,
                                                       RowNeeded needs, LogDamage log_damage) {
  auto engine = RocksEngine::Look(directory, options, needs, log_damage);
  if (!engine.ok() || *engine == nullptr) return engine;
  if (absl::Status whole = JudgeTables(**engine, options); !whole.ok()) return whole;
  return engine;
}

// No store was made.
class NothingThere : public StoreLook {
 public:
  absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key) const override {
    return std::nullopt;
  }
  StoreProgress Found() const override { return {}; }

 private:
  std::unique_ptr<RowCursor> Walk(Family family, KeySpan span, AtLoss at_loss) const override {
    return FailedScan(absl::OkStatus());
  }
};

class RocksDbLook : public StoreLook {
 public:
  RocksDbLook(std::shared_ptr<RocksEngine> engine, StoreProgress found, int lock_fd)
      : engine_(std::move(engine)), found_(found), lock_fd_(lock_fd) {}
  ~RocksDbLook() override {
    engine_.reset();
    ::close(lock_fd_);
  }
  absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key) const override {
    return GetRow(*engine_, nullptr, family, key);
  }
  StoreProgress Found() const override { return found_; }

 private:
  std::unique_ptr<RowCursor> Walk(Family family, KeySpan span, AtLoss at_loss) const override {
    return ScanRows(engine_, nullptr, family, std::move(span), at_loss);
  }
  std::shared_ptr<RocksEngine> engine_;
  const StoreProgress found_;
  const int lock_fd_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreLook>> LookIntoRocksDbStore(const std::string& directory,
                                                                const RocksDbOptions& options, RowNeeded needs) {
  const absl::StatusOr<int> lock_fd = LockDirectory(directory);
  if (absl::IsNotFound(lock_fd.status())) return std::make_unique<NothingThere>();
  if (!lock_fd.ok()) return lock_fd.status();
  auto engine = LookAtAll(directory, options, needs, LogDamage::kRefused);
  if (absl::IsDataLoss(engine.status()) && options.on_damaged_log) {
    const absl::Status damage = engine.status();
    engine = LookAtAll(directory, options, needs, LogDamage::kEndsThere);
    if (engine.ok()) options.on_damaged_log(damage);
  }
  if (!engine.ok() || *engine == nullptr) {
    ::close(*lock_fd);
    if (!engine.ok()) return engine.status();
    return std::make_unique<NothingThere>();
  }
  const StoreProgress found{.sequence = (*engine)->LastSequence(), .log = LastLogIn(directory)};
  return std::make_unique<RocksDbLook>(*std::move(engine), found, *lock_fd);
}

}  // namespace retention
