// Erasure orders: what the portal is told to delete, until it says that it did (section 9).
#ifndef RETENTION_SERVER_ORDERS_ERASURE_ORDERS_H_
#define RETENTION_SERVER_ORDERS_ERASURE_ORDERS_H_

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "retention/v1/erasure_order_service.pb.h"
#include "server/rows/change.h"

namespace retention {

// Categories by their numbers.
using CategorySet = std::bitset<kCategories>;

// Thread-safe but for Confirm. Reads straight from the store: nobody waits for the writer.
class ErasureOrders {
 public:
  static constexpr int kMaxConfirmations = 1000;
  static constexpr int kMaxOrdersPerPage = 1000;
  static constexpr int kDefaultOrdersPerPage = 100;
  // Orders looked at in one go, so that a rare filter neither makes a call long nor holds a snapshot for long.
  static constexpr int kMaxOrdersScanned = 2000;

  // REQUIRES: both outlive it; `store` is what the holdings are of.
  ErasureOrders(const Store& store, const Holdings& holdings) : store_(store), holdings_(holdings) {}

  // Shows `visit` the orders that are held with after < id <= through, oldest first, until it returns false or
  // kMaxOrdersScanned were seen. Returns the id up to which all were seen: `through` (or the last that was issued, if
  // that is less) once there is nothing left. An order that `visit` did not take was not seen.
  absl::StatusOr<uint64_t> Scan(uint64_t after, uint64_t through,
                                absl::FunctionRef<bool(v1::ErasureOrder& order)> visit) const;

  // See ErasureOrderService.ListErasureOrders. A page may hold fewer orders than asked for, even none, and not be the
  // last. INVALID_ARGUMENT naming the field.
  absl::StatusOr<v1::ListErasureOrdersResponse> List(const v1::ListErasureOrdersRequest& request, absl::Time now) const;

  // Which orders a watcher asks for. INVALID_ARGUMENT naming the field.
  absl::StatusOr<CategorySet> CheckWatch(const v1::WatchErasureOrdersRequest& request) const;

  // INVALID_ARGUMENT naming the field.
  static absl::Status CheckConfirm(const v1::ConfirmErasureOrdersRequest& request);

  // Forgets the orders that are done and enters them into the ledger, by outcome and category. Those of PBXs that the
  // caller does not reach are unknown to them. REQUIRES: CheckConfirm. A command: belongs to the writer's thread.
  using ReachesPbx = absl::FunctionRef<absl::StatusOr<bool>(std::string_view pbx_id)>;
  absl::StatusOr<v1::ConfirmErasureOrdersResponse> Confirm(const v1::ConfirmErasureOrdersRequest& request,
                                                           ReachesPbx reaches, Change& change) const;

  // Orders that are held.
  uint64_t unconfirmed() const { return holdings_.orders.unconfirmed(); }
  // The last id that was given; 0 if none was.
  uint64_t last_issued() const { return holdings_.orders.last_issued(); }
  // When the oldest order that is held was issued; nullopt if none is held.
  absl::StatusOr<std::optional<absl::Time>> OldestIssue() const;

 private:
  absl::StatusOr<CategorySet> CheckCategories(const google::protobuf::RepeatedField<int>& categories) const;
  absl::StatusOr<stored::v1::ErasureOrder> Open(std::string_view key, std::string_view envelope) const;

  const Store& store_;
  const Holdings& holdings_;
};

// When an order was issued.
absl::Time IssueTimeOf(const v1::ErasureOrder& order);

}  // namespace retention

#endif  // RETENTION_SERVER_ORDERS_ERASURE_ORDERS_H_
