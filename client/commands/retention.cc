// due list, sweep run, clock show | advance | confirm
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/confirmation.h"
#include "client/commands/enum_names.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "retention/v1/category.pb.h"
#include "retention/v1/clock_service.pb.h"
#include "retention/v1/log_service.pb.h"
#include "retention/v1/retention_service.pb.h"

namespace retention {
namespace {

constexpr absl::Duration kSweepTimeout = absl::Minutes(10);

v1::DataCategory ParseCategory(const std::string& name) {
  const auto category = ValueNamed<v1::DataCategory>(name);
  if (category != 0) return category;
  throw UsageError("--category", absl::StrCat("not one of ", absl::StrJoin(KebabNames<v1::DataCategory>(), ", ")));
}

// All pages as one: the last bucket of a page may go on as the first of the next.
void AddPage(const v1::ListDueDaysResponse& page, v1::ListDueDaysResponse& all) {
  const int before = all.buckets_size();
  all.MergeFrom(page);
  if (before == 0 || page.buckets().empty()) return;
  v1::DueBucket& last = *all.mutable_buckets(before - 1);
  const v1::DueBucket& next = all.buckets(before);
  if (last.category() != next.category() || last.kept() != next.kept() ||
      last.due_day().SerializeAsString() != next.due_day().SerializeAsString()) {
    return;
  }
  last.set_rows(last.rows() + next.rows());
  last.set_values(last.values() + next.values());
  if (next.has_values_held()) last.set_values_held(last.values_held() + next.values_held());
  all.mutable_buckets()->DeleteSubrange(before, 1);
}

void ListDueDays(CommandSession& session, v1::ListDueDaysRequest request) {
  v1::ListDueDaysResponse all;
  do {
    const auto page = session.Expect(session.MakeClient().ListDueDays(request));
    if (!page) return;
    AddPage(*page, all);
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  all.clear_next_page_token();
  std::vector<TableColumn> columns{{"LAST DAY", "due_day"},
                                   {"GONE FROM (UTC)", "due_time"},
                                   {"CATEGORY", "category"},
                                   {"ROWS STORED", "rows_stored", true},
                                   {"VALUES", "values", true}};
  if (request.with_holds()) columns.push_back({"HELD", "values_held", true});
  OutputTable table(std::move(columns));
  for (const auto& bucket : all.buckets()) {
    const bool dated = bucket.has_due_day();
    const TableCell undated = bucket.kept() ? TableCell("with its hold", "held") : TableCell("on a trigger", "");
    std::vector<TableCell> row{dated ? TableCell(ReadableDate(bucket.due_day())) : undated,
                               dated ? TimeCell(bucket.due_time()) : TableCell("-", ""), KebabName(bucket.category()),
                               CountCell(bucket.rows()), CountCell(bucket.values())};
    if (request.with_holds()) row.push_back(CountCell(bucket.values_held()));
    table.AddRow(std::move(row));
  }
  session.Print(all, table);
  if (session.format() != OutputFormat::kTable) return;
  for (const v1::LogExtension& extension : all.log_extensions()) {
    session.out() << "Logs of " << KebabName(extension.server()) << " are kept longer, until "
                  << ReadableDate(extension.until()) << "\n";
  }
}

void Sweep(CommandSession& session) {
  session.Progress("sweeping ...");
  const auto response = session.Expect(session.MakeClient(kSweepTimeout).Sweep(v1::SweepRequest()));
  session.Progress("");
  if (!response) return;
  OutputTable table({{"CATEGORY", "category"}, {"VALUES ERASED", "values", true}});
  for (const auto& erased : response->erased()) {
    table.AddRow({KebabName(erased.category()), CountCell(erased.values())});
  }
  if (session.format() != OutputFormat::kTable || !table.empty()) session.Print(*response, table);
  if (session.format() == OutputFormat::kTable) {
    session.out() << "Days destroyed: " << response->days_destroyed()
                  << ", cohorts released: " << response->cohorts_released()
                  << ", meetings whose files ended: " << response->meetings_files_ended() << "\n";
  }
}

OutputTable ClockTable(const google::protobuf::Timestamp& now) {
  OutputTable table({TableColumn{"NOW (UTC)", "now"}});
  table.AddRow(std::vector{TimeCell(now)});
  return table;
}

void AddClockCommands(Command root, CommandSession& session) {
  const Command clock = root.AddNoun("clock", "The time it is for the engine");
  clock.AddVerb("show", "The engine's clock and the machine's, and whether they agree").SetAction([&session] {
    const auto response = session.Expect(session.MakeClient().GetClock(v1::GetClockRequest()));
    if (!response) return;
    OutputTable table({{"NOW (UTC)", "now"},
                       {"MACHINE (UTC)", "machine_time"},
                       {"CLOCK", "kind"},
                       {"VOUCHED FOR", "is_vouched_for"},
                       {"WAITS FOR CONFIRMATION", "waits_for_confirmation"}});
    table.AddRow({TimeCell(response->now()), TimeCell(response->machine_time()), KebabName(response->kind()),
                  YesOrNo(response->is_vouched_for()), YesOrNo(response->waits_for_confirmation())});
    session.Print(*response, table);
  });
  const Command confirm = clock.AddVerb(
      "confirm", "Says that the machine's clock is right. What is due by it is destroyed, and cannot be brought back");
  auto instant = std::make_shared<std::string>();
  confirm.AddOption("INSTANT", *instant, "The time it is, within 5 minutes, by another clock")
      .Required()
      .Check([](const std::string& text) { return std::string(ParseTime(text).status().message()); });
  confirm.SetFooter("Example:\n  retentionctl clock confirm 2026-03-31T09:00:00Z");
  SetFinalAction(confirm, session, [=, &session] {
    v1::ConfirmClockRequest request;
    *request.mutable_instant() = ToTimestamp(ValueOrUsageError(ParseTime(*instant), "INSTANT"));
    const auto response = session.Expect(session.MakeClient(kSweepTimeout).ConfirmClock(request));
    if (!response) return;
    OutputTable table({TableColumn{"NOW (UTC)", "now"}, TableColumn{"BEFORE (UTC)", "previous"}});
    table.AddRow({TimeCell(response->now()), TimeCell(response->previous())});
    session.Print(*response, table);
  });
  const Command advance = clock.AddVerb("advance", "Moves a simulated clock forward, at most 10 years; never back");
  auto by = std::make_shared<std::string>();
  auto to = std::make_shared<std::string>();
  const OptionGroup target = advance.AddChoice("target", "Exactly one");
  target.AddOption("--by", *by, "How far, as 1d or 36h");
  target.AddOption("--to", *to, "The new time, as 2026-03-31T09:00:00Z");
  advance.SetFooter("Example:\n  retentionctl clock advance --by 1d");
  advance.SetAction([=, &session] {
    v1::AdvanceClockRequest request;
    if (!by->empty()) {
      *request.mutable_by() = ToProtoDuration(ValueOrUsageError(ParseLength(*by), "--by"));
    } else {
      *request.mutable_to() = ToTimestamp(ValueOrUsageError(ParseTime(*to), "--to"));
    }
    const auto response = session.Expect(session.MakeClient().AdvanceClock(request));
    if (response) session.Print(*response, ClockTable(response->now()));
  });
}

}  // namespace

void AddRetentionCommands(Command root, CommandSession& session) {
  const Command due = root.AddNoun("due", "What falls due when");
  const Command list = due.AddVerb("list", "Everything that is held, by its last day and category");
  auto from = std::make_shared<std::string>();
  auto to = std::make_shared<std::string>();
  auto categories = std::make_shared<std::vector<std::string>>();
  list.AddOption("--from", *from, "Only what is due on this day or later");
  list.AddOption("--to", *to, "Only what is due on this day or earlier");
  auto pbx = std::make_shared<std::string>();
  auto controller = std::make_shared<std::string>();
  const Option of_pbx = list.AddOption("--pbx", *pbx, "Only what belongs to this PBX");
  list.AddOption("--controller", *controller, "Only what belongs to PBXs of this controller").Excludes(of_pbx);
  auto holds = std::make_shared<bool>(false);
  list.AddFlag("--holds", *holds, "With --pbx or --controller: also how much of it holds would keep");
  list.AddOption("--category", *categories, "Only these categories, as participant-name,recording").SeparatedBy(',');
  list.SetFooter(
      "Example:\n  retentionctl due list --to 2026-03-31 --category participant-ip,participant-email\n"
      "  retentionctl due list --pbx pbx-17");
  list.SetAction([=, &session] {
    v1::ListDueDaysRequest request;
    if (!from->empty()) *request.mutable_first_day() = ValueOrUsageError(ParseDate(*from), "--from");
    if (!to->empty()) *request.mutable_last_day() = ValueOrUsageError(ParseDate(*to), "--to");
    for (const auto& name : *categories) request.add_categories(ParseCategory(name));
    request.set_pbx_id(*pbx);
    request.set_controller_id(*controller);
    request.set_with_holds(*holds);
    ListDueDays(session, request);
  });

  const Command sweep = root.AddNoun("sweep", "The execution of what is due");
  sweep.AddVerb("run", "Does everything that is due now, as the server also does by itself").SetAction([&session] {
    Sweep(session);
  });
  AddClockCommands(root, session);
}

}  // namespace retention
