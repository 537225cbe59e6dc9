#include "server/rpc/library_log.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/ops/log.h"

namespace retention {
namespace {

constexpr char kOtherPlaces[] = "others";

void Tell(std::string_view library, std::string_view file, int line) {
  // It lives as long as the process: libraries report to the end of it.
  static auto* const reports = new LibraryReports;
  const auto told = reports->Take(absl::Now(), library, file, line);
  if (!told.has_value()) return;
  Log(Severity::kWarning, "a library reports", {{"place", told->place}, {"not_told", absl::StrCat(told->not_told)}});
}

void TellOfGrpc(gpr_log_func_args* report) { Tell("grpc", report->file, report->line); }

void TellOfProtobuf(google::protobuf::LogLevel, const char* file, int line, const std::string&) {
  Tell("protobuf", file, line);
}

}  // namespace

std::optional<LibraryReports::Told> LibraryReports::Take(absl::Time now, std::string_view library,
                                                         std::string_view file, int line) {
  file.remove_prefix(file.rfind('/') + 1);  // npos + 1 is 0
  std::string name = absl::StrCat(absl::string_view(library.data(), library.size()), " ",
                                  absl::string_view(file.data(), file.size()), ":", line);
  const MutexLock lock(mutex_);
  if (places_.size() >= kMaxPlaces && !places_.contains(name)) name = kOtherPlaces;
  const auto [it, is_new] = places_.try_emplace(name, Place{.told = now});
  Place& place = it->second;
  // A clock that was turned back is no reason for silence.
  if (!is_new && now >= place.told && now < place.told + kInterval) {
    ++place.not_told;
    return std::nullopt;
  }
  const Told told{.place = std::move(name), .not_told = place.not_told};
  place = {.told = now};
  return told;
}

void TakeLibraryLogs() {
  // Whatever the environment says: less than an error says nothing without its text.
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  gpr_set_log_function(TellOfGrpc);
  google::protobuf::SetLogHandler(TellOfProtobuf);
}

}  // namespace retention
