// The bytes of a file of the key ring: magic, version, kind, shard, fields, SHA-256. See FORMAT.md.
#ifndef RETENTION_STORAGE_SECRETS_RING_FILE_H_
#define RETENTION_STORAGE_SECRETS_RING_FILE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/due_day.h"
#include "storage/ids.h"
#include "storage/secrets/secret_file.h"
#include "storage/secrets/secret_key.h"

namespace retention {

enum class RingFileKind : uint8_t { kDays = 'D', kPbxs = 'P' };

// DATA_LOSS that names the file, which is none of a person.
absl::Status DamagedRingFile(std::string_view name, std::string_view what);

class RingFileWriter {
 public:
  static constexpr size_t kNumberBytes = 4;
  // REQUIRES: the fields to come take no more than `bytes`: what has to grow leaves secrets behind.
  RingFileWriter(RingFileKind kind, size_t shard, size_t bytes);

  void Put(std::string_view bytes) { file_.bytes().append(bytes); }
  void PutNumber(uint32_t number);
  void PutKey(const SecretKey& key);
  // How many, then each with its name.
  void PutKeys(const std::map<DueDay, SecretKey>& keys);
  void PutKeys(const std::map<PbxId, SecretKey>& keys);
  // REQUIRES: not called before.
  SecretBytes Finish();

 private:
  SecretBytes file_;
};

// Takes fields off the front. After a field that is not there, ok() is false and all further fields are zero.
class RingFileReader {
 public:
  // DATA_LOSS unless `file`, called `name`, is whole and of this kind and shard; FAILED_PRECONDITION if it is of an
  // unknown version. The reader is a view of `file`.
  static absl::StatusOr<RingFileReader> Open(std::string_view name, std::string_view file, RingFileKind kind,
                                             size_t shard);

  bool ok() const { return ok_; }
  bool AtEnd() const { return ok_ && rest_.empty(); }
  std::string_view Take(size_t size);
  uint32_t TakeNumber();
  SecretKey TakeKey();
  void TakeKeys(std::map<DueDay, SecretKey>& keys);
  void TakeKeys(std::map<PbxId, SecretKey>& keys);

 private:
  explicit RingFileReader(std::string_view fields) : rest_(fields) {}
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_RING_FILE_H_
