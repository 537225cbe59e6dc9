// Cells of tables, as people and as programs read them.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/commands/output_table.h"
#include "client/human_units.h"

namespace retention {

inline TableCell CountCell(uint64_t count) { return {ReadableCount(static_cast<int64_t>(count)), absl::StrCat(count)}; }
inline TableCell TimeCell(const google::protobuf::Timestamp& time) { return {ReadableTime(time), Rfc3339(time)}; }
// A dash for people where there is nothing.
inline TableCell TextCell(const std::string& text) { return {text.empty() ? "-" : text, text}; }

}  // namespace retention
