// A JSON value whose members stay in their order.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace retention {

class JsonValue {
 public:
  using Member = std::pair<std::string, JsonValue>;

  JsonValue(const char* text) : value_(std::string(text)) {}  // NOLINT(google-explicit-constructor): literals of trees
  JsonValue(std::string text) : value_(std::move(text)) {}    // NOLINT(google-explicit-constructor)
  JsonValue(bool value) : value_(value) {}                    // NOLINT(google-explicit-constructor)
  JsonValue(int value) : value_(static_cast<int64_t>(value)) {}  // NOLINT(google-explicit-constructor)
  static JsonValue Object(std::vector<Member> members);
  static JsonValue Array(std::vector<JsonValue> items);

  // Members of an object, in their order. REQUIRES: it is one.
  JsonValue& Add(std::string name, JsonValue value);
  // Two spaces a level, and a line end behind it.
  std::string Written() const;

 private:
  struct ObjectOf {
    std::vector<Member> members;
  };
  struct ArrayOf {
    std::vector<JsonValue> items;
  };
  using Value = std::variant<std::string, bool, int64_t, ObjectOf, ArrayOf>;

  explicit JsonValue(Value value) : value_(std::move(value)) {}
  void Write(size_t depth, std::string& out) const;

  Value value_;
};

}  // namespace retention
