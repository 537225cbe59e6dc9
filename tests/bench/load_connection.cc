#include "tests/bench/load_connection.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "retention/v1/pbx_service.grpc.pb.h"
#include "tests/bench/load_feed.h"

namespace retention {

void Fail(const std::string& message) {
  std::cerr << message << std::endl;
  std::_Exit(1);
}

void Report(const std::string& name, double value, const std::string& unit) {
  std::printf("bench %s %.*f %s\n", name.c_str(), value >= 1000 ? 0 : 3, value, unit.c_str());
  std::fflush(stdout);
}

void Remark(const std::string& text) {
  std::printf("# %s\n", text.c_str());
  std::fflush(stdout);
}

double Percentile(std::vector<double> samples, double fraction) {
  const size_t rank = std::min(samples.size() - 1, static_cast<size_t>(fraction * static_cast<double>(samples.size())));
  std::nth_element(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(rank), samples.end());
  return samples[rank];
}

static std::string WholeFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  if (!(text << file.rdbuf())) Fail(path + " cannot be read");
  return text.str();
}

std::shared_ptr<grpc::Channel> Connect(const LoadOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (options.tls_ca.empty()) {
    return grpc::CreateCustomChannel(options.target, grpc::InsecureChannelCredentials(), arguments);
  }
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = WholeFile(options.tls_ca);
  tls.pem_cert_chain = WholeFile(options.tls_cert);
  tls.pem_private_key = WholeFile(options.tls_key);
  return grpc::CreateCustomChannel(options.target, grpc::SslCredentials(tls), arguments);
}

grpc::ByteBuffer Serialized(const google::protobuf::MessageLite& message) {
  const std::string bytes = message.SerializeAsString();
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

void Parse(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message) {
  std::vector<grpc::Slice> slices;
  if (!bytes.Dump(&slices).ok()) Fail("an answer cannot be read");
  std::string whole;
  for (const grpc::Slice& slice : slices) whole.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  if (!message.ParseFromString(whole)) Fail("an answer does not parse");
}

void SyncPbxs(const LoadOptions& options) {
  const auto stub = v1::PbxService::NewStub(Connect(options));
  for (const v1::SyncPbxRequest& request : LoadFeed(options, 0).Pbxs()) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    v1::SyncPbxResponse response;
    const grpc::Status status = stub->SyncPbx(&context, request, &response);
    if (!status.ok()) Fail("SyncPbx: " + status.error_message());
  }
}

}  // namespace retention
