// Small files of secrets: read whole, replaced whole, and wiped.
//
// All names are relative to a directory descriptor. Errors: RESOURCE_EXHAUSTED if the disk is full, NOT_FOUND if the
// file does not exist, UNAVAILABLE for any other failure.
#ifndef RETENTION_STORAGE_SECRETS_SECRET_FILE_H_
#define RETENTION_STORAGE_SECRETS_SECRET_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace retention {

// Bytes that wipe themselves. Moves, does not copy, does not stream.
class SecretBytes {
 public:
  // Never grows beyond `capacity`, so that no copy is left behind by a reallocation.
  explicit SecretBytes(size_t capacity) { bytes_.reserve(capacity); }
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&&) = delete;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes();
  // REQUIRES: the sum of what is appended stays within the capacity.
  std::string& bytes() { return bytes_; }
  std::string_view view() const { return bytes_; }

 private:
  std::string bytes_;
};

// The status for `error`, an errno, of `operation`.
absl::Status StatusFromErrno(int error, std::string_view operation);

absl::StatusOr<SecretBytes> ReadSecretFile(int directory_fd, const std::string& name);

// Writes a new file of mode 0600 and fsyncs it; whatever had the name is overwritten.
absl::Status WriteSecretFile(int directory_fd, const std::string& name, std::string_view body);

// Makes `old_name` a second name of `name`, if `name` exists, then renames `new_name` to `name`. Not yet durable.
// `replaced` turns true with the rename.
absl::Status ReplaceSecretFile(int directory_fd, const std::string& new_name, const std::string& name,
                               const std::string& old_name, bool& replaced);

// Overwrites the bytes of `name`, fsyncs them and removes the name. If it is but a second name of `unless_same_as`,
// only removes the name. OK if there is no such file.
absl::Status WipeSecretFile(int directory_fd, const std::string& name, const std::string& unless_same_as);

absl::Status SyncDirectory(int directory_fd);

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_SECRET_FILE_H_
