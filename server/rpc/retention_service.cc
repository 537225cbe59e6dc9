#include "retention/v1/retention_service.grpc.pb.h"
#include "server/engine/forecast.h"
#include "server/policies/policy_change.h"
#include "server/rpc/services.h"
#include "server/rpc/unary.h"

namespace retention {
namespace {

using RetentionServiceBase =
    v1::RetentionService::WithRawCallbackMethod_GetPolicy<v1::RetentionService::WithRawCallbackMethod_ListDueDays<
        v1::RetentionService::WithRawCallbackMethod_Sweep<v1::RetentionService::WithRawCallbackMethod_PlanPolicy<
            v1::RetentionService::WithRawCallbackMethod_ApplyPolicy<v1::RetentionService::Service>>>>>;

v1::SweepResponse Describe(const SweepOutcome& outcome) {
  CategoryCounts erased{};
  for (const EndingDay& day : outcome.days) {
    for (size_t category = 0; category < kCategories; ++category) erased[category] += day.values[category];
  }
  v1::SweepResponse response;
  response.set_days_destroyed(static_cast<uint32_t>(outcome.days.size()));
  response.set_cohorts_released(outcome.cohorts_released);
  response.set_meetings_files_ended(outcome.meetings_files_ended);
  for (size_t category = 1; category < kCategories; ++category) {
    if (erased[category] == 0) continue;
    v1::ErasedCount& count = *response.add_erased();
    count.set_category(static_cast<v1::DataCategory>(category));
    count.set_values(erased[category]);
  }
  return response;
}

class RetentionService final : public RetentionServiceBase {
 public:
  explicit RetentionService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* GetPolicy(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override {
    return Answer<v1::GetPolicyRequest>(
        backend_, backend_.workers.reads, {context, request, response},
        [this](const auto& message) { return backend_.engine.planner().Describe(message); });
  }

  // A plan looks at all that is held: it waits with the sweeps, not before reads.
  grpc::ServerUnaryReactor* PlanPolicy(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override {
    return Answer<v1::PlanPolicyRequest>(
        backend_, backend_.workers.sweeps, {context, request, response},
        [this](const auto& message) { return backend_.engine.planner().Plan(message, backend_.Now()); });
  }

  grpc::ServerUnaryReactor* ApplyPolicy(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override {
    return Answer<v1::ApplyPolicyRequest>(
        backend_, backend_.workers.sweeps, {context, request, response},
        [this](const auto& message) -> absl::StatusOr<v1::ApplyPolicyResponse> {
          const auto planned = backend_.engine.planner().CheckPlan(message, backend_.Now());
          if (!planned.ok()) return planned.status();
          absl::StatusOr<v1::ApplyPolicyResponse> applied = absl::UnknownError("nothing was applied");
          // That a part of the run fails is no reason: whether what is due is gone is judged by the command.
          backend_.sweep_loop.RunOnceThen([&] {
            applied =
                backend_.commands.Do([&](Change& change) { return backend_.engine.planner().Apply(*planned, change); });
          });
          backend_.sweep_loop.Wake();
          return applied;
        });
  }

  grpc::ServerUnaryReactor* ListDueDays(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override {
    return Answer<v1::ListDueDaysRequest>(
        backend_, backend_.workers.reads, backend_.workers.long_reads, {context, request, response},
        // Within a scope rows are counted.
        [](const auto& message) { return !message.pbx_id().empty() || !message.controller_id().empty(); },
        [this](const auto& message) {
          const Engine& engine = backend_.engine;
          return Forecast(engine.store(), engine.holdings(), engine.holds(), engine.logs(), message, backend_.Now());
        });
  }

  grpc::ServerUnaryReactor* Sweep(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                  grpc::ByteBuffer* response) override {
    return Answer<v1::SweepRequest>(backend_, backend_.workers.sweeps, {context, request, response},
                                    [this](const auto&) -> absl::StatusOr<v1::SweepResponse> {
                                      const auto outcome = backend_.sweep_loop.RunOnce(/*scrub_now=*/true);
                                      if (!outcome.ok()) return outcome.status();
                                      return Describe(*outcome);
                                    });
  }

 private:
  const Backend& backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewRetentionService(const Backend& backend) {
  return std::make_unique<RetentionService>(backend);
}

}  // namespace retention
