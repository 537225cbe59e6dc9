#include "client/notice/json_value.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace retention {
namespace {

// RFC 8259, section 7.
void WriteText(const std::string& text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

void BeginLine(size_t depth, std::string& out) { absl::StrAppend(&out, "\n", std::string(2 * depth, ' ')); }

}  // namespace

JsonValue JsonValue::Object(std::vector<Member> members) { return JsonValue(Value(ObjectOf{std::move(members)})); }

JsonValue JsonValue::Array(std::vector<JsonValue> items) { return JsonValue(Value(ArrayOf{std::move(items)})); }

JsonValue& JsonValue::Add(std::string name, JsonValue value) {
  std::get<ObjectOf>(value_).members.emplace_back(std::move(name), std::move(value));
  return *this;
}

std::string JsonValue::Written() const {
  std::string out;
  Write(0, out);
  return out + "\n";
}

void JsonValue::Write(size_t depth, std::string& out) const {
  if (const auto* text = std::get_if<std::string>(&value_)) return WriteText(*text, out);
  if (const auto* flag = std::get_if<bool>(&value_)) {
    out += *flag ? "true" : "false";
  } else if (const auto* number = std::get_if<int64_t>(&value_)) {
    absl::StrAppend(&out, *number);
  } else if (const auto* object = std::get_if<ObjectOf>(&value_)) {
    out += '{';
    for (size_t i = 0; i < object->members.size(); ++i) {
      if (i > 0) out += ',';
      BeginLine(depth + 1, out);
      WriteText(object->members[i].first, out);
      out += ": ";
      object->members[i].second.Write(depth + 1, out);
    }
    if (!object->members.empty()) BeginLine(depth, out);
    out += '}';
  } else {
    const std::vector<JsonValue>& items = std::get<ArrayOf>(value_).items;
    out += '[';
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out += ',';
      BeginLine(depth + 1, out);
      items[i].Write(depth + 1, out);
    }
    if (!items.empty()) BeginLine(depth, out);
    out += ']';
  }
}

}  // namespace retention
