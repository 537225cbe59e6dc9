// Calls of the API by their names, for tests that have them as text.
#ifndef RETENTION_TESTS_RPC_API_METHODS_H_
#define RETENTION_TESTS_RPC_API_METHODS_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <memory>
#include <string>

#include "absl/strings/str_replace.h"

namespace retention {

// "PbxService/GetPbx" as its descriptor; null if there is no such call.
inline const google::protobuf::MethodDescriptor* MethodOf(const std::string& call) {
  return google::protobuf::DescriptorPool::generated_pool()->FindMethodByName("retention.v1." +
                                                                              absl::StrReplaceAll(call, {{"/", "."}}));
}

// As Caller takes it.
inline std::string PathOf(const std::string& call) { return "/retention.v1." + call; }

inline std::unique_ptr<google::protobuf::Message> NewMessage(const google::protobuf::Descriptor* type) {
  return std::unique_ptr<google::protobuf::Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

}  // namespace retention

#endif  // RETENTION_TESTS_RPC_API_METHODS_H_
