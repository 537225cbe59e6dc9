// Named points at which tests kill the process, as a power cut would. Nothing in a release build.
#ifndef RETENTION_SERVER_BASE_CRASH_POINT_H_
#define RETENTION_SERVER_BASE_CRASH_POINT_H_

#ifdef RETENTION_CRASH_POINTS
#include <csignal>
#include <cstdlib>
#include <string_view>

namespace retention {

// Kills the process with SIGKILL if the environment variable RETENTION_CRASH_POINT names this point.
inline void CrashPoint(std::string_view name) {
  static const char* const wanted = std::getenv("RETENTION_CRASH_POINT");
  if (wanted != nullptr && name == wanted) std::raise(SIGKILL);
}

}  // namespace retention
#else
namespace retention {
inline void CrashPoint(const char*) {}
}  // namespace retention
#endif

#endif  // RETENTION_SERVER_BASE_CRASH_POINT_H_
