// The statistics are blurred; forecasts, plans and previews are not, and who reads them is entered.
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "server/access/method_table.h"

namespace retention {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

bool HasNumber(const Descriptor& message) {
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64) return true;
    if (field.message_type() != nullptr && field.message_type()->name() == "RowsAndValues") return true;
  }
  return false;
}

// Whether an answer can tell how many values of a category there are.
bool HasCounts(const Descriptor& message, std::set<std::string>& seen) {
  if (!seen.insert(message.full_name()).second || message.name() == "LedgerCount") return false;  // that is in steps
  bool found = false;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    if (field.enum_type() != nullptr && field.enum_type()->name() == "DataCategory")
      found = found || HasNumber(message);
    if (field.message_type() != nullptr) found = HasCounts(*field.message_type(), seen) || found;
  }
  return found;
}

TEST(ExactCounts, AreMarkedAsReadsOfPeople) {
  // What these end is entered.
  const std::set<std::string_view> acts = {"DeleteMeeting", "Sweep"};
  std::set<std::string_view> counting;
  for (const MethodRow& row : MethodTable()) {
    const auto* method = google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
        absl::StrCat("retention.v1.", std::string(row.service), ".", std::string(row.method)));
    ASSERT_NE(method, nullptr) << row.method;
    std::set<std::string> seen;
    if (!HasCounts(*method->output_type(), seen)) continue;
    counting.insert(row.method);
    if (!acts.contains(row.method) && !row.roles.Has(Role::kPortal)) EXPECT_FALSE(row.reads.empty()) << row.method;
    EXPECT_FALSE(row.roles.Has(Role::kMonitoring) || row.roles.Has(Role::kStatistics)) << row.method;
  }
  for (const char* method : {"ListDueDays", "PreviewErasure", "PlanPolicy", "GetHold", "DeleteMeeting", "Sweep"}) {
    EXPECT_TRUE(counting.contains(method)) << method;
  }
}

}  // namespace
}  // namespace retention
