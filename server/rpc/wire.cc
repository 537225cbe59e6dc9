#include "server/rpc/wire.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/slice.h>

#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/rpc/limits.h"

namespace retention {
namespace {

bool Parse(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message) {
  if (bytes.Length() == 0) {
    message.Clear();
    return true;
  }
  grpc::Slice slice;
  if (bytes.TrySingleSlice(&slice).ok()) return message.ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
  // Only read from, whatever its signature says.
  grpc::ProtoBufferReader reader(const_cast<grpc::ByteBuffer*>(&bytes));
  return reader.status().ok() && message.ParseFromZeroCopyStream(&reader);
}

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;

// Not counted: what it can take at worst is little.
constexpr size_t kUncountedBytes = 64 << 10;
// As deep as the parser goes.
constexpr int kMaxDepth = 100;

// Counts the parts of what is left in `in`, or in the group that it is in. False beyond kMaxParts; what is malformed is
// left to the parser. `type`: null if it is not known.
bool CountParts(google::protobuf::io::CodedInputStream& in, const Descriptor* type, int depth, size_t& parts) {
  while (const uint32_t tag = in.ReadTag()) {
    if (++parts > kMaxParts) return false;
    uint32_t length = 0;
    uint64_t ignored = 0;
    bool is_well = depth < kMaxDepth;
    switch (WireFormatLite::GetTagWireType(tag)) {
      case WireFormatLite::WIRETYPE_VARINT:
        is_well &= in.ReadVarint64(&ignored);
        break;
      case WireFormatLite::WIRETYPE_FIXED64:
        is_well &= in.Skip(8);
        break;
      case WireFormatLite::WIRETYPE_FIXED32:
        is_well &= in.Skip(4);
        break;
      case WireFormatLite::WIRETYPE_START_GROUP:
        if (is_well && !CountParts(in, nullptr, depth + 1, parts)) return false;
        break;
      case WireFormatLite::WIRETYPE_END_GROUP:
        return true;
      case WireFormatLite::WIRETYPE_LENGTH_DELIMITED: {
        is_well &= in.ReadVarint32(&length) && length <= static_cast<uint32_t>(kReceiveBytesMax);
        if (!is_well) break;
        const FieldDescriptor* field =
            type == nullptr ? nullptr : type->FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
        if (field == nullptr || field->type() != FieldDescriptor::TYPE_MESSAGE) {
          is_well &= in.Skip(static_cast<int>(length));
          break;
        }
        const auto outer = in.PushLimit(static_cast<int>(length));
        if (!CountParts(in, field->message_type(), depth + 1, parts)) return false;
        is_well &= in.BytesUntilLimit() == 0;
        in.PopLimit(outer);
        break;
      }
      default:
        is_well = false;
    }
    if (!is_well) return true;
  }
  return true;
}

bool HasFewParts(const grpc::ByteBuffer& bytes, const Descriptor& type) {
  size_t parts = 0;
  grpc::Slice slice;
  if (bytes.TrySingleSlice(&slice).ok()) {
    google::protobuf::io::CodedInputStream in(slice.begin(), static_cast<int>(slice.size()));
    return CountParts(in, &type, 0, parts);
  }
  grpc::ProtoBufferReader reader(const_cast<grpc::ByteBuffer*>(&bytes));
  if (!reader.status().ok()) return true;
  google::protobuf::io::CodedInputStream in(&reader);
  return CountParts(in, &type, 0, parts);
}

}  // namespace

absl::Status CheckSize(const grpc::ByteBuffer& bytes, const Descriptor& type, size_t bytes_max) {
  if (bytes.Length() > bytes_max) {
    return WithMetadata(ErrorWithReason(absl::StatusCode::kInvalidArgument, "REQUEST_TOO_LARGE",
                                        absl::StrCat("at most ", bytes_max, " bytes")),
                        {{"bytes_max", absl::StrCat(bytes_max)}});
  }
  if (bytes.Length() <= kUncountedBytes || HasFewParts(bytes, type)) return absl::OkStatus();
  return WithMetadata(ErrorWithReason(absl::StatusCode::kInvalidArgument, "TOO_MANY_PARTS",
                                      absl::StrCat("at most ", kMaxParts, " fields and elements, at all depths")),
                      {{"parts_max", absl::StrCat(kMaxParts)}});
}

absl::Status ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message) {
  if (Parse(bytes, message)) return absl::OkStatus();
  return ErrorWithReason(absl::StatusCode::kInvalidArgument, "MALFORMED_MESSAGE",
                         "the request is not the message it should be");
}

google::protobuf::ArenaOptions StreamArena() {
  google::protobuf::ArenaOptions options;
  options.start_block_size = 16 << 10;
  options.max_block_size = 64 << 10;
  return options;
}

grpc::ByteBuffer SerializeMessage(const google::protobuf::MessageLite& message) {
  grpc::Slice slice(message.ByteSizeLong());
  message.SerializeWithCachedSizesToArray(const_cast<uint8_t*>(slice.begin()));
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace retention
