// Commands that cannot be undone.
#pragma once

#include <functional>

#include "client/commands/command_line.h"
#include "client/commands/command_session.h"

namespace retention {

// Has `command` do `action` only if --yes is given or somebody at the terminal says so. Where nobody can be asked, a
// command without --yes is wrong usage.
inline void SetFinalAction(Command command, CommandSession& session, std::function<void()> action) {
  command.AddFlag("--yes", session.is_confirmed, "Do not ask. What is done cannot be undone");
  command.SetAction([&session, action = std::move(action)] {
    if (session.Confirm()) action();
  });
}

}  // namespace retention
