#include "storage/rocksdb/table_mender.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "storage/rocksdb/checked_rows.h"
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
                        .bytes = file.size,
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
  const rocksdb::Status opened = engine.OpenTable(table.name, table.bytes, reader);
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

absl::Status TableMender::CheckKnown() const {
  if (table_.level > 0 || IsReadable(table_.keys.end)) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("store: of the damaged file ", engine_.PathOf(table_.name), " nobody can tell what it replaced"));
}

absl::Status TableMender::Begin() {
  if (absl::Status known = CheckKnown(); !known.ok()) return known;
  return pause_.Begin();
}

absl::StatusOr<TableMender::Part> TableMender::Read(const std::string& from) const {
  const rocksdb::Slice end = SliceOf(range_.end);
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  if (!range_.end.empty()) options.iterate_upper_bound = &end;
  CheckedRows rows(engine_.db(), table_.family, options);
  Part part;
  part.end = from;
  size_t bytes = 0;
  for (rows.Seek(from); rows.Valid() && bytes < kStepBytes; rows.Next()) {
    bytes += rows.key().size() + rows.value().size();
    part.rows.Put(family_, rows.key().ToString(), rows.value().ToString());
    part.end = Behind(rows.key().ToString());
  }
  if (rows.Valid()) {
    part.end = rows.key().ToString();
  } else if (rows.status().ok()) {
    part.end = range_.end;
    part.done = true;
  } else if (IsDamage(rows.status())) {
    engine_.Noted(rows.status()).IgnoreError();
    part.unreadable = KeySpan{part.end, FirstReadableAfter(part.end)};
    if (const auto lost = WithinDamaged(*part.unreadable); lost) part.lost = LostRows{family_, *lost};
    if (part.rows.empty() && part.unreadable->end == from)
      return absl::UnavailableError("store: a read fails at times");
    part.end = part.unreadable->end;
    part.done = part.end == range_.end;
  } else {
    return StatusFromRocksDb(rows.status());
  }
  return part;
}

absl::StatusOr<std::vector<LostRows>> TableMender::Foresee() const {
  if (absl::Status known = CheckKnown(); !known.ok()) return known;
  std::vector<LostRows> lost;
  std::string from = range_.begin;
  for (bool done = false; !done;) {
    absl::StatusOr<Part> part = Read(from);
    if (!part.ok()) return part.status();
    if (part->lost) lost.push_back(*std::move(part->lost));
    from = std::move(part->end);
    done = part->done;
  }
  return lost;
}

absl::StatusOr<TableMender::Step> TableMender::Next() {
  absl::StatusOr<Part> part = Read(from_);
  if (!part.ok()) return part.status();
  Step step{.batch = {}, .lost = std::move(part->lost), .done = part->done};
  step.batch.DeleteRange(family_, from_, part->end);
  for (const Batch::Change& row : part->rows.changes()) step.batch.Put(row.family, row.key, row.value);
  if (part->unreadable) {
    if (absl::Status rescued = Rescue(*part->unreadable, step.batch); !rescued.ok()) return rescued;
  }
  from_ = std::move(part->end);
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
  CheckedRows rows(engine_.db(), table_.family, options);
  rows.Seek(key);
  return rows.status().ok();
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
    if (!engine_.OpenTable(table.name, table.bytes, reader).ok()) continue;
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

// Tables that a message names.
constexpr size_t kNamedMax = 8;

// Null of one whose rows no Store knows.
std::unique_ptr<TableMender> MenderOf(const RocksEngine& engine, const Table& table) {
  for (size_t family = 0; family < kFamilies; ++family) {
    if (table.family != engine.family(static_cast<Family>(family))) continue;
    return std::make_unique<TableMender>(engine, table, static_cast<Family>(family));
  }
  return nullptr;
}

// What would be lost with it, which may be.
absl::StatusOr<std::vector<LostRows>> JudgeTable(const RocksEngine& engine, const Table& table,
                                                 const MayLose& may_lose) {
  if (table.family == engine.families().front()) return std::vector<LostRows>();
  const std::unique_ptr<TableMender> mender = MenderOf(engine, table);
  if (mender == nullptr) {
    return absl::DataLossError(
        absl::StrCat("store: the list of what was lost is damaged: ", engine.PathOf(table.name)));
  }
  auto lost = mender->Foresee();
  if (!lost.ok() || !may_lose || std::all_of(lost->begin(), lost->end(), may_lose)) return lost;
  return absl::DataLossError(absl::StrCat("store: the file ", engine.PathOf(table.name),
                                          " is damaged or missing, and holds what nothing can go on without"));
}

// REQUIRES: JudgeTable said OK.
absl::Status MendTable(const RocksEngine& engine, const Table& table, const TakeStep& take_step) {
  if (table.family == engine.families().front()) return DropWithFamily(engine, table);
  const std::unique_ptr<TableMender> mender = MenderOf(engine, table);
  if (absl::Status begun = mender->Begin(); !begun.ok()) return begun;
  for (bool done = false; !done;) {
    const absl::StatusOr<bool> taken = take_step(*mender);
    if (!taken.ok()) return taken.status();
    done = *taken;
  }
  return mender->Finish();
}

}  // namespace

absl::Status MendTables(const RocksEngine& engine, const MayLose& may_lose, const TakeStep& take_step) {
  if (absl::Status searched = NameDamaged(engine); !searched.ok()) return searched;
  for (const uint64_t number : engine.damaged().numbers()) {
    const std::optional<Table> table = FindTable(engine, number);
    absl::Status mended = table ? VerifyTable(engine, *table) : absl::OkStatus();
    if (absl::IsDataLoss(mended)) {
      mended = JudgeTable(engine, *table, may_lose).status();
      if (mended.ok()) mended = MendTable(engine, *table, take_step);
    }
    if (!mended.ok()) return mended;
    engine.damaged().Forget(number);
  }
  return absl::OkStatus();
}

absl::Status JudgeTables(const RocksEngine& engine, const RocksDbOptions& options) {
  if (engine.damaged().numbers().empty() && !engine.damaged().unnamed()) return absl::OkStatus();
  std::vector<Table> damaged;
  std::vector<std::string> missing;
  std::vector<LostRows> given_up;
  for (Table& table : TablesOf(engine)) {
    const std::string path = engine.PathOf(table.name);
    rocksdb::SstFileReader reader(engine.TableOptions());
    const bool is_missing = engine.file_system().FileExists(path, rocksdb::IOOptions(), nullptr).IsNotFound();
    if (!is_missing && !IsDamage(engine.OpenTable(table.name, table.bytes, reader))) continue;
    if (is_missing) missing.push_back(path);
    engine.damaged().Note(table.number);
    damaged.push_back(std::move(table));
  }
  if (!missing.empty() && !options.gives_up_missing) {
    const size_t more = missing.size() - std::min(missing.size(), kNamedMax);
    missing.resize(missing.size() - more);
    return absl::DataLossError(absl::StrCat("store: tables are missing: ", absl::StrJoin(missing, ", "),
                                            more > 0 ? absl::StrCat(" and ", more, " more") : ""));
  }
  for (const Table& table : damaged) {
    const auto lost = JudgeTable(engine, table, options.may_lose);
    if (!lost.ok()) return lost.status();
    if (std::find(missing.begin(), missing.end(), engine.PathOf(table.name)) == missing.end()) continue;
    given_up.insert(given_up.end(), lost->begin(), lost->end());
  }
  if (!missing.empty() && options.on_given_up) options.on_given_up(given_up);
  return absl::OkStatus();
}

}  // namespace retention
