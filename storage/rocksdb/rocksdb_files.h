// What the names of a database's files say before it is opened.
#ifndef RETENTION_STORAGE_ROCKSDB_ROCKSDB_FILES_H_
#define RETENTION_STORAGE_ROCKSDB_ROCKSDB_FILES_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace retention {

// The number of the newest log; 0 if there is none.
uint64_t LastLogIn(const std::string& directory);
// Of the newest table file.
uint64_t LastTableIn(const std::string& directory);

// Table files without the file that says which of them are live: opening would make an empty database over them. Or
// without the list that it names.
bool LostItsCurrent(const std::string& directory);

// Of a database that is open: makes the file CURRENT anew, without which it would not open again, if somebody removed
// it or it names no list of tables (MANIFEST) that is there; returns whether it did. What the database writes meanwhile
// stands. DATA_LOSS if there is no list at all; UNAVAILABLE, with path and errno, if it cannot be read or made.
// `before_naming`: for tests, which write there meanwhile.
absl::StatusOr<bool> PutBackCurrent(const std::string& directory, const std::function<void()>& before_naming = {});

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_ROCKSDB_FILES_H_
