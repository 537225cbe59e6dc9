#include "retention/v1/statistics_service.grpc.pb.h"
#include "server/anonymisation/tables.h"
#include "server/days/released_cubes.h"
#include "server/rpc/services.h"
#include "server/rpc/unary.h"

namespace retention {
namespace {

using StatisticsServiceBase = v1::StatisticsService::WithRawCallbackMethod_ListTables<
    v1::StatisticsService::WithRawCallbackMethod_QueryStatistics<v1::StatisticsService::Service>>;

class StatisticsService final : public StatisticsServiceBase {
 public:
  explicit StatisticsService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* ListTables(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override {
    return Answer<v1::ListTablesRequest>(backend_, backend_.workers.reads, {context, request, response},
                                         [this](const auto&) -> absl::StatusOr<v1::ListTablesResponse> {
                                           return DescribeTables(backend_.engine.holdings().policy().statistics());
                                         });
  }

  grpc::ServerUnaryReactor* QueryStatistics(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override {
    return Answer<v1::QueryStatisticsRequest>(
        backend_, backend_.workers.reads, {context, request, response}, [this](const auto& message) {
          const Engine& engine = backend_.engine;
          return QueryReleased(engine.store(), engine.holdings().policy(), message, backend_.Latest());
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
