// What nearly every file of the server includes, compiled once. Nothing relies on it: each file still includes what it
// uses.
#ifndef RETENTION_SERVER_PRECOMPILED_H_
#define RETENTION_SERVER_PRECOMPILED_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "retention/stored/v1/stored.pb.h"
#include "retention/v1/event.pb.h"
#include "retention/v1/event_service.pb.h"

#endif  // RETENTION_SERVER_PRECOMPILED_H_
