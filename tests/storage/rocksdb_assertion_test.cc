// A fault of RocksDB alone: Debian's 7.8, which is built with its assertions, can end the process when the disk fails.
//
// A compaction that carries range deletions and leaves no row opens an output file all the same, for range deletions
// that it then drops. RocksDB throws the empty file away, but writes and syncs it first. If that fails, the file counts
// as an output without keys, and CompactionJob::Install, which describes failed compactions too, takes the user key out
// of its smallest one. No code of ours is used here; when one of these tests fails, RocksDB has changed, and the
// exception in docs/exceptions.md may go.
#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

#include "tests/testing/fault_file_system.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

using EmptyTables = FaultFileSystem::EmptyTables;
using Fault = FaultFileSystem::Fault;
using Operation = FaultFileSystem::Operation;

constexpr char kAssertion[] = "ExtractUserKey.*internal_key.size\\(\\) >= kNumInternalBytes";

void Require(const rocksdb::Status& status) {
  if (status.ok()) return;
  std::cerr << status.ToString() << std::endl;
  std::_Exit(1);
}

// To be used in child processes only: threads of RocksDB do not survive a fork.
class Database {
 public:
  Database(const std::string& path, EmptyTables empty_tables)
      : disk(empty_tables), env_(rocksdb::NewCompositeEnv(disk.file_system())) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.disable_auto_compactions = true;
    options.max_bgerror_resume_count = 0;
    options.env = env_.get();
    rocksdb::DB* opened = nullptr;
    Require(rocksdb::DB::Open(options, path, &opened));
    db_.reset(opened);
    durable_.sync = true;
  }
  void Put(const std::string& key) { Require(db_->Put(durable_, key, "value")); }
  void DeleteRange(const std::string& begin, const std::string& end) {
    Require(db_->DeleteRange(durable_, db_->DefaultColumnFamily(), begin, end));
  }
  void Flush() { Require(db_->Flush({})); }
  // Of [begin, end], into the last level.
  rocksdb::Status Compact(const std::string& begin, const std::string& end) {
    rocksdb::CompactRangeOptions options;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    const rocksdb::Slice first(begin);
    const rocksdb::Slice last(end);
    return db_->CompactRange(options, &first, &last);
  }
  // "a b c" if these are the keys.
  std::string Keys() {
    std::string keys;
    const std::unique_ptr<rocksdb::Iterator> rows(db_->NewIterator({}));
    for (rows->SeekToFirst(); rows->Valid(); rows->Next()) keys += (keys.empty() ? "" : " ") + rows->key().ToString();
    Require(rows->status());
    return keys;
  }

  FaultFileSystem disk;

 private:
  const std::unique_ptr<rocksdb::Env> env_;
  rocksdb::WriteOptions durable_;
  std::unique_ptr<rocksdb::DB> db_;
};

struct FaultCase {
  Fault fault;
  Operation operation;
};

// A compaction of [a, c], in which a range deletion covers all rows but `spared`, meets a fault. "kept" is beyond it,
// and in the log alone.
[[noreturn]] void PrintFailedCompaction(const std::string& path, EmptyTables empty_tables, const std::string& spared,
                                        FaultCase hit) {
  Database database(path, empty_tables);
  for (const std::string key : {"a", "b", "c"}) database.Put(key);
  database.Flush();
  database.DeleteRange("a", spared.empty() ? "d" : spared);
  database.Flush();
  database.Put("kept");
  database.disk.FailWrites(hit.fault, 1, hit.operation);
  const rocksdb::Status compacted = database.Compact("a", "c");
  std::cerr << compacted.ToString() << ", keys: " << database.Keys() << std::endl;
  std::_Exit(0);
}

[[noreturn]] void PrintKeys(const std::string& path) {
  std::cerr << "keys: " << Database(path, EmptyTables::kSpared).Keys() << std::endl;
  std::_Exit(0);
}

class RocksDbAssertionDeathTest : public ::testing::TestWithParam<FaultCase> {
 protected:
  const FreshDirectory directory_;
  const std::string path_ = directory_ / "database";
};

TEST_P(RocksDbAssertionDeathTest, AFaultInACompactionThatLeavesNoRowEndsTheProcess_AndLosesNothing) {
  EXPECT_EXIT(PrintFailedCompaction(path_, EmptyTables::kHit, "", GetParam()), ::testing::KilledBySignal(SIGABRT),
              kAssertion);
  // All that was acknowledged, and nothing that was deleted.
  EXPECT_EXIT(PrintKeys(path_), ::testing::ExitedWithCode(0), "keys: kept\n");
}

TEST_P(RocksDbAssertionDeathTest, AFaultInACompactionThatLeavesARowIsAnError) {
  EXPECT_EXIT(PrintFailedCompaction(path_, EmptyTables::kHit, "c", GetParam()), ::testing::ExitedWithCode(0),
              "IO error.*, keys: c kept\n");
}

// What other tests rely on: the fault hits what is written next.
TEST_P(RocksDbAssertionDeathTest, EmptyTablesCanBeSpared) {
  EXPECT_EXIT(PrintFailedCompaction(path_, EmptyTables::kSpared, "", GetParam()), ::testing::ExitedWithCode(0),
              "IO error.*, keys: kept\n");
}

INSTANTIATE_TEST_SUITE_P(Faults, RocksDbAssertionDeathTest,
                         ::testing::Values(FaultCase{Fault::kDiskFull, Operation::kAppend},
                                           FaultCase{Fault::kDiskFull, Operation::kSync},
                                           FaultCase{Fault::kIoError, Operation::kAppend},
                                           FaultCase{Fault::kIoError, Operation::kSync}));

}  // namespace
}  // namespace retention
