#include "storage/rocksdb/rocksdb_status.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace retention {

absl::Status StatusFromRocksDb(const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const std::string message = absl::StrCat("store: ", status.ToString());
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

bool IsOfTables(const absl::Status& opening) {
  // A file that is missing is looked for by its old name at last.
  return absl::IsDataLoss(opening) &&
         (absl::StrContains(opening.message(), ".sst") || absl::StrContains(opening.message(), ".ldb"));
}

}  // namespace retention
