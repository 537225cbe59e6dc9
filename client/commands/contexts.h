// Named servers, kept in a file, so that they need not be written with every command.
#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/target.h"

namespace retention {

struct Contexts {
  std::string current;  // The name of the one that counts if none is asked for; may be empty.
  std::map<std::string, Target> named;
};

// What `file` holds; nothing if there is none. The file says where keys lie and which server is believed, so it must be
// its user's alone. FAILED_PRECONDITION, with the path, if it is not (another owner, or a mode beyond 0600), cannot be
// read, or is no file of contexts.
absl::StatusOr<Contexts> ReadContexts(const std::string& file);

// Replaces `file`, in one step and with mode 0600; its directory is made if missing. UNAVAILABLE, with the path, if
// that fails; then it is as it was.
absl::Status WriteContexts(const std::string& file, const Contexts& contexts);

// Names are 1 to 64 of a-z, A-Z, 0-9, "-", "_" and ".".
bool IsContextName(const std::string& name);

// $RETENTION_CONTEXT_FILE; else retentionctl/contexts.json in $XDG_CONFIG_HOME, else in $HOME/.config; empty if nothing
// of that is set.
std::string DefaultContextFile();

}  // namespace retention
