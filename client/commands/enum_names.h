// Values of the protocol's enums as people write them: v1::DATA_CATEGORY_PDF_SHARE is "pdf-share".
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/generated_enum_reflection.h>

#include <string>
#include <vector>

namespace retention {

// The name of `value` without what all values of its enum begin with; empty for one that is not known.
std::string KebabName(const google::protobuf::EnumDescriptor& kind, int value);
// The value with that name; 0, which every enum of the protocol has for UNSPECIFIED, if there is none.
int ValueNamed(const google::protobuf::EnumDescriptor& kind, const std::string& name);
// All names but that of 0, in the order of the values.
std::vector<std::string> KebabNames(const google::protobuf::EnumDescriptor& kind);

// The categories whose objects the portal stores, and deletes on order.
std::vector<std::string> ObjectCategoryNames();

template <typename Enum>
std::string KebabName(Enum value) {
  return KebabName(*google::protobuf::GetEnumDescriptor<Enum>(), value);
}
template <typename Enum>
Enum ValueNamed(const std::string& name) {
  return static_cast<Enum>(ValueNamed(*google::protobuf::GetEnumDescriptor<Enum>(), name));
}
template <typename Enum>
std::vector<std::string> KebabNames() {
  return KebabNames(*google::protobuf::GetEnumDescriptor<Enum>());
}

}  // namespace retention
