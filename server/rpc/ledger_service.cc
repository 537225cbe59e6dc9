#include "retention/v1/ledger_service.grpc.pb.h"
#include "server/base/errors.h"
#include "server/ledger/ledger_reader.h"
#include "server/rpc/services.h"
#include "server/rpc/unary.h"

namespace retention {
namespace {

using LedgerServiceBase =
    v1::LedgerService::WithRawCallbackMethod_GetCheckpoint<v1::LedgerService::WithRawCallbackMethod_ListLedgerEntries<
        v1::LedgerService::WithRawCallbackMethod_GetInclusionProof<
            v1::LedgerService::WithRawCallbackMethod_GetConsistencyProof<
                v1::LedgerService::WithRawCallbackMethod_GetLedgerTile<v1::LedgerService::Service>>>>>;

class LedgerService final : public LedgerServiceBase {
 public:
  explicit LedgerService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* GetCheckpoint(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override {
    return Reply<v1::GetCheckpointRequest>({context, request, response},
                                           [](const LedgerReader& ledger, const auto&) { return ledger.Checkpoint(); });
  }

  grpc::ServerUnaryReactor* ListLedgerEntries(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* response) override {
    return Reply<v1::ListLedgerEntriesRequest>(
        {context, request, response},
        [this](const LedgerReader& ledger,
               const v1::ListLedgerEntriesRequest& asked) -> absl::StatusOr<v1::ListLedgerEntriesResponse> {
          std::optional<PbxId> pbx;
          if (!asked.pbx_id().empty()) {
            pbx = backend_.engine.holdings().registry.Find(asked.pbx_id(), backend_.Latest());
            if (!pbx.has_value()) return PbxUnknown();
          }
          return ledger.List(asked, pbx);
        });
  }

  grpc::ServerUnaryReactor* GetInclusionProof(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* response) override {
    return Reply<v1::GetInclusionProofRequest>(
        {context, request, response},
        [](const LedgerReader& ledger, const auto& asked) { return ledger.Inclusion(asked); });
  }

  grpc::ServerUnaryReactor* GetConsistencyProof(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                                grpc::ByteBuffer* response) override {
    return Reply<v1::GetConsistencyProofRequest>(
        {context, request, response},
        [](const LedgerReader& ledger, const auto& asked) { return ledger.Consistency(asked); });
  }

  grpc::ServerUnaryReactor* GetLedgerTile(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override {
    return Reply<v1::GetLedgerTileRequest>(
        {context, request, response}, [](const LedgerReader& ledger, const auto& asked) { return ledger.Tile(asked); });
  }

 private:
  // Of one moment of the store, so that sizes and proofs fit each other.
  template <typename Request, typename Handler>
  grpc::ServerUnaryReactor* Reply(const UnaryCall& call, Handler handler) {
    return Answer<Request>(backend_, backend_.workers.reads, call,
                           [this, handler = std::move(handler)](
                               const Request& asked) -> decltype(handler(std::declval<const LedgerReader&>(), asked)) {
                             const auto view = backend_.engine.store().Snapshot();
                             const auto ledger = LedgerReader::Open(*view, backend_.checkpoint_signer);
                             if (!ledger.ok()) return ledger.status();
                             return handler(*ledger, asked);
                           });
  }

  const Backend& backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewLedgerService(const Backend& backend) {
  return std::make_unique<LedgerService>(backend);
}

}  // namespace retention
