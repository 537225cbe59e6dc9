#include "storage/rocksdb/rocksdb_tuning.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/sst_partitioner.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <memory>

#include "storage/keys.h"

namespace retention {
namespace {

constexpr size_t kDayBytes = 4;
// Keys of a batch come in their order (key_order.h): where the last row of the same day and category, or of the same
// kind of state, went into the memtable, the next one goes in nearby.
constexpr size_t kFiledHintBytes = kDayBytes + 1;
constexpr size_t kStateHintBytes = 1;

// What has a place of its own remembered: the first bytes of a key.
class NearbyKeys final : public rocksdb::SliceTransform {
 public:
  explicit NearbyKeys(size_t bytes) : bytes_(bytes) {}
  const char* Name() const override { return "retention.NearbyKeys"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override { return {key.data(), bytes_}; }
  bool InDomain(const rocksdb::Slice& key) const override { return HasNearbyKeys(key.size()); }

 private:
  const size_t bytes_;
};

// What must be replayed after a kill: about 0.4 million rows, which keeps the start within its 3 seconds.
constexpr uint64_t kLogBytesMax = 96ull << 20;
// Descriptors and table readers: a few hundred files hold 20 million rows.
constexpr int kOpenFilesMax = 768;
// A scrub rewrites whole files for a deleted row.
constexpr uint64_t kFiledFileBytes = 8ull << 20;
constexpr uint64_t kStateFileBytes = 4ull << 20;
// A compaction holds back the physical deletion of dropped files until it ends, so none may take long.
constexpr uint64_t kCompactionBytesMax = 256ull << 20;

rocksdb::ColumnFamilyOptions FamilyOptions(const std::shared_ptr<rocksdb::Cache>& cache, uint64_t memtable_bytes,
                                           uint64_t level_base_bytes, uint64_t file_bytes) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.whole_key_filtering = true;
  table.optimize_filters_for_memory = true;
  table.format_version = 5;
  table.block_size = 8 << 10;

  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = rocksdb::kNoCompression;
  options.bottommost_compression = rocksdb::kNoCompression;
  options.compaction_style = rocksdb::kCompactionStyleLevel;
  // With dynamic levels the first compaction ends in the last level, to which RocksDB 7.8 moves a file as it is,
  // without asking the partitioner.
  options.level_compaction_dynamic_level_bytes = false;
  options.write_buffer_size = memtable_bytes;
  options.max_write_buffer_number = 3;
  options.max_bytes_for_level_base = level_base_bytes;
  options.target_file_size_base = file_bytes;
  options.max_compaction_bytes = kCompactionBytesMax;
  // Rewriting for age alone would only add to the load.
  options.ttl = 0;
  options.periodic_compaction_seconds = 0;
  return options;
}

}  // namespace

bool HasNearbyKeys(size_t key_bytes) {
  // Of family filed; locators, timers and listings.
  static const size_t filed = FiledKey().Encode().size();
  static const size_t locator = LocatorKey(PbxId(), OwnerId()).size();
  static const size_t timer = MeetingTimerKey(0, PbxId(), OwnerId()).size();
  static const size_t listing = BeginKey(PbxId(), OwnerId(), 0, OwnerId()).size();
  return key_bytes == filed || key_bytes == locator || key_bytes == timer || key_bytes == listing;
}

rocksdb::DBOptions DatabaseOptions(const RocksDbOptions& options) {
  rocksdb::DBOptions database;
  database.create_if_missing = true;
  database.create_missing_column_families = true;
  database.paranoid_checks = true;
  database.max_background_jobs = 2;
  database.db_write_buffer_size = options.memtable_bytes;
  database.max_open_files = kOpenFilesMax;

  // A batch is acknowledged after its fsync, so only the last one can be torn: anything else is damage, and is
  // reported.
  database.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  database.max_total_wal_size = kLogBytesMax;
  database.recycle_log_file_num = 0;  // a recycled log keeps old bytes
  database.WAL_ttl_seconds = 0;
  database.WAL_size_limit_MB = 0;
  database.avoid_flush_during_recovery = false;  // so that no log outlives a start
  database.avoid_flush_during_shutdown = true;
  database.bytes_per_sync = 1 << 20;

  // Only Resume heals: the engine above reloads its state then, and must not be overtaken. (Of a full disk RocksDB asks
  // the listener instead.)
  database.max_bgerror_resume_count = 0;

  database.skip_stats_update_on_db_open = true;
  database.stats_dump_period_sec = 0;
  database.stats_persist_period_sec = 0;
  database.max_manifest_file_size = 4 << 20;
  return database;
}

std::vector<rocksdb::ColumnFamilyDescriptor> FamilyDescriptors(const RocksDbOptions& options) {
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  const uint64_t large = std::min<uint64_t>(64ull << 20, options.memtable_bytes / 3);
  const uint64_t small = std::min<uint64_t>(16ull << 20, options.memtable_bytes / 8);
  rocksdb::ColumnFamilyOptions filed = FamilyOptions(cache, large, 256ull << 20, kFiledFileBytes);
  filed.sst_partitioner_factory = rocksdb::NewSstPartitionerFixedPrefixFactory(kDayBytes);
  filed.memtable_insert_with_hint_prefix_extractor = std::make_shared<NearbyKeys>(kFiledHintBytes);
  rocksdb::ColumnFamilyOptions state = FamilyOptions(cache, small, 128ull << 20, kStateFileBytes);
  state.memtable_insert_with_hint_prefix_extractor = std::make_shared<NearbyKeys>(kStateHintBytes);
  const rocksdb::ColumnFamilyOptions other = FamilyOptions(cache, small, 64ull << 20, 16ull << 20);
  // Do not change the names.
  return {{rocksdb::kDefaultColumnFamilyName, other},
          {"filed", filed},
          {"state", state},
          {"statistics", other},
          {"ledger", other},
          {"lost", other}};
}

}  // namespace retention
