#include "storage/rocksdb/table_mender.h"

#include <rocksdb/sst_file_reader.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/rocksdb/rocksdb_status.h"

namespace retention {
namespace {

// What others wait for while it is written.
constexpr size_t kStepBytes = 1 << 20;
// No key is longer.
constexpr size_t kKeyBytesMax = 64;

// The first key behind `key`.
std::string Behind(std::string key) {
  key.push_back('\0');
  return key;
}

// Half-way between two keys, as fractions; `low` itself if they are next to each other.
std::string Halfway(const std::string& low, const std::string& high) {
  const auto digit = [](const std::string& key, size_t i) -> unsigned {
    return i < key.size() ? static_cast<uint8_t>(key[i]) : 0;
  };
  std::string half(kKeyBytesMax, '\0');
  unsigned carry = 0;
  for (size_t i = kKeyBytesMax; i-- > 0;) {
    carry += digit(low, i) + digit(high, i);
    half[i] = static_cast<char>(carry & 0xFF);
    carry >>= 8;
  }
  for (char& byte : half) {
    const unsigned value = carry << 8 | static_cast<uint8_t>(byte);
    byte = static_cast<char>(value >> 1);
    carry = value & 1;
  }
  while (!half.empty() && half.back() == '\0' && half.size() > low.size()) half.pop_back();
  return half > low && half < high ? half : low;
}

std::vector<Table> TablesOf(const RocksEngine& engine) {
  std::vector<rocksdb::LiveFileMetaData> files;
  engine.db().GetLiveFilesMetaData(&files);
  std::vector<Table> tables;
  for (const rocksdb::LiveFileMetaData& file : files) {
    for (rocksdb::ColumnFamilyHandle* family : engine.families()) {
      if (family->GetName() != file.column_family_name) continue;
      tables.push_back({.number = file.file_number,
                        .name = file.relative_filename,
                        .family = family,
                        .level = file.level,
                        .keys = {file.smallestkey, Behind(file.largestkey)}});
    }
  }
  return tables;
}

std::optional<Table> FindTable(const RocksEngine& engine, uint64_t number) {
  std::vector<Table> tables = TablesOf(engine);
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const Table& t) { return t.number == number; });
  return found == tables.end() ? std::nullopt : std::optional<Table>(std::move(*found));
}

// Reads all of it. DATA_LOSS: it is damaged. UNAVAILABLE: nobody can tell now.
absl::Status VerifyTable(const RocksEngine& engine, const Table& table) {
  rocksdb::SstFileReader reader(engine.TableOptions());
  const rocksdb::Status opened = reader.Open(engine.PathOf(table.name));
  if (IsDamage(opened)) return absl::DataLossError("store: a table file does not open");
  if (!opened.ok()) return StatusFromRocksDb(opened);
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  return StatusFromRocksDb(reader.VerifyChecksum(options));
}

// If a damage was found of which nobody knows in which file it is, finds it.
absl::Status NameDamaged(const RocksEngine& engine) {
  if (!engine.damaged().unnamed()) return absl::OkStatus();
  for (const Table& table : TablesOf(engine)) {
    const absl::Status damage = VerifyTable(engine, table);
    if (absl::IsDataLoss(damage)) {
      engine.damaged().Note(table.number);
    } else if (!damage.ok()) {
      return damage;
    }
  }
  engine.damaged().ForgetUnnamed();
  return absl::OkStatus();
}

// REQUIRES: nothing in the family matters.
absl::Status DropWithFamily(const RocksEngine& engine, const Table& table) {
  CompactionPause pause(engine, table.family, {});
  absl::Status dropped = pause.Begin();
  if (dropped.ok()) dropped = engine.DropFiles(table.family, {});
  while (dropped.ok() && FindTable(engine, table.number)) dropped = engine.DropOldest(table.family);
  return dropped;
}

}  // namespace

TableMender::TableMender(const RocksEngine& engine, Table table, Family family)
    : engine_(engine),
      table_(std::move(table)),
      family_(family),
      range_(table_.level == 0 ? KeySpan() : table_.keys),
      from_(range_.begin),
      pause_(engine, table_.family, range_) {}

absl::Status TableMender::Begin() {
  if (table_.level == 0 && !IsReadable(table_.keys.end)) {
    return absl::DataLossError(
        absl::StrCat("store: of the damaged file ", engine_.PathOf(table_.name), " nobody can tell what it replaced"));
  }
  return pause_.Begin();
}

absl::StatusOr<TableMender::Step> TableMender::Next() {
  const rocksdb::Slice end = SliceOf(range_.end);
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  if (!range_.end.empty()) options.iterate_upper_bound = &end;
  const std::unique_ptr<rocksdb::Iterator> rows(engine_.db().NewIterator(options, table_.family));
  Step step;
  Batch read;
  size_t bytes = 0;
  std::string reached = from_;
  std::optional<KeySpan> unreadable;
  for (rows->Seek(from_); rows->Valid() && bytes < kStepBytes; rows->Next()) {
    bytes += rows->key().size() + rows->value().size();
    read.Put(family_, rows->key().ToString(), rows->value().ToString());
    reached = Behind(rows->key().ToString());
  }
  if (rows->Valid()) {
    reached = rows->key().ToString();
  } else if (rows->status().ok()) {
    reached = range_.end;
    step.done = true;
  } else if (IsDamage(rows->status())) {
    engine_.Noted(rows->status()).IgnoreError();
    unreadable = KeySpan{reached, FirstReadableAfter(reached)};
    if (const std::optional<KeySpan> lost = WithinDamaged(*unreadable); lost) step.lost = LostRows{family_, *lost};
    if (read.empty() && unreadable->end == from_) return absl::UnavailableError("store: a read fails at times");
    reached = unreadable->end;
    step.done = reached == range_.end;
  } else {
    return StatusFromRocksDb(rows->status());
  }
  step.batch.DeleteRange(family_, from_, reached);
  for (const Batch::Change& row : read.changes()) step.batch.Put(row.family, row.key, row.value);
  if (unreadable) {
    if (absl::Status rescued = Rescue(*unreadable, step.batch); !rescued.ok()) return rescued;
  }
  from_ = reached;
  return step;
}

absl::Status TableMender::Finish() {
  if (absl::Status gone = engine_.AwaitReaders(engine_.db().GetLatestSequenceNumber()); !gone.ok()) return gone;
  if (absl::Status dropped = engine_.DropFiles(table_.family, range_); !dropped.ok()) return dropped;
  while (table_.level == 0 && FindTable(engine_, table_.number)) {
    if (absl::Status dropped = engine_.DropOldest(table_.family); !dropped.ok()) return dropped;
  }
  if (FindTable(engine_, table_.number)) return absl::UnavailableError("store: a damaged file is still in use");
  return absl::OkStatus();
}

// The part of `unreadable` that damaged files have rows of: what lies before and behind is rescued.
std::optional<KeySpan> TableMender::WithinDamaged(const KeySpan& unreadable) const {
  std::optional<KeySpan> hull;
  for (const uint64_t number : engine_.damaged().numbers()) {
    const std::optional<Table> table = FindTable(engine_, number);
    if (!table || table->family != table_.family) continue;
    KeySpan part{std::max(unreadable.begin, table->keys.begin), table->keys.end};
    if (!unreadable.end.empty()) part.end = std::min(part.end, unreadable.end);
    if (part.begin >= part.end) continue;
    hull = hull ? KeySpan{std::min(hull->begin, part.begin), std::max(hull->end, part.end)} : part;
  }
  return hull;
}

bool TableMender::IsReadable(const std::string& key) const {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> rows(engine_.db().NewIterator(options, table_.family));
  rows->Seek(key);
  return rows->status().ok();
}

// The end of the range if nothing is; `unreadable` itself if it can be read after all. First from file to file, then
// between the last unreadable place and the first readable one.
std::string TableMender::FirstReadableAfter(const std::string& unreadable) const {
  std::set<std::string> places;
  for (const Table& table : TablesOf(engine_)) {
    if (table.family != table_.family) continue;
    places.insert(table.keys.begin);
    places.insert(table.keys.end);
  }
  if (IsReadable(unreadable)) return unreadable;  // what failed was the step behind it
  std::string low = unreadable;
  std::optional<std::string> high;
  for (auto place = places.upper_bound(unreadable); place != places.end() && !high; ++place) {
    if (!range_.end.empty() && *place >= range_.end) break;
    if (IsReadable(*place)) {
      high = *place;
    } else {
      low = *place;
    }
  }
  if (!high) {
    if (range_.end.empty()) return range_.end;
    high = range_.end;
  }
  for (;;) {
    const std::string half = Halfway(low, *high);
    if (half == low) return *high;
    (IsReadable(half) ? *high : low) = half;
  }
}

absl::StatusOr<std::set<std::string>> TableMender::KeysElsewhere(const KeySpan& lost) const {
  rocksdb::FlushOptions flush;
  flush.allow_write_stall = true;
  const rocksdb::Status flushed = engine_.db().Flush(flush, table_.family);
  if (!flushed.ok()) return StatusFromRocksDb(flushed);
  std::set<std::string> keys;
  for (const Table& table : TablesOf(engine_)) {
    const bool apart = (!lost.end.empty() && table.keys.begin >= lost.end) || table.keys.end <= lost.begin;
    if (table.family != table_.family || table.number == table_.number || apart) continue;
    rocksdb::SstFileReader reader(engine_.TableOptions());
    if (!reader.Open(engine_.PathOf(table.name)).ok()) continue;
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    const rocksdb::Slice end = SliceOf(lost.end);
    if (!lost.end.empty()) options.iterate_upper_bound = &end;
    const std::unique_ptr<rocksdb::Iterator> rows(reader.NewIterator(options));
    for (rows->Seek(lost.begin); rows->Valid(); rows->Next()) keys.insert(rows->key().ToString());
  }
  return keys;
}

// What lies in the span in other files, if it can be told that the damaged one does not replace it.
absl::Status TableMender::Rescue(const KeySpan& lost, Batch& batch) const {
  const absl::StatusOr<std::set<std::string>> keys = KeysElsewhere(lost);
  if (!keys.ok()) return keys.status();
  for (const std::string& key : *keys) {
    std::string value;
    const rocksdb::Status found = engine_.db().Get(rocksdb::ReadOptions(), table_.family, key, &value);
    if (found.ok()) {
      batch.Put(family_, key, std::move(value));
    } else if (!found.IsNotFound() && !IsDamage(found)) {
      return StatusFromRocksDb(found);
    }
  }
  return absl::OkStatus();
}

namespace {

absl::Status MendTable(const RocksEngine& engine, const Table& table, const TakeStep& take_step) {
  if (table.family == engine.families().front()) return DropWithFamily(engine, table);
  for (size_t family = 0; family < kFamilies; ++family) {
    if (table.family != engine.family(static_cast<Family>(family))) continue;
    TableMender mender(engine, table, static_cast<Family>(family));
    if (absl::Status begun = mender.Begin(); !begun.ok()) return begun;
    for (bool done = false; !done;) {
      const absl::StatusOr<bool> taken = take_step(mender);
      if (!taken.ok()) return taken.status();
      done = *taken;
    }
    return mender.Finish();
  }
  return absl::DataLossError("store: the list of what was lost is damaged");
}

}  // namespace

absl::Status MendTables(const RocksEngine& engine, const TakeStep& take_step) {
  if (absl::Status searched = NameDamaged(engine); !searched.ok()) return searched;
  for (const uint64_t number : engine.damaged().numbers()) {
    const std::optional<Table> table = FindTable(engine, number);
    absl::Status mended = table ? VerifyTable(engine, *table) : absl::OkStatus();
    if (absl::IsDataLoss(mended)) mended = MendTable(engine, *table, take_step);
    if (!mended.ok()) return mended;
    engine.damaged().Forget(number);
  }
  return absl::OkStatus();
}

}  // namespace retention
