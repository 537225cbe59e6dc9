#include "storage/rocksdb/rocksdb_status.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace retention {

std::string TextOf(const rocksdb::Status& status) { return absl::StrReplaceAll(status.ToString(), {{".ldb", ".sst"}}); }

absl::Status StatusFromRocksDb(const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const std::string message = absl::StrCat("store: ", TextOf(status));
  if (status.subcode() == rocksdb::Status::SubCode::kNoSpace ||
      status.subcode() == rocksdb::Status::SubCode::kSpaceLimit) {
    return absl::ResourceExhaustedError(message);
  }
  switch (status.code()) {
    case rocksdb::Status::Code::kNotFound:
      return absl::NotFoundError(message);
    case rocksdb::Status::Code::kCorruption:
      return absl::DataLossError(message);
    case rocksdb::Status::Code::kInvalidArgument:
      return absl::InvalidArgumentError(message);
    case rocksdb::Status::Code::kNotSupported:
      return absl::UnimplementedError(message);
    case rocksdb::Status::Code::kAborted:
      return absl::AbortedError(message);
    case rocksdb::Status::Code::kIOError:
    case rocksdb::Status::Code::kBusy:
    case rocksdb::Status::Code::kTryAgain:
    case rocksdb::Status::Code::kTimedOut:
    case rocksdb::Status::Code::kIncomplete:
    case rocksdb::Status::Code::kShutdownInProgress:
      return absl::UnavailableError(message);
    default:
      return absl::InternalError(message);
  }
}

}  // namespace retention
