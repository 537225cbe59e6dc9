// The one table of who may call what: every method of the API has a row, and what has none is denied.
#ifndef RETENTION_SERVER_ACCESS_METHOD_TABLE_H_
#define RETENTION_SERVER_ACCESS_METHOD_TABLE_H_

#include <google/protobuf/descriptor.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "server/access/role.h"

namespace retention {

// What a caller with a scope (some PBXs, some controllers) may ask of a method.
enum class ScopeRule {
  kDenied,  // nothing: it reaches beyond any scope
  kFree,    // anything: nothing that it says or is told belongs to a PBX
  kPbx,     // of the field `pbx_id`, which must name a PBX of theirs
  kSync,    // the same; one that is not known yet must be given a controller of theirs
  kEvents,  // of every one of its `events` the same
  kCut,     // anything: its handler leaves out what is not of their PBXs
};

// What a call of a method costs its caller (call_rates.h).
enum class CallCost {
  kUnlimited,  // what comes is bounded by what is durable
  kOrdinary,   // an answer of a page
  kExpensive,  // looks at much
};

struct MethodRow {
  std::string_view service;  // "PbxService"
  std::string_view method;
  RoleSet roles;
  ScopeRule scope = ScopeRule::kDenied;
  // What of people is read by it, as the ledger says it: UPPER_SNAKE_CASE; empty if nothing is.
  std::string_view reads = {};
  // What is done by it, where that has no entry of its own, in the same form; empty if it has, or nothing is done.
  std::string_view act = {};
  // The longest request that is looked at.
  size_t request_bytes_max = kRequestBytes;
  CallCost cost = CallCost::kOrdinary;

  static constexpr size_t kRequestBytes = 64 << 10;
};

std::span<const MethodRow> MethodTable();

// "/retention.v1.PbxService/GetPbx".
std::string PathOf(const MethodRow& method);

// The row of the method that takes such requests: no two methods share one. REQUIRES: there is one.
const MethodRow& RowOfRequest(const google::protobuf::Descriptor& request);

template <typename Request>
const MethodRow& RowOf() {
  static const MethodRow& row = RowOfRequest(*Request::descriptor());
  return row;
}

}  // namespace retention

#endif  // RETENTION_SERVER_ACCESS_METHOD_TABLE_H_
