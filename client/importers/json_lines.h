// Logs of callbacks as lines of JSON. What platforms post is read with google.protobuf.Struct.
#pragma once

#include <google/protobuf/struct.pb.h>

#include <istream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/importers/meeting_import.h"

namespace retention {

// One object of a log, and where it stood.
class JsonEvent {
 public:
  JsonEvent(int line, std::string place, google::protobuf::Struct object)
      : line_(line), place_(std::move(place)), object_(std::move(object)) {}

  // What is at `path`, as "data.event.ts"; members that are missing, or of another kind, read as empty.
  const google::protobuf::Value& At(std::string_view path) const;
  std::string Text(std::string_view path) const { return At(path).string_value(); }
  // Text, or a whole number written out: platforms are not of one mind about identifiers.
  std::string Identifier(std::string_view path) const;
  // KindWord of what is there.
  std::string Kind(std::string_view path) const;
  // Epoch milliseconds; INVALID_ARGUMENT with what is wrong otherwise.
  absl::StatusOr<absl::Time> Millis(std::string_view path) const;
  // The same for epoch seconds.
  absl::StatusOr<absl::Time> Seconds(std::string_view path) const;
  // The same for RFC 3339.
  absl::StatusOr<absl::Time> Rfc3339Time(std::string_view path) const;

  // An object within this one, whose faults are at `place`, as "data.files[0].".
  JsonEvent Member(std::string_view place, google::protobuf::Struct object) const {
    return JsonEvent(line_, place_ + std::string(place), std::move(object));
  }

  LeftOutLine Fault(std::string_view field, std::string reason) const;

 private:
  int line_;
  std::string place_;  // "[2]." in a line that is an array of several.
  google::protobuf::Struct object_;
};

// The objects of all lines: a line holds one, or an array of them. Lines that hold something else are added to
// `left_out`; empty ones are nothing.
std::vector<JsonEvent> ReadJsonLines(std::istream& input, std::vector<LeftOutLine>* left_out);

// A member of an object, as At.
const google::protobuf::Value& MemberOf(const google::protobuf::Struct& object, std::string_view name);

// A member as JsonEvent::Identifier.
std::string IdentifierOf(const google::protobuf::Value& value);

}  // namespace retention
