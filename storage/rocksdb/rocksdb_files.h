// What the names of a database's files say before it is opened.
#ifndef RETENTION_STORAGE_ROCKSDB_ROCKSDB_FILES_H_
#define RETENTION_STORAGE_ROCKSDB_ROCKSDB_FILES_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace retention {

// The number of the newest log; 0 if there is none.
uint64_t LastLogIn(const std::string& directory);
// The path of the oldest one; empty if there is none.
std::string FirstLogIn(const std::string& directory);
// Of the newest table file.
uint64_t LastTableIn(const std::string& directory);

// The path of the list of tables that CURRENT names; of MANIFEST, without a number, if it names none that is there.
std::string ListIn(const std::string& directory);

// DATA_LOSS, which names the file that is missing or damaged: tables or logs without the file CURRENT, which says what
// leads to them, so that opening would make an empty database over them; or it names no list of tables that is there.
absl::Status CheckCurrent(const std::string& directory);

// Of a database that is open: makes the file CURRENT anew, without which it would not open again, if somebody removed
// it or it names no list of tables (MANIFEST) that is there; returns whether it did. What the database writes meanwhile
// stands. DATA_LOSS if there is no list at all; UNAVAILABLE, with path and errno, if it cannot be read or made.
// `before_naming`: for tests, which write there meanwhile.
absl::StatusOr<bool> PutBackCurrent(const std::string& directory, const std::function<void()>& before_naming = {});

}  // namespace retention

#endif  // RETENTION_STORAGE_ROCKSDB_ROCKSDB_FILES_H_
