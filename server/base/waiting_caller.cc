#include "server/base/waiting_caller.h"

#include <utility>

namespace retention {
namespace {

thread_local const absl::FunctionRef<bool()>* current_has_left = nullptr;

}  // namespace

WaitingCaller::WaitingCaller(absl::FunctionRef<bool()> has_left)
    : has_left_(has_left), before_(std::exchange(current_has_left, &has_left_)) {}

WaitingCaller::~WaitingCaller() { current_has_left = before_; }

absl::Status CheckCallerWaits() {
  if (current_has_left == nullptr || !(*current_has_left)()) return absl::OkStatus();
  return absl::CancelledError("the caller has left, or its deadline is over");
}

}  // namespace retention
