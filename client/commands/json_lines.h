// Files of which each line is a message as JSON.
#ifndef RETENTION_CLIENT_COMMANDS_JSON_LINES_H_
#define RETENTION_CLIENT_COMMANDS_JSON_LINES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <istream>
#include <string>

#include "client/commands/command_session.h"
#include "client/commands/event_json.h"

namespace retention {

// Says what is wrong with lines, of the first of them alone.
class LineFaults {
 public:
  // REQUIRES: `session` outlives it.
  explicit LineFaults(CommandSession& session) : session_(session) {}

  void Add(const std::string& message);
  // Says how many were not named.
  void Finish() const;
  uint64_t count() const { return count_; }

 private:
  CommandSession& session_;
  uint64_t count_ = 0;
};

// Has `take` take each line that is not empty, by its number from 1 on, until it says no. What `take` finds wrong with
// one, or that it is longer than `bytes_max`, is a fault of the file `name`; nothing is read beyond a line that goes on
// for many times as long.
struct LineTaken {
  EventLineFault fault;  // none if its description is empty
  bool goes_on = true;
};
void TakeLines(const std::string& name, std::istream& input, size_t bytes_max, LineFaults& faults,
               const std::function<LineTaken(uint64_t number, const std::string& text)>& take);

}  // namespace retention

#endif  // RETENTION_CLIENT_COMMANDS_JSON_LINES_H_
