#include "client/commands/enum_names.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "retention/v1/category.pb.h"

namespace retention {
namespace {

// "DATA_CATEGORY_" of DATA_CATEGORY_UNSPECIFIED.
std::string Prefix(const google::protobuf::EnumDescriptor& kind) {
  return std::string(absl::StripSuffix(kind.FindValueByNumber(0)->name(), "UNSPECIFIED"));
}

}  // namespace

std::string KebabName(const google::protobuf::EnumDescriptor& kind, int value) {
  const auto* known = kind.FindValueByNumber(value);
  if (known == nullptr) return "";
  return absl::AsciiStrToLower(absl::StrReplaceAll(absl::StripPrefix(known->name(), Prefix(kind)), {{"_", "-"}}));
}

int ValueNamed(const google::protobuf::EnumDescriptor& kind, const std::string& name) {
  const auto* known =
      kind.FindValueByName(Prefix(kind) + absl::AsciiStrToUpper(absl::StrReplaceAll(name, {{"-", "_"}})));
  return known == nullptr ? 0 : known->number();
}

std::vector<std::string> KebabNames(const google::protobuf::EnumDescriptor& kind) {
  std::vector<std::string> names;
  for (int i = 0; i < kind.value_count(); ++i) {
    if (kind.value(i)->number() != 0) names.push_back(KebabName(kind, kind.value(i)->number()));
  }
  return names;
}

std::vector<std::string> ObjectCategoryNames() {
  return {KebabName(v1::DATA_CATEGORY_RECORDING), KebabName(v1::DATA_CATEGORY_PDF_SHARE),
          KebabName(v1::DATA_CATEGORY_FILE_SHARE)};
}

}  // namespace retention
