// Messages on the wire. Handlers are registered raw, so that a message that does not parse is answered with a typed
// error, and so that the hot path chooses where its messages live.
#ifndef RETENTION_SERVER_RPC_WIRE_H_
#define RETENTION_SERVER_RPC_WIRE_H_

#include <google/protobuf/arena.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstddef>

#include "absl/status/status.h"

namespace retention {

// INVALID_ARGUMENT with reason MALFORMED_MESSAGE if `bytes` is not such a message (text that is not UTF-8, for one).
absl::Status ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message);

// What is found of a request before it takes memory: INVALID_ARGUMENT with reason REQUEST_TOO_LARGE above `bytes_max`,
// or TOO_MANY_PARTS above kMaxParts: fields and elements, at all depths. A part of two bytes may take hundreds in
// memory.
inline constexpr size_t kMaxParts = 400'000;
absl::Status CheckSize(const grpc::ByteBuffer& bytes, const google::protobuf::Descriptor& type, size_t bytes_max);

// Where a batch of a stream lives: one of 100 events fits into a few blocks.
google::protobuf::ArenaOptions StreamArena();

grpc::ByteBuffer SerializeMessage(const google::protobuf::MessageLite& message);

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_WIRE_H_
