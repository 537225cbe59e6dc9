#include "client/commands/growing_output.h"

#include <google/protobuf/util/json_util.h>

#include <sstream>
#include <string>

namespace retention {

void GrowingOutput::PrintRows(const OutputTable& table) {
  std::ostringstream text;
  session_.format() == OutputFormat::kCsv ? table.PrintCsv(text) : table.PrintAligned(text);
  std::string lines = text.str();
  if (!first_) lines.erase(0, lines.find('\n') + 1);
  first_ = false;
  session_.out() << lines;
  session_.out().flush();
}

void GrowingOutput::PrintLine(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) {
    return session_.Fail("the answer cannot be written as JSON");
  }
  session_.out() << json << "\n";
}

}  // namespace retention
