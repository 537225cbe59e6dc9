// orders list | watch | confirm
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/confirmation.h"
#include "client/commands/enum_names.h"
#include "client/commands/growing_output.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "retention/v1/category.pb.h"
#include "retention/v1/erasure_order_service.pb.h"

namespace retention {
namespace {

constexpr int kOrdersPerPage = 1000;
constexpr int kConfirmationsPerCall = 1000;

template <typename Request>
void AddCategories(const std::vector<std::string>& names, Request& request) {
  for (const auto& name : names) {
    request.add_categories(ValueNamed<v1::DataCategory>(name));
  }
}

OutputTable TableOf(const google::protobuf::RepeatedPtrField<v1::ErasureOrder>& orders) {
  OutputTable table({{"ORDER", "order_id", true},
                     {"ISSUED (UTC)", "issue_time"},
                     {"CATEGORY", "category"},
                     {"PBX", "pbx_id"},
                     {"OBJECT", "object_id"},
                     {"WHERE", "object_ref"}});
  for (const auto& order : orders) {
    table.AddRow({absl::StrCat(order.order_id()), TimeCell(order.issue_time()), KebabName(order.category()),
                  order.pbx_id(), order.object_id(), order.object_ref()});
  }
  return table;
}

void List(CommandSession& session, v1::ListErasureOrdersRequest request, int limit) {
  const auto all =
      session.ExpectPages(&Client::ListErasureOrders, std::move(request), [limit](auto& next, const auto& so_far) {
        next.set_page_size(limit == 0 ? kOrdersPerPage : std::min(kOrdersPerPage, limit - so_far.orders_size()));
        return limit == 0 || so_far.orders_size() < limit;
      });
  if (!all) return;
  session.Print(*all, TableOf(all->orders()));
}

void Watch(CommandSession& session, const v1::WatchErasureOrdersRequest& request, int count) {
  GrowingOutput output(session);
  int seen = 0;
  const absl::Status status =
      session.MakeClient().WatchErasureOrders(request, [&](const v1::WatchErasureOrdersResponse& message) {
        google::protobuf::RepeatedPtrField<v1::ErasureOrder> orders = message.orders();
        if (count != 0 && orders.size() > count - seen)
          orders.DeleteSubrange(count - seen, orders.size() - count + seen);
        seen += orders.size();
        output.Print(orders, TableOf(orders));
        // Whoever read the output may have left.
        return session.out().good() && session.exit_code() == kExitOk && (count == 0 || seen < count);
      });
  if (!status.ok()) session.Fail(status);
}

void Confirm(CommandSession& session, const std::vector<uint64_t>& ids, const std::string& outcome_name) {
  const auto outcome = ValueNamed<v1::ErasureOutcome>(outcome_name);
  const Client client = session.MakeClient();
  v1::ConfirmErasureOrdersResponse all;
  for (size_t begin = 0; begin < ids.size(); begin += kConfirmationsPerCall) {
    v1::ConfirmErasureOrdersRequest request;
    for (size_t i = begin; i < std::min(ids.size(), begin + kConfirmationsPerCall); ++i) {
      auto* confirmation = request.add_confirmations();
      confirmation->set_order_id(ids[i]);
      confirmation->set_outcome(outcome);
    }
    const auto response = session.Expect(client.ConfirmErasureOrders(request));
    if (!response) return;
    all.set_done(all.done() + response->done());
    all.set_failed(all.failed() + response->failed());
    all.set_unknown(all.unknown() + response->unknown());
  }
  OutputTable table({{"DONE", "done", true}, {"FAILED", "failed", true}, {"UNKNOWN", "unknown", true}});
  table.AddRow({absl::StrCat(all.done()), absl::StrCat(all.failed()), absl::StrCat(all.unknown())});
  session.Print(all, table);
}

std::shared_ptr<std::vector<std::string>> AddCategoryOption(Command command) {
  auto categories = std::make_shared<std::vector<std::string>>();
  command.AddOption("--category", *categories, "Only these categories, as recording,file-share")
      .SeparatedBy(',')
      .OneOf(ObjectCategoryNames());
  return categories;
}

void AddListCommand(Command orders, CommandSession& session) {
  const Command list = orders.AddVerb("list", "The orders that are not confirmed, oldest first");
  auto age = std::make_shared<std::string>();
  auto pbx = std::make_shared<std::string>();
  auto limit = std::make_shared<int>(1000);
  list.AddOption("--min-age", *age, "Only orders that were issued so long ago, as 1h");
  list.AddOption("--pbx", *pbx, "Only orders for objects of this PBX, which may have ended");
  auto categories = AddCategoryOption(list);
  list.AddOption("--limit", *limit, "At most so many orders; 0: all").NonNegative().ShowDefault();
  list.SetFooter("Example:\n  retentionctl orders list --min-age 1d --category recording");
  list.SetAction([=, &session] {
    v1::ListErasureOrdersRequest request;
    if (!age->empty()) *request.mutable_min_age() = ToProtoDuration(ValueOrUsageError(ParseLength(*age), "--min-age"));
    request.set_pbx_id(*pbx);
    AddCategories(*categories, request);
    List(session, request, *limit);
  });
}

void AddWatchCommand(Command orders, CommandSession& session) {
  const Command watch = orders.AddVerb("watch", "Shows unconfirmed orders, and new ones as they are issued");
  auto after = std::make_shared<uint64_t>(0);
  auto count = std::make_shared<int>(0);
  watch.AddOption("--after", *after, "Only orders after this one, and older ones that nobody confirmed for a day");
  auto categories = AddCategoryOption(watch);
  watch.AddOption("--count", *count, "Ends after so many orders; 0: never").NonNegative();
  watch.SetFooter(
      "An order that is not confirmed is shown again: after 1 minute, 5 minutes, 30 minutes, and then every hour.\n"
      "As JSON, every order is a line of its own.\n"
      "\n"
      "Example:\n"
      "  retentionctl -o json orders watch --category recording");
  watch.SetAction([=, &session] {
    v1::WatchErasureOrdersRequest request;
    request.set_after_order_id(*after);
    AddCategories(*categories, request);
    Watch(session, request, *count);
  });
}

void AddConfirmCommand(Command orders, CommandSession& session) {
  const Command confirm = orders.AddVerb("confirm", "Says what became of orders");
  auto ids = std::make_shared<std::vector<uint64_t>>();
  auto outcome = std::make_shared<std::string>();
  confirm.AddOption("ORDER", *ids, "Numbers of the orders").Required().Check([](const std::string& id) {
    return id.find_first_not_of('0') == std::string::npos ? std::string("orders are numbered from 1 on")
                                                          : std::string();
  });
  confirm
      .AddOption("--outcome", *outcome,
                 "erased: the object was deleted; not-found: there was none; failed: the order stays")
      .Required()
      .OneOf({"erased", "not-found", "failed"});
  confirm.SetFooter(
      "An order that is done is forgotten. One that is not known (any more) is counted, not refused.\n"
      "\n"
      "Example:\n"
      "  retentionctl orders confirm 17 18 --outcome erased");
  SetFinalAction(confirm, session, [=, &session] { Confirm(session, *ids, *outcome); });
}

}  // namespace

void AddOrderCommands(Command root, CommandSession& session) {
  const Command orders = root.AddNoun("orders", "Erasure orders: objects that the portal is to delete");
  AddListCommand(orders, session);
  AddWatchCommand(orders, session);
  AddConfirmCommand(orders, session);
}

}  // namespace retention
