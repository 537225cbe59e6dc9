#include "retention/v1/meeting_service.grpc.pb.h"
#include "server/meetings/report_notices.h"
#include "server/rpc/services.h"
#include "server/rpc/unary.h"
#include "server/rpc/watch_courier.h"

namespace retention {
namespace {

using MeetingServiceBase = v1::MeetingService::WithRawCallbackMethod_GetMeeting<
    v1::MeetingService::WithRawCallbackMethod_ListMeetings<v1::MeetingService::WithRawCallbackMethod_ListParticipants<
        v1::MeetingService::WithRawCallbackMethod_GetMeetingReport<
            v1::MeetingService::WithRawCallbackMethod_WatchReports<v1::MeetingService::Service>>>>>;

// The notices of one watcher.
class NoticesOnTheirWay final : public WatchDelivery {
 public:
  NoticesOnTheirWay(const Backend& backend, Admission admission, ReportDelivery delivery, bool once)
      : backend_(backend), admission_(std::move(admission)), delivery_(std::move(delivery)), once_(once) {}

  absl::StatusOr<Step> Next(absl::Time now) override {
    if (absl::Status status = Renew(backend_, admission_); !status.ok()) return status;
    auto next = delivery_.Next(now);
    if (!next.ok()) return next.status();
    if (next->notices.empty()) {
      return Step{.message = {}, .next = next->next, .done = once_ && next->next != absl::InfinitePast()};
    }
    v1::WatchReportsResponse response;
    for (v1::ReportNotice& notice : next->notices) *response.add_notices() = std::move(notice);
    return Step{.message = SerializeMessage(response)};
  }

 private:
  const Backend& backend_;
  Admission admission_;
  ReportDelivery delivery_;
  const bool once_;
};

class MeetingService final : public MeetingServiceBase {
 public:
  explicit MeetingService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* GetMeeting(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override {
    return Answer<v1::GetMeetingRequest>(
        backend_, backend_.workers.reads, backend_.workers.long_reads, {context, request, response},
        [this](const auto& message) { return backend_.meetings.TakesLong(message, backend_.Latest()); },
        [this](const auto& message) { return backend_.meetings.GetMeeting(message, backend_.Latest()); });
  }

  grpc::ServerUnaryReactor* ListMeetings(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return Answer<v1::ListMeetingsRequest>(
        backend_, backend_.workers.reads, {context, request, response},
        [this](const auto& message) { return backend_.meetings.ListMeetings(message, backend_.Latest()); });
  }

  grpc::ServerUnaryReactor* ListParticipants(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) override {
    return Answer<v1::ListParticipantsRequest>(
        backend_, backend_.workers.reads, backend_.workers.long_reads, {context, request, response},
        [this](const auto& message) { return backend_.meetings.TakesLong(message, backend_.Latest()); },
        [this](const auto& message) { return backend_.meetings.ListParticipants(message, backend_.Latest()); });
  }

  grpc::ServerUnaryReactor* GetMeetingReport(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) override {
    return Answer<v1::GetMeetingReportRequest>(
        backend_, backend_.workers.reads, backend_.workers.long_reads, {context, request, response},
        [this](const auto& message) { return backend_.meetings.TakesLong(message, backend_.Latest()); },
        [this](const auto& message) { return backend_.meetings.GetMeetingReport(message, backend_.Latest()); });
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchReports(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* request) override {
    return backend_.report_courier.Serve(Watch(*context, *request), PeerOf(*context));
  }

 private:
  absl::StatusOr<std::unique_ptr<WatchDelivery>> Watch(const grpc::ServerContextBase& context,
                                                       const grpc::ByteBuffer& request) const {
    auto admission = AdmitStream(backend_, context, RowOf<v1::WatchReportsRequest>());
    if (!admission.ok()) return admission.status();
    v1::WatchReportsRequest asked;
    const MethodRow& row = *admission->method;
    if (absl::Status status = CheckSize(request, *asked.GetDescriptor(), row.request_bytes_max); !status.ok()) {
      return status;
    }
    if (absl::Status status = ParseMessage(request, asked); !status.ok()) return status;
    if (absl::Status status = CheckScope(backend_, *admission, asked); !status.ok()) return status;
    auto delivery = ReportDelivery::For(backend_.engine.store(), backend_.engine.holdings(), asked, backend_.Latest());
    if (!delivery.ok()) return delivery.status();
    return std::make_unique<NoticesOnTheirWay>(backend_, *std::move(admission), *std::move(delivery), asked.once());
  }

  const Backend& backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewMeetingService(const Backend& backend) {
  return std::make_unique<MeetingService>(backend);
}

}  // namespace retention
