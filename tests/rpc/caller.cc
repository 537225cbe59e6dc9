#include "tests/rpc/caller.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <future>
#include <sstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace retention {
namespace {

// A test that waits so long has failed.
constexpr std::chrono::seconds kDeadline{60};

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string ToBytes(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const auto& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

CallEnd Decode(const grpc::Status& status) {
  CallEnd end;
  end.code = static_cast<absl::StatusCode>(status.error_code());
  end.message = status.error_message();
  google::rpc::Status rich;
  if (!rich.ParseFromString(status.error_details())) return end;
  for (const auto& any : rich.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad_request;
    google::rpc::RetryInfo retry;
    if (any.UnpackTo(&info)) {
      end.domain = info.domain();
      end.reason = info.reason();
    } else if (any.UnpackTo(&bad_request)) {
      end.field = bad_request.field_violations(0).field();
    } else if (any.UnpackTo(&retry)) {
      end.retry_delay = absl::Seconds(retry.retry_delay().seconds()) + absl::Nanoseconds(retry.retry_delay().nanos());
    }
  }
  return end;
}

// What nobody reads waits at the server: the window does not grow with what the line could take.
grpc::ChannelArguments Arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  return arguments;
}

class GenericStream final : public CallerStream {
 public:
  GenericStream(std::shared_ptr<grpc::Channel> channel, const std::string& method) : stub_(std::move(channel)) {
    context_.set_deadline(std::chrono::system_clock::now() + kDeadline);
    stream_ = stub_.PrepareCall(&context_, method, &queue_);
    stream_->StartCall(this);
    Await();
  }
  ~GenericStream() override {
    if (!finished_) {
      context_.TryCancel();
      Finish();
    }
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }
  bool Write(const std::string& bytes) override {
    stream_->Write(ToBuffer(bytes), this);
    return Await();
  }
  bool Read(std::string& bytes) override {
    grpc::ByteBuffer buffer;
    stream_->Read(&buffer, this);
    if (!Await()) return false;
    bytes = ToBytes(buffer);
    return true;
  }
  void WritesDone() override {
    stream_->WritesDone(this);
    Await();
  }
  void Cancel() override { context_.TryCancel(); }
  CallEnd Finish() override {
    grpc::Status status;
    stream_->Finish(&status, this);
    Await();
    finished_ = true;
    return Decode(status);
  }

 private:
  bool Await() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  bool finished_ = false;
};

}  // namespace

std::string CallEnd::Summary() const {
  std::string text = absl::StatusCodeToString(code);
  for (const std::string* part : {&reason, &field}) {
    if (!part->empty()) absl::StrAppend(&text, " ", *part);
  }
  return text;
}

std::ostream& operator<<(std::ostream& out, const CallEnd& end) { return out << end.Summary() << ": " << end.message; }

bool CallerStream::Read(google::protobuf::MessageLite& message) {
  std::string bytes;
  return Read(bytes) && message.ParseFromString(bytes);
}

struct Caller::Channel {
  std::shared_ptr<grpc::Channel> channel;
};

Caller::Caller(const std::string& address) : channel_(std::make_shared<Channel>()) {
  channel_->channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), Arguments());
}

Caller::Caller(const std::string& address, const CallerTls& tls) : channel_(std::make_shared<Channel>()) {
  const auto text_of = [](const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  };
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = text_of(tls.ca);
  if (!tls.certificate.empty()) {
    options.pem_cert_chain = text_of(tls.certificate);
    options.pem_private_key = text_of(tls.key);
  }
  channel_->channel = grpc::CreateCustomChannel(address, grpc::SslCredentials(options), Arguments());
}

Caller::~Caller() = default;

CallEnd Caller::CallBytes(const std::string& method, const std::string& request, std::string* response) {
  grpc::GenericStub stub(channel_->channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kDeadline);
  const grpc::ByteBuffer request_buffer = ToBuffer(request);
  grpc::ByteBuffer response_buffer;
  std::promise<grpc::Status> done;
  stub.UnaryCall(&context, method, grpc::StubOptions(), &request_buffer, &response_buffer,
                 [&done](const grpc::Status& status) { done.set_value(status); });
  const grpc::Status status = done.get_future().get();
  if (status.ok() && response != nullptr) *response = ToBytes(response_buffer);
  return Decode(status);
}

CallEnd Caller::Call(const std::string& method, const google::protobuf::MessageLite& request,
                     google::protobuf::MessageLite* response) {
  std::string bytes;
  const CallEnd end = CallBytes(method, request.SerializeAsString(), &bytes);
  if (end.ok() && response != nullptr) {
    EXPECT_TRUE(response->ParseFromString(bytes));
  }
  return end;
}

std::unique_ptr<CallerStream> Caller::Open(const std::string& method) {
  return std::make_unique<GenericStream>(channel_->channel, method);
}

}  // namespace retention
