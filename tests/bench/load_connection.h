// Calls with messages that were serialised beforehand, so that the load generator leaves the processor to the server.
#ifndef RETENTION_TESTS_BENCH_LOAD_CONNECTION_H_
#define RETENTION_TESTS_BENCH_LOAD_CONNECTION_H_

#include <google/protobuf/message_lite.h>
#include <grpcpp/channel.h>
#include <grpcpp/support/byte_buffer.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/load_options.h"

namespace retention {

// Ends the process with `message`.
[[noreturn]] void Fail(const std::string& message);
// `bench NAME VALUE UNIT`.
void Report(const std::string& name, double value, const std::string& unit);
void Remark(const std::string& text);
// The value below which `fraction` of `samples` lie. REQUIRES: not empty.
double Percentile(std::vector<double> samples, double fraction);

class Stopwatch {
 public:
  double Seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

 private:
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// A connection of its own, not shared with other channels.
std::shared_ptr<grpc::Channel> Connect(const LoadOptions& options);

grpc::ByteBuffer Serialized(const google::protobuf::MessageLite& message);
void Parse(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message);

// Makes the PBXs of the feeds known.
void SyncPbxs(const LoadOptions& options);
// `streams` streams of batches of 100; returns events acknowledged per second.
double RunStreams(const LoadOptions& options);
// `streams` streams of batches of 1,000 log lines; returns lines acknowledged per second.
double RunLogStreams(const LoadOptions& options);
// `callers` calls of one event in flight; events acknowledged per second.
double RunUnary(const LoadOptions& options);
// Asks for reports of meetings that the server lists, at a steady pace, whether or not the last one was answered in
// time: a slow answer makes the next ones late too, and that counts. Milliseconds each.
std::vector<double> ReadReports(const LoadOptions& options);

}  // namespace retention

#endif  // RETENTION_TESTS_BENCH_LOAD_CONNECTION_H_
