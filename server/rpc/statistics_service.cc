#include <deque>
#include <utility>
#include <vector>

#include "retention/v1/statistics_service.grpc.pb.h"
#include "server/anonymisation/export.h"
#include "server/anonymisation/guarantee.h"
#include "server/anonymisation/question.h"
#include "server/anonymisation/synthetic.h"
#include "server/days/released_cubes.h"
#include "server/rpc/admission.h"
#include "server/rpc/services.h"
#include "server/rpc/unary.h"

namespace retention {
namespace {

using StatisticsServiceBase =
    v1::StatisticsService::WithRawCallbackMethod_ListTables<v1::StatisticsService::WithRawCallbackMethod_GetGuarantee<
        v1::StatisticsService::WithRawCallbackMethod_QueryStatistics<
            v1::StatisticsService::WithRawCallbackMethod_ExportStatistics<
                v1::StatisticsService::WithRawCallbackMethod_SampleSyntheticRecords<v1::StatisticsService::Service>>>>>;

// When the store was made: since then there is a policy in it.
absl::Time StoreMadeBy(const PolicyVersion& in_force) {
  const PolicyVersion* first = &in_force;
  while (first->predecessor != nullptr) first = first->predecessor;
  return first->since;
}

// What is released, and what is drawn today.
class Released {
 public:
  explicit Released(const Backend& backend)
      : version_(backend.engine.holdings().policies.current()),
        view_(backend.engine.store().Snapshot()),
        now_(backend.Latest()),
        cubes_(*view_, version_.policy, LastDueDay(now_, version_.policy.zone()),
               backend.engine.holdings().ring.cohorts_destroyed_through()) {}
  const CubeSource& cubes() const { return cubes_; }
  const Policy& policy() const { return version_.policy; }
  std::vector<ExpectedCohort> CohortsIn(DueDay from, DueDay to) const {
    return CohortsWithin(version_.profiles, policy().zone(), StoreMadeBy(version_), from, to);
  }
  const Profile& profile() const {
    return ProfileOf(version_.profiles.CohortOf(DueDay(DayOf(now_, policy().zone()))).profile);
  }

 private:
  const PolicyVersion& version_;
  const std::unique_ptr<StoreView> view_;
  const absl::Time now_;
  const ReleasedCubes cubes_;
};

// Streams cubes, one read after the other has been written. No view is held while the caller reads: a cube never
// changes, and one that has ended meanwhile is left out.
class ExportReactor final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  ExportReactor(const Backend& backend, const grpc::ServerContextBase& context, const grpc::ByteBuffer& request)
      : backend_(backend), admission_(AdmitStream(backend, context, RowOf<v1::ExportStatisticsRequest>())) {
    absl::Status status = admission_.status();
    if (status.ok()) status = CountCall(backend_, context, *admission_->method);
    if (status.ok()) status = ParseMessage(request, request_);
    if (status.ok()) status = CheckScope(backend_, *admission_, request_);
    if (status.ok()) {
      const auto days =
          CheckDays(request_.has_first_day(), request_.first_day(), request_.has_last_day(), request_.last_day());
      status = days.status();
      if (days.ok()) days_ = *days;
    }
    if (!status.ok()) {
      Finish(ToGrpcStatus(status));
    } else {
      Work();
    }
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the caller has left"));
    messages_.pop_front();
    if (!messages_.empty()) return Write();
    Work();
  }
  void OnDone() override { delete this; }

 private:
  void Work() {
    if (!backend_.workers.reads.Submit([this] { ReadOn(); })) Finish(ToGrpcStatus(QueueFull(kBusyRetryDelay)));
  }
  void ReadOn() {
    if (absl::Status status = Renew(backend_, *admission_); !status.ok()) return Finish(ToGrpcStatus(status));
    const Released released(backend_);
    if (!found_.has_value()) {
      auto found = released.cubes().Find(days_.from, days_.to);
      if (!found.ok()) return Finish(ToGrpcStatus(found.status()));
      found_.emplace(found->begin(), found->end());
    }
    while (messages_.empty()) {
      if (found_->empty()) return Finish(grpc::Status::OK);
      auto messages = ExportCube(found_->front(), released.cubes(),
                                 [&](DueDay from, DueDay to) { return released.CohortsIn(from, to); });
      found_->pop_front();
      if (absl::IsDataLoss(messages.status())) continue;
      if (!messages.ok()) return Finish(ToGrpcStatus(messages.status()));
      for (const auto& message : *messages) messages_.push_back(SerializeMessage(message));
    }
    Write();
  }
  void Write() { StartWrite(&messages_.front()); }

  const Backend& backend_;
  absl::StatusOr<Admission> admission_;
  v1::ExportStatisticsRequest request_;
  AskedDays days_{};
  std::optional<std::deque<FoundCube>> found_;
  std::deque<grpc::ByteBuffer> messages_;
};

class StatisticsService final : public StatisticsServiceBase {
 public:
  explicit StatisticsService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* ListTables(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override {
    return Answer<v1::ListTablesRequest>(backend_, backend_.workers.reads, {context, request, response},
                                         [this](const auto&) -> absl::StatusOr<v1::ListTablesResponse> {
                                           const Released released(backend_);
                                           return DescribeTables(released.profile(),
                                                                 PublicLists(released.policy().statistics()));
                                         });
  }

  grpc::ServerUnaryReactor* GetGuarantee(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return Answer<v1::GetGuaranteeRequest>(backend_, backend_.workers.reads, {context, request, response},
                                           [this](const auto&) -> absl::StatusOr<v1::GetGuaranteeResponse> {
                                             const Released released(backend_);
                                             return DescribeGuarantee(released.profile(), released.policy().settling());
                                           });
  }

  grpc::ServerUnaryReactor* QueryStatistics(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override {
    return Answer<v1::QueryStatisticsRequest>(backend_, backend_.workers.reads, {context, request, response},
                                              [this](const auto& message) {
                                                const Engine& engine = backend_.engine;
                                                const PolicyVersion& version = engine.holdings().policies.current();
                                                return QueryReleased(engine.store(), version.policy, version.profiles,
                                                                     engine.holdings().ring.cohorts_destroyed_through(),
                                                                     message, backend_.Latest(), StoreMadeBy(version));
                                              });
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* ExportStatistics(grpc::CallbackServerContext* context,
                                                               const grpc::ByteBuffer* request) override {
    return new ExportReactor(backend_, *context, *request);
  }

  grpc::ServerUnaryReactor* SampleSyntheticRecords(grpc::CallbackServerContext* context,
                                                   const grpc::ByteBuffer* request,
                                                   grpc::ByteBuffer* response) override {
    return Answer<v1::SampleSyntheticRecordsRequest>(
        backend_, backend_.workers.reads, {context, request, response}, [this](const auto& message) {
          const Released released(backend_);
          return SampleRecords(message, released.cubes(), backend_.engine.holdings().random);
        });
  }

 private:
  const Backend& backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewStatisticsService(const Backend& backend) {
  return std::make_unique<StatisticsService>(backend);
}

}  // namespace retention
