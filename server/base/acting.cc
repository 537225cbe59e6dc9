#include "server/base/acting.h"

#include <utility>

namespace retention {
namespace {

thread_local const Actor* current_actor = nullptr;

}  // namespace

ActingAs::ActingAs(const Actor* actor) : before_(std::exchange(current_actor, actor)) {}

ActingAs::~ActingAs() { current_actor = before_; }

const Actor* CurrentActor() { return current_actor; }

}  // namespace retention
