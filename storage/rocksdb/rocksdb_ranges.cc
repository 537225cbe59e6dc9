// Which table files ranges of keys lie in, and what of them is rewritten for a scrub.
#include <algorithm>
#include <atomic>

#include "storage/rocksdb/compaction_pause.h"
#include "storage/rocksdb/rocksdb_engine.h"

namespace retention {
namespace {

// KeyRange or KeySpan.
template <typename Range>
bool Touches(const rocksdb::SstFileMetaData& file, const Range& range) {
  return file.largestkey >= range.begin && (range.end.empty() || file.smallestkey < range.end);
}

}  // namespace

std::vector<RangeFile> RocksEngine::FilesTouching(const KeyRange& range) const {
  rocksdb::ColumnFamilyMetaData metadata;
  db_->GetColumnFamilyMetaData(family(range.family), &metadata);
  std::vector<RangeFile> files;
  for (const rocksdb::LevelMetaData& level : metadata.levels) {
    for (const rocksdb::SstFileMetaData& file : level.files) {
      if (!Touches(file, range)) continue;
      files.push_back({.path = directory_ + "/" + file.relative_filename,
                       .level = level.level,
                       .inside = file.smallestkey >= range.begin && (range.end.empty() || file.largestkey < range.end),
                       .being_compacted = file.being_compacted});
    }
  }
  return files;
}

bool RocksEngine::CompactsAt(rocksdb::ColumnFamilyHandle* family, const KeySpan& keys) const {
  rocksdb::ColumnFamilyMetaData metadata;
  db_->GetColumnFamilyMetaData(family, &metadata);
  return std::any_of(metadata.levels.begin(), metadata.levels.end(), [&](const rocksdb::LevelMetaData& level) {
    return std::any_of(level.files.begin(), level.files.end(), [&](const rocksdb::SstFileMetaData& file) {
      return file.being_compacted && Touches(file, keys);
    });
  });
}

KeyRange RocksEngine::JoinedByFiles(const std::vector<KeyRange>& ranges, size_t& next) const {
  KeyRange joined = ranges[next++];
  rocksdb::ColumnFamilyMetaData metadata;
  db_->GetColumnFamilyMetaData(family(joined.family), &metadata);
  const auto share_file = [&](const KeyRange& later) {
    for (size_t level = 1; level < metadata.levels.size(); ++level) {
      for (const rocksdb::SstFileMetaData& file : metadata.levels[level].files) {
        if (file.smallestkey < joined.end && file.largestkey >= later.begin) return true;
      }
    }
    return false;
  };
  for (; next < ranges.size() && ranges[next].family == joined.family; ++next) {
    const KeyRange& later = ranges[next];
    if (!joined.end.empty() && later.begin > joined.end && !share_file(later)) break;
    if (later.end.empty() || (!joined.end.empty() && later.end > joined.end)) joined.end = later.end;
  }
  return joined;
}

// RocksDB carries what has keys of the range, hidden ones included, down to the deepest level that has any, as it is
// when it begins, and rewrites that. Nobody else may take rows past it meanwhile, or put in its way what was begun
// while somebody read what is hidden now.
absl::Status RocksEngine::ScrubRange(const KeyRange& range, std::atomic<bool>& abandoned) const {
  CompactionPause pause(*this, family(range.family), {range.begin, range.end});
  if (absl::Status paused = pause.Begin(); !paused.ok()) return paused;
  for (bool moved = true; moved;) {
    const std::vector<RangeFile> before = FilesTouching(range);
    if (absl::Status status = Compact(range, /*force=*/true, abandoned); !status.ok()) return status;
    // A file of level 0 that nothing lies below is moved down as it is.
    const std::vector<RangeFile> after = FilesTouching(range);
    moved = std::any_of(after.begin(), after.end(), [&](const RangeFile& file) {
      return file.level > 0 && std::any_of(before.begin(), before.end(), [&](const RangeFile& former) {
               return former.level == 0 && former.path == file.path;
             });
    });
  }
  return absl::OkStatus();
}

}  // namespace retention
