#include "server/app/refusal_note.h"

#include <filesystem>
#include <fstream>
#include <system_error>

namespace retention {
namespace {

std::filesystem::path NoteIn(const std::string& data_directory) {
  return std::filesystem::path(data_directory) / "refused";
}

bool IsBehind(Standing standing) { return standing == Standing::kRolledBack || standing == Standing::kShortLog; }

}  // namespace

Standing FirstTakenFor(const std::string& data_directory, Standing standing) {
  std::ifstream file(NoteIn(data_directory));
  std::string reason;
  if (!IsBehind(standing) || !(file >> reason)) return standing;
  for (const Standing behind : {Standing::kRolledBack, Standing::kShortLog}) {
    if (reason == ReasonOf(behind)) return behind;
  }
  return standing;
}

void NoteRefusal(const std::string& data_directory, Standing standing) {
  std::error_code error;
  if (IsBehind(standing)) {
    std::ofstream(NoteIn(data_directory)) << ReasonOf(standing) << "\n";
  } else {
    std::filesystem::remove(NoteIn(data_directory), error);
  }
}

}  // namespace retention
