// How a database is opened for reading alone, and which of its files is damaged if it cannot be.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "storage/rocksdb/rocksdb_engine.h"
#include "storage/rocksdb/rocksdb_files.h"
#include "storage/rocksdb/rocksdb_status.h"
#include "storage/rocksdb/rocksdb_tuning.h"

namespace retention {
namespace {

// Writes nothing. The families are in the order of `descriptors`.
struct OpenedForReading {
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> families;
};
absl::StatusOr<OpenedForReading> OpenForReading(const rocksdb::DBOptions& database, const std::string& directory,
                                                const std::vector<rocksdb::ColumnFamilyDescriptor>& descriptors) {
  OpenedForReading opened;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::OpenForReadOnly(database, directory, descriptors, &opened.families, &db);
  if (!status.ok()) return StatusFromRocksDb(status);
  opened.db.reset(db);
  return opened;
}

// RocksDB does not say which. `last_read`: the last one of which something was read; empty: the first is meant.
absl::Status LogDamaged(const std::string& directory, const std::string& last_read, absl::string_view how) {
  const std::string log = last_read.empty() ? FirstLogIn(directory) : last_read;
  return absl::DataLossError(absl::StrCat("store: the log ", log, " is damaged: ", how));
}

}  // namespace

absl::Status RocksEngine::CheckLogs(rocksdb::DBOptions database, const std::string& directory,
                                    const RocksDbOptions& options) {
  GapFinder gaps;
  database.wal_filter = &gaps;
  const auto opened = OpenForReading(database, directory, FamilyDescriptors(options));
  if (!opened.ok()) return opened.status();
  for (rocksdb::ColumnFamilyHandle* family : opened->families) {
    opened->db->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  std::vector<rocksdb::LiveFileMetaData> tables;
  opened->db->GetLiveFilesMetaData(&tables);
  uint64_t last = 0;
  for (const rocksdb::LiveFileMetaData& table : tables) last = std::max(last, table.file_number);
  if (LastTableIn(directory) > last) {
    return absl::DataLossError(
        absl::StrCat("store: the list of its tables, ", ListIn(directory), ", ends before the last of them"));
  }
  return gaps.gap() ? LogDamaged(directory, gaps.gap_log(), "a batch is missing") : absl::OkStatus();
}

rocksdb::Status RocksEngine::OpenTable(const std::string& name, uint64_t bytes, rocksdb::SstFileReader& reader) const {
  const std::string path = PathOf(name);
  uint64_t found = 0;
  const rocksdb::Status sized = env_->GetFileSize(path, &found);
  if (sized.ok() && found != bytes) {
    return rocksdb::Status::Corruption(absl::StrCat("the table ", path, " has ", found, " bytes instead of ", bytes));
  }
  return reader.Open(path);
}

// By a look at each: what RocksDB says of an opening that failed names the list of the tables as often as the table.
std::vector<std::string> RocksEngine::NoteDamagedTables() const {
  std::vector<rocksdb::LiveFileMetaData> tables;
  db().GetLiveFilesMetaData(&tables);
  std::vector<std::string> damaged;
  for (const rocksdb::LiveFileMetaData& table : tables) {
    rocksdb::SstFileReader reader(TableOptions());
    if (!IsDamage(OpenTable(table.relative_filename, table.size, reader))) continue;
    damaged_->Note(table.file_number);
    damaged.push_back(PathOf(table.relative_filename));
  }
  return damaged;
}

absl::StatusOr<std::shared_ptr<RocksEngine>> RocksEngine::Look(const std::string& directory,
                                                               const RocksDbOptions& options, RowNeeded needs,
                                                               LogDamage log_damage) {
  if (absl::Status named = CheckCurrent(directory); !named.ok()) return named;
  std::shared_ptr<RocksEngine> engine(new RocksEngine);
  rocksdb::DBOptions database = engine->Prepare(directory, options, log_damage);
  database.create_if_missing = false;
  database.create_missing_column_families = false;
  if (engine->env_->FileExists(directory + "/CURRENT").IsNotFound()) return std::shared_ptr<RocksEngine>();
  const std::vector<rocksdb::ColumnFamilyDescriptor> families = FamilyDescriptors(options);
  std::vector<std::string> names;
  // Reads the whole list of the tables.
  const rocksdb::Status listed = rocksdb::DB::ListColumnFamilies(database, directory, &names);
  if (!listed.ok()) return StatusFromRocksDb(listed);
  const bool made = std::all_of(families.begin(), families.end(), [&](const rocksdb::ColumnFamilyDescriptor& family) {
    return std::find(names.begin(), names.end(), family.name) != names.end();
  });
  if (!made) return std::shared_ptr<RocksEngine>();
  std::vector<std::string> ours;
  for (const auto& family : families) ours.push_back(family.name);
  auto filter = std::make_unique<NeededFilter>(std::move(ours), needs, engine->last_logged_);
  database.wal_filter = filter.get();
  auto opened = OpenForReading(database, directory, families);
  const absl::Status damage = opened.status();
  const std::string last_log = filter->last_log();
  if (absl::IsDataLoss(damage)) {
    // Then a damaged log is passed over as well, but damage of the list of the tables is not.
    database.paranoid_checks = false;
    opened = OpenForReading(database, directory, families);
  }
  if (!opened.ok()) return opened.status();
  engine->filter_ = std::move(filter);
  engine->families_ = std::move(opened->families);
  engine->db_ = std::move(opened->db);
  if (absl::IsDataLoss(damage)) {
    // What is damaged of tables is for the opening to take out.
    if (engine->NoteDamagedTables().empty()) return LogDamaged(directory, last_log, damage.message());
    if (absl::Status whole = CheckLogs(database, directory, options); !whole.ok()) return whole;
  }
  if (absl::Status loaded = engine->LoadLost(); !loaded.ok()) return loaded;
  return engine;
}

}  // namespace retention
