// What a run is told by environment variables.
#ifndef RETENTION_TESTS_SIMULATION_ENVIRONMENT_H_
#define RETENTION_TESTS_SIMULATION_ENVIRONMENT_H_

#include <cstdint>
#include <cstdlib>

namespace retention::simulation {

inline uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_ENVIRONMENT_H_
