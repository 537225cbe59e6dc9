// Faults of RocksDB alone: Debian's 7.8, which is built with its assertions, can end the process when the disk fails;
// and what is put between the two, so that it does not.
//
// A compaction that carries range deletions and leaves no row opens an output file all the same, for range deletions
// that it then drops. RocksDB throws the empty file away, but writes and syncs it first. If that fails, the file counts
// as an output without keys, and CompactionJob::Install, which describes failed compactions too, takes the user key out
// of its smallest one.
//
// Its logger (EnvLogger, file LOG) writes to a file after a write to it failed, against which WritableFileWriter
// asserts. It flushes at its first line, and from then on with a line that comes 5 seconds after the last flush.
//
// When one of the tests that expect an end fails, RocksDB has changed, and the part of storage/rocksdb/steady_disk.h
// that is against it may go.
#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "storage/rocksdb/steady_disk.h"
#include "tests/testing/fault_file_system.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

using Fault = FaultFileSystem::Fault;
using Operation = FaultFileSystem::Operation;

constexpr char kKeyAssertion[] = "ExtractUserKey.*internal_key.size\\(\\) >= kNumInternalBytes";
constexpr char kLogAssertion[] = "sync_without_flush_called_";
enum class Tables { kRocksDbsOwn, kSteady };

void Require(const rocksdb::Status& status) {
  if (status.ok()) return;
  std::cerr << status.ToString() << std::endl;
  std::_Exit(1);
}

// To be used in child processes only: threads of RocksDB do not survive a fork.
class Database {
 public:
  Database(const std::string& path, Tables tables)
      : env_(rocksdb::NewCompositeEnv(tables == Tables::kSteady ? SteadyTables(disk.file_system())
                                                                : disk.file_system())) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.disable_auto_compactions = true;
    options.max_bgerror_resume_count = 0;
    options.env = env_.get();
    options.info_log = SteadyLog(path);
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
[[noreturn]] void PrintFailedCompaction(const std::string& path, Tables tables, const std::string& spared,
                                        FaultCase hit, uint64_t faults = 1) {
  Database database(path, tables);
  for (const std::string key : {"a", "b", "c"}) database.Put(key);
  database.Flush();
  database.DeleteRange("a", spared.empty() ? "d" : spared);
  database.Flush();
  database.Put("kept");
  database.disk.FailWrites(hit.fault, faults, hit.operation);
  const rocksdb::Status compacted = database.Compact("a", "c");
  std::cerr << compacted.ToString() << ", keys: " << database.Keys() << std::endl;
  std::_Exit(0);
}

[[noreturn]] void PrintKeys(const std::string& path) {
  std::cerr << "keys: " << Database(path, Tables::kSteady).Keys() << std::endl;
  std::_Exit(0);
}

class RocksDbAssertionDeathTest : public ::testing::TestWithParam<FaultCase> {
 protected:
  const FreshDirectory directory_;
  const std::string path_ = directory_ / "database";
};

TEST_P(RocksDbAssertionDeathTest, AFaultInACompactionThatLeavesNoRowEndsTheProcess_AndLosesNothing) {
  EXPECT_EXIT(PrintFailedCompaction(path_, Tables::kRocksDbsOwn, "", GetParam()), ::testing::KilledBySignal(SIGABRT),
              kKeyAssertion);
  // All that was acknowledged, and nothing that was deleted.
  EXPECT_EXIT(PrintKeys(path_), ::testing::ExitedWithCode(0), "keys: kept\n");
}

TEST_P(RocksDbAssertionDeathTest, AFaultInACompactionThatLeavesARowIsAnError) {
  EXPECT_EXIT(PrintFailedCompaction(path_, Tables::kRocksDbsOwn, "c", GetParam()), ::testing::ExitedWithCode(0),
              "IO error.*, keys: c kept\n");
}

TEST_P(RocksDbAssertionDeathTest, WhereTablesAreSteadyTheFaultOfAnEmptyOneIsNone) {
  EXPECT_EXIT(PrintFailedCompaction(path_, Tables::kSteady, "", GetParam()), ::testing::ExitedWithCode(0),
              "OK, keys: kept\n");
}

// What is written next is the list of tables.
TEST_P(RocksDbAssertionDeathTest, WhereTablesAreSteadyADiskThatFailsIsAnErrorAllTheSame) {
  EXPECT_EXIT(PrintFailedCompaction(path_, Tables::kSteady, "", GetParam(), UINT64_MAX), ::testing::ExitedWithCode(0),
              "IO error.*, keys: kept\n");
}

INSTANTIATE_TEST_SUITE_P(Faults, RocksDbAssertionDeathTest,
                         ::testing::Values(FaultCase{Fault::kDiskFull, Operation::kAppend},
                                           FaultCase{Fault::kDiskFull, Operation::kSync},
                                           FaultCase{Fault::kIoError, Operation::kAppend},
                                           FaultCase{Fault::kIoError, Operation::kSync}));

void Warn(rocksdb::Logger& log, const char* text) { rocksdb::Log(rocksdb::InfoLogLevel::WARN_LEVEL, &log, "%s", text); }

[[noreturn]] void LogOnFailingDisk(const std::string& directory) {
  FaultFileSystem disk;
  const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(disk.file_system());
  std::shared_ptr<rocksdb::Logger> log;
  Require(env->NewLogger(directory + "/LOG", &log));
  log->SetInfoLogLevel(rocksdb::InfoLogLevel::WARN_LEVEL);
  disk.FailWrites(Fault::kIoError);
  Warn(*log, "one");
  Warn(*log, "two");
  std::_Exit(0);
}

TEST(RocksDbLogDeathTest, TwoLinesOnADiskThatFailsEndTheProcess) {
  const FreshDirectory directory;
  EXPECT_EXIT(LogOnFailingDisk(directory.path().string()), ::testing::KilledBySignal(SIGABRT), kLogAssertion);
}

std::string TextOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void LimitFiles(rlim_t bytes) {
  const rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) std::_Exit(1);
}

[[noreturn]] void LogSteadily(const std::string& directory) {
  ::signal(SIGXFSZ, SIG_IGN);
  const std::shared_ptr<rocksdb::Logger> log = SteadyLog(directory);
  Warn(*log, "first");
  LimitFiles(TextOf(directory + "/LOG").size());
  Warn(*log, "lost");
  Warn(*log, "lost");
  LimitFiles(RLIM_INFINITY);
  Warn(*log, "last");
  std::cerr << TextOf(directory + "/LOG");
  std::_Exit(0);
}

TEST(SteadyLogDeathTest, WhatCannotBeWrittenIsLeftOut) {
  const FreshDirectory directory;
  EXPECT_EXIT(LogSteadily(directory.path().string()), ::testing::ExitedWithCode(0), "^[^\n]* first\n[^\n]* last\n$");
}

TEST(SteadyLog, HasABound_AndNothingBelowAWarning) {
  const FreshDirectory directory;
  const std::shared_ptr<rocksdb::Logger> log = SteadyLog(directory.path().string());
  rocksdb::Log(rocksdb::InfoLogLevel::INFO_LEVEL, log.get(), "%s", "nothing");
  EXPECT_FALSE(std::filesystem::exists(directory / "LOG"));
  const std::string line(1000, 'x');
  for (int lines = 0; lines < 2500; ++lines) Warn(*log, line.c_str());
  EXPECT_GT(std::filesystem::file_size(directory / "LOG.old"), 1u << 20);
  EXPECT_LT(std::filesystem::file_size(directory / "LOG.old") + std::filesystem::file_size(directory / "LOG"),
            (2u << 20) + 2 * line.size());
}

}  // namespace
}  // namespace retention
