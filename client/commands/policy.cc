// policy show | plan | apply
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/confirmation.h"
#include "client/commands/enum_names.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "retention/v1/category.pb.h"
#include "retention/v1/policy.pb.h"
#include "retention/v1/retention_service.pb.h"

namespace retention {
namespace {

// A plan looks at all that is held, and so does an application again.
constexpr absl::Duration kPlanTimeout = absl::Minutes(10);
constexpr absl::Duration kRefileInterval = absl::Seconds(1);

std::string StartingPointName(v1::StartingPoint point) {
  const std::string name = KebabName(point);
  return name == "none" ? "a trigger only" : name;
}

std::string ReadablePeriod(const v1::Period& period) {
  switch (period.length_case()) {
    case v1::Period::kDays:
      return absl::StrCat(period.days(), period.days() == 1 ? " day" : " days");
    case v1::Period::kMonths:
      return absl::StrCat(period.months(), period.months() == 1 ? " month" : " months");
    case v1::Period::kImmediately:
      return "at once";
    case v1::Period::LENGTH_NOT_SET:
      return "-";
  }
  return "-";
}

void ShowPolicy(CommandSession& session, uint32_t version) {
  v1::GetPolicyRequest request;
  request.set_version(version);
  const auto response = session.Expect(session.MakeClient().GetPolicy(request));
  if (!response) return;
  const v1::Policy& policy = response->policy();
  OutputTable table({{"CATEGORY", "category"},
                     {"FROM", "starting_point"},
                     {"PERIOD", "period"},
                     {"THEN", "action"},
                     {"ANONYMISED FORM", "anonymised_period"},
                     {"ERASURE ORDER", "erasure_order"},
                     {"ENDS WITH PBX", "ends_with_pbx"}});
  for (const auto& rule : policy.rules()) {
    table.AddRow({KebabName(rule.category()), StartingPointName(rule.starting_point()), ReadablePeriod(rule.period()),
                  KebabName(rule.action()),
                  rule.has_anonymised_period() ? ReadablePeriod(rule.anonymised_period()) : "-",
                  rule.erasure_order() ? "yes" : "no", rule.ends_with_pbx() ? "yes" : "no"});
  }
  if (session.format() == OutputFormat::kTable) {
    session.out() << "Policy version " << policy.version();
    if (response->has_in_force_since()) {
      session.out() << ", in force since " << ReadableTime(response->in_force_since()) << " (UTC)";
    }
    session.out() << ", civil days of " << policy.time_zone() << ", an unreported end is presumed after "
                  << ReadableLength(FromProtoDuration(policy.cut().presumed_end_after())) << "\n"
                  << "One meeting: back within " << ReadableLength(FromProtoDuration(policy.cut().reopen_within()))
                  << ", at most " << ReadableLength(FromProtoDuration(policy.cut().early_within())) << " early and "
                  << ReadableLength(FromProtoDuration(policy.cut().late_within())) << " late, no longer than "
                  << ReadableLength(FromProtoDuration(policy.cut().longest_sitting())) << "; a refresh takes "
                  << ReadableLength(FromProtoDuration(policy.cut().refresh_within())) << "\n";
    if (response->has_refile()) {
      session.out() << "What was held is being filed under it: looked at "
                    << ReadableCount(static_cast<int64_t>(response->refile().meetings_examined())) << " meetings and "
                    << ReadableCount(static_cast<int64_t>(response->refile().rows_examined())) << " other rows\n";
    }
    session.out() << "\n";
  }
  session.Print(*response, table);
}

std::string DescribeRule(const v1::DeletionRule& rule) {
  std::string described = ReadablePeriod(rule.period());
  absl::StrAppend(&described, " from ", StartingPointName(rule.starting_point()));
  if (rule.has_anonymised_period()) {
    absl::StrAppend(&described, ", anonymised form ", ReadablePeriod(rule.anonymised_period()));
  }
  if (rule.has_extended_period()) absl::StrAppend(&described, ", extended ", ReadablePeriod(rule.extended_period()));
  if (rule.erasure_order()) absl::StrAppend(&described, ", erasure order");
  return described;
}

void PrintPlanInWords(CommandSession& session, const v1::PlanPolicyResponse& plan) {
  std::ostream& out = session.out();
  out << "Policy version " << plan.new_version() << " after version " << plan.current_version() << "\n";
  for (const std::string& field : plan.changed_fields()) {
    if (field != "version" && field.rfind("rules", 0) != 0) out << "  changes " << field << "\n";
  }
  for (const auto& rule : plan.rules()) {
    out << "  " << KebabName(rule.after().category()) << ": " << DescribeRule(rule.before()) << " -> "
        << DescribeRule(rule.after()) << "\n";
  }
  const auto count = [&out](uint64_t number, const char* what) {
    if (number > 0) out << "  " << ReadableCount(static_cast<int64_t>(number)) << " " << what << "\n";
  };
  count(plan.cohorts_lost(), "cohorts will never be in statistics: their originals go before they are counted");
  count(plan.cubes_gone(), "released cohorts are gone at once");
  count(plan.pbxs_gone(), "PBXs end at once");
  count(plan.pbxs_earlier(), "PBXs end earlier if nothing is heard of them");
  count(plan.pbxs_later(), "PBXs end later if nothing is heard of them");
  out << "\n";
}

void PlanPolicy(CommandSession& session, const std::string& file) {
  v1::PlanPolicyRequest request;
  auto text = session.ReadWholeInput(file);
  if (!text) return;
  request.set_policy_text(*std::move(text));
  session.Progress("planning ...");
  const auto plan = session.Expect(session.MakeClient(kPlanTimeout).PlanPolicy(request));
  session.Progress("");
  if (!plan) return;
  OutputTable table({{"CATEGORY", "category"},
                     {"VALUES GONE AT ONCE", "gone_values", true},
                     {"EARLIER", "earlier_values", true},
                     {"LATER", "later_values", true},
                     {"", "gone_rows"},
                     {"", "earlier_rows"},
                     {"", "later_rows"},
                     {"", "plan_token"}});
  for (const auto& moves : plan->moves()) {
    table.AddRow({KebabName(moves.category()), CountCell(moves.gone().values()), CountCell(moves.earlier().values()),
                  CountCell(moves.later().values()), CountCell(moves.gone().rows()), CountCell(moves.earlier().rows()),
                  CountCell(moves.later().rows()), plan->plan_token()});
  }
  const bool in_words = session.format() == OutputFormat::kTable;
  if (in_words) PrintPlanInWords(session, *plan);
  if (!in_words || !table.empty()) session.Print(*plan, table);
  if (!in_words) return;
  session.out() << (table.empty() ? "Nothing that is held moves.\n" : "") << "\nTo apply it: retentionctl policy apply "
                << file << " --plan-token " << plan->plan_token() << "\n";
}

void ApplyPolicy(CommandSession& session, const std::string& file, const std::string& token) {
  v1::ApplyPolicyRequest request;
  auto text = session.ReadWholeInput(file);
  if (!text) return;
  request.set_policy_text(*std::move(text));
  request.set_plan_token(token);
  session.Progress("applying ...");
  const auto response = session.Expect(session.MakeClient(kPlanTimeout).ApplyPolicy(request));
  session.Progress("");
  if (!response) return;
  OutputTable table({{"VERSION", "version", true}, {"IN FORCE SINCE (UTC)", "in_force_since"}});
  table.AddRow({absl::StrCat(response->version()), TimeCell(response->in_force_since())});
  session.Print(*response, table);
}

// The server files what was held in the background.
void AwaitRefile(CommandSession& session) {
  const Client client = session.MakeClient();
  for (;;) {
    const auto response = session.Expect(client.GetPolicy(v1::GetPolicyRequest()));
    if (!response) return;
    if (!response->has_refile()) return session.Progress("");
    session.Progress(absl::StrCat(
        "filing: ", ReadableCount(static_cast<int64_t>(response->refile().meetings_examined())), " meetings and ",
        ReadableCount(static_cast<int64_t>(response->refile().rows_examined())), " other rows ..."));
    session.retry().sleep(kRefileInterval);
  }
}

}  // namespace

void AddPolicyCommands(Command root, CommandSession& session) {
  const Command policy = root.AddNoun("policy", "Which category lives how long");
  const Command show = policy.AddVerb("show", "The policy in force, and how far what was held is filed under it");
  auto version = std::make_shared<uint32_t>(0);
  show.AddOption("--version", *version, "An earlier version");
  show.SetAction([=, &session] { ShowPolicy(session, *version); });

  auto file = std::make_shared<std::string>();
  const Command plan = policy.AddVerb("plan", "What a new version would do to what is held; changes nothing");
  plan.AddOption("FILE", *file, "The policy, in protobuf text format; `-` for standard input").Required();
  plan.SetFooter("Example:\n  retentionctl policy plan policy-2.txtpb");
  plan.SetAction([=, &session] { PlanPolicy(session, *file); });

  const Command apply = policy.AddVerb("apply", "Puts a planned version into force");
  auto token = std::make_shared<std::string>();
  apply.AddOption("FILE", *file, "The policy that was planned").Required();
  apply.AddOption("--plan-token", *token, "As `policy plan` gave it").Required();
  apply.SetFooter("Example:\n  retentionctl policy apply policy-2.txtpb --plan-token 6f1d...");
  auto wait = std::make_shared<bool>(false);
  apply.AddFlag("--wait", *wait, "End when all that was held has been filed under it");
  SetFinalAction(apply, session, [=, &session] {
    ApplyPolicy(session, *file, *token);
    if (*wait && session.exit_code() == kExitOk) AwaitRefile(session);
  });
}

}  // namespace retention
