// Output of a command that goes on: rows are printed as they come.
#pragma once

#include <google/protobuf/repeated_field.h>

#include "client/commands/command_session.h"
#include "client/commands/output_table.h"

namespace retention {

// JSON: an object a line. Otherwise a table, whose heading comes once.
class GrowingOutput {
 public:
  explicit GrowingOutput(CommandSession& session) : session_(session) {}

  // `table`: the same `messages` as rows.
  template <typename Message>
  void Print(const google::protobuf::RepeatedPtrField<Message>& messages, const OutputTable& table) {
    if (session_.format() != OutputFormat::kJson) return PrintRows(table);
    for (const Message& message : messages) PrintLine(message);
    session_.out().flush();
  }

 private:
  void PrintRows(const OutputTable& table);
  void PrintLine(const google::protobuf::Message& message);

  CommandSession& session_;
  bool first_ = true;
};

}  // namespace retention
