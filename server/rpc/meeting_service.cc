#include "retention/v1/meeting_service.grpc.pb.h"
#include "server/rpc/services.h"
#include "server/rpc/unary.h"

namespace retention {
namespace {

using MeetingServiceBase = v1::MeetingService::WithRawCallbackMethod_GetMeeting<
    v1::MeetingService::WithRawCallbackMethod_ListMeetings<v1::MeetingService::WithRawCallbackMethod_ListParticipants<
        v1::MeetingService::WithRawCallbackMethod_GetMeetingReport<v1::MeetingService::Service>>>>;

class MeetingService final : public MeetingServiceBase {
 public:
  explicit MeetingService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* GetMeeting(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override {
    return Answer<v1::GetMeetingRequest>(
        backend_.workers.reads, {context, request, response},
        [this](const auto& message) { return backend_.meetings.GetMeeting(message, backend_.Now()); });
  }

  grpc::ServerUnaryReactor* ListMeetings(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return Answer<v1::ListMeetingsRequest>(
        backend_.workers.reads, {context, request, response},
        [this](const auto& message) { return backend_.meetings.ListMeetings(message, backend_.Now()); });
  }

  grpc::ServerUnaryReactor* ListParticipants(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) override {
    return Answer<v1::ListParticipantsRequest>(
        backend_.workers.reads, {context, request, response},
        [this](const auto& message) { return backend_.meetings.ListParticipants(message, backend_.Now()); });
  }

  grpc::ServerUnaryReactor* GetMeetingReport(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) override {
    return Answer<v1::GetMeetingReportRequest>(
        backend_.workers.reads, {context, request, response},
        [this](const auto& message) { return backend_.meetings.GetMeetingReport(message, backend_.Now()); });
  }

 private:
  const Backend& backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewMeetingService(const Backend& backend) {
  return std::make_unique<MeetingService>(backend);
}

}  // namespace retention
