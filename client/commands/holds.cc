// holds create | list | show | export | update | release
#include <google/protobuf/util/json_util.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/confirmation.h"
#include "client/commands/enum_names.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "retention/v1/category.pb.h"
#include "retention/v1/hold_service.pb.h"

namespace retention {
namespace {

constexpr int kHoldsPerPage = 1000;

std::string ScopeText(const v1::HoldScope& scope) {
  const auto extension = [](const v1::HoldExtension& named) {
    return absl::StrCat("extension ", named.number(), " of PBX ", named.pbx_id());
  };
  const v1::HoldSubject& subject = scope.subject();
  switch (scope.scope_case()) {
    case v1::HoldScope::kControllerId:
      return absl::StrCat("controller ", scope.controller_id());
    case v1::HoldScope::kPbxId:
      return absl::StrCat("PBX ", scope.pbx_id());
    case v1::HoldScope::kMeeting:
      return absl::StrCat("meeting ", scope.meeting().meeting_id(), " of PBX ", scope.meeting().pbx_id());
    case v1::HoldScope::kExtension:
      return extension(scope.extension());
    case v1::HoldScope::kSubject:
      if (subject.has_email()) return absl::StrCat(subject.email(), " at controller ", subject.controller_id());
      if (subject.has_extension()) return absl::StrCat("user of ", extension(subject.extension()));
      return absl::StrCat("\"", subject.display_name().name(), "\" in meeting ", subject.display_name().meeting_id(),
                          " of PBX ", subject.display_name().pbx_id());
    default:
      return "";
  }
}

OutputTable TableOf(const google::protobuf::RepeatedPtrField<v1::Hold>& holds) {
  OutputTable table({{"HOLD", "hold_id"},
                     {"COVERS", "scope"},
                     {"BASIS", "basis"},
                     {"OWNER", "owner"},
                     {"REVIEW", "review_date"},
                     {"LAST DAY", "end_date"},
                     {"REASON", "reason"},
                     {"IN THE LEDGER", "ledger_id"}});
  for (const auto& hold : holds) {
    table.AddRow({hold.hold_id(), ScopeText(hold.scope()), KebabName(hold.basis()), hold.owner(),
                  ReadableDate(hold.review_date()), ReadableDate(hold.end_date()), hold.reason(), hold.ledger_id()});
  }
  return table;
}

OutputTable TableOf(const v1::Hold& hold) {
  google::protobuf::RepeatedPtrField<v1::Hold> one;
  *one.Add() = hold;
  return TableOf(one);
}

// What a command line says about a hold.
struct HoldArguments {
  std::string id;
  std::string controller;
  std::string pbx;
  std::string meeting;
  std::string extension;
  std::string email;
  std::string name;
  bool user = false;
  std::string basis;
  std::string owner;
  std::string reason;
  std::string review;
  std::string end;
};

// The scope that the options name; which go together was checked by the command line.
v1::HoldScope ScopeOf(const HoldArguments& arguments) {
  v1::HoldScope scope;
  const auto set_extension = [&](v1::HoldExtension& extension) {
    extension.set_pbx_id(arguments.pbx);
    extension.set_number(arguments.extension);
  };
  if (!arguments.email.empty()) {
    scope.mutable_subject()->set_email(arguments.email);
    scope.mutable_subject()->set_controller_id(arguments.controller);
  } else if (!arguments.controller.empty()) {
    scope.set_controller_id(arguments.controller);
  } else if (!arguments.name.empty()) {
    v1::HoldDisplayName& name = *scope.mutable_subject()->mutable_display_name();
    name.set_pbx_id(arguments.pbx);
    name.set_meeting_id(arguments.meeting);
    name.set_name(arguments.name);
  } else if (!arguments.meeting.empty()) {
    scope.mutable_meeting()->set_pbx_id(arguments.pbx);
    scope.mutable_meeting()->set_meeting_id(arguments.meeting);
  } else if (!arguments.extension.empty()) {
    set_extension(arguments.user ? *scope.mutable_subject()->mutable_extension() : *scope.mutable_extension());
  } else {
    scope.set_pbx_id(arguments.pbx);
  }
  return scope;
}

void Create(CommandSession& session, const HoldArguments& arguments) {
  v1::CreateHoldRequest request;
  v1::Hold& hold = *request.mutable_hold();
  hold.set_hold_id(arguments.id);
  *hold.mutable_scope() = ScopeOf(arguments);
  hold.set_basis(ValueNamed<v1::HoldBasis>(arguments.basis));
  hold.set_owner(arguments.owner);
  hold.set_reason(arguments.reason);
  *hold.mutable_review_date() = ValueOrUsageError(ParseDate(arguments.review), "--review");
  *hold.mutable_end_date() = ValueOrUsageError(ParseDate(arguments.end), "--end");
  const auto response = session.Expect(session.MakeClient().CreateHold(request));
  if (response) session.Print(*response, TableOf(response->hold()));
}

void List(CommandSession& session, bool review_due) {
  v1::ListHoldsRequest request;
  request.set_review_due(review_due);
  request.set_page_size(kHoldsPerPage);
  const auto all = session.ExpectPages(&Client::ListHolds, request);
  if (!all) return;
  session.Print(*all, TableOf(all->holds()));
}

void Show(CommandSession& session, const std::string& id) {
  v1::GetHoldRequest request;
  request.set_hold_id(id);
  const auto response = session.Expect(session.MakeClient().GetHold(request));
  if (!response) return;
  if (session.format() == OutputFormat::kTable) TableOf(response->hold()).PrintAligned(session.out());
  if (session.format() == OutputFormat::kTable) session.out() << "\nKept beyond its end:\n";
  OutputTable kept({{"CATEGORY", "category"}, {"ROWS STORED", "rows_stored", true}, {"VALUES", "values", true}});
  for (const v1::HeldCount& count : response->kept()) {
    kept.AddRow({KebabName(count.category()), absl::StrCat(count.rows()), absl::StrCat(count.values())});
  }
  session.Print(*response, kept);
}

// JSON lines, a HeldValue each, as they come.
void Export(CommandSession& session, const std::string& id) {
  v1::ExportHoldRequest request;
  request.set_hold_id(id);
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  const Client client = session.MakeClient();
  uint64_t damaged = 0;
  do {
    const auto page = session.Expect(client.ExportHold(request));
    if (!page) return;
    for (const v1::HeldValue& value : page->values()) {
      std::string line;
      if (!google::protobuf::util::MessageToJsonString(value, &line, options).ok()) {
        return session.Fail("a value cannot be written as JSON");
      }
      session.out() << line << "\n";
    }
    damaged += page->damaged_rows();
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  if (damaged > 0) session.Fail(absl::StrCat(damaged, " stored rows are damaged, and left out"));
}

void ListReleased(CommandSession& session) {
  v1::ListReleasedHoldsRequest request;
  request.set_page_size(kHoldsPerPage);
  const auto all = session.ExpectPages(&Client::ListReleasedHolds, request);
  if (!all) return;
  OutputTable table({{"IN THE LEDGER", "ledger_id"},
                     {"COVERED", "scope_kind"},
                     {"BASIS", "basis"},
                     {"PLACED (UTC)", "create_time"},
                     {"UNTIL (UTC)", "release_time"},
                     {"LAST DAY", "end_date"},
                     {"", "released"}});
  for (const v1::ReleasedHold& hold : all->holds()) {
    table.AddRow({hold.ledger_id(), std::string(absl::StripSuffix(hold.scope_kind(), "_id")), KebabName(hold.basis()),
                  TimeCell(hold.create_time()), TimeCell(hold.release_time()), ReadableDate(hold.end_date()),
                  TableCell(hold.released() ? "released" : "over", hold.released() ? "true" : "false")});
  }
  session.Print(*all, table);
}

void Update(CommandSession& session, const HoldArguments& arguments) {
  v1::UpdateHoldRequest request;
  request.set_hold_id(arguments.id);
  if (!arguments.basis.empty()) request.set_basis(ValueNamed<v1::HoldBasis>(arguments.basis));
  request.set_owner(arguments.owner);
  request.set_reason(arguments.reason);
  if (!arguments.review.empty()) {
    *request.mutable_review_date() = ValueOrUsageError(ParseDate(arguments.review), "--review");
  }
  if (!arguments.end.empty()) *request.mutable_end_date() = ValueOrUsageError(ParseDate(arguments.end), "--end");
  const auto response = session.Expect(session.MakeClient().UpdateHold(request));
  if (response) session.Print(*response, TableOf(response->hold()));
}

void Release(CommandSession& session, const std::string& id) {
  v1::ReleaseHoldRequest request;
  request.set_hold_id(id);
  const auto response = session.Expect(session.MakeClient().ReleaseHold(request));
  if (!response) return;
  OutputTable table({{"VALUES ERASED", "values_erased", true}});
  table.AddRow({CountCell(response->values_erased())});
  session.Print(*response, table);
}

}  // namespace

void AddHoldCommands(Command root, CommandSession& session) {
  const Command holds = root.AddNoun("holds", "Holds: justified, time-limited stops of deletion");
  auto arguments = std::make_shared<HoldArguments>();
  const auto add_terms = [&](Command command, bool required) {
    command.AddOption("HOLD", arguments->id, "Its identifier: a-z, 0-9 and -").Required();
    command.AddOption("--basis", arguments->basis, "What entitles to it")
        .OneOf(KebabNames<v1::HoldBasis>())
        .Required(required);
    command.AddOption("--owner", arguments->owner, "Who answers for it").Required(required);
    command.AddOption("--reason", arguments->reason, "Why").Required(required);
    command.AddOption("--review", arguments->review, "The day on which to look at it again").Required(required);
    command.AddOption("--end", arguments->end, "The last day on which it is in force; at most 30 years ahead")
        .Required(required);
  };

  const Command create = holds.AddVerb("create", "Places a hold");
  add_terms(create, true);
  const OptionGroup whose = create.AddChoice("Scope");
  const Option controller = whose.AddOption("--controller", arguments->controller, "All PBXs of a controller");
  const Option pbx = whose.AddOption("--pbx", arguments->pbx, "A PBX");
  const Option meeting = create.AddOption("--meeting", arguments->meeting, "One meeting").Needs(pbx);
  const Option extension =
      create.AddOption("--extension", arguments->extension, "One extension").Needs(pbx).Excludes(meeting);
  create.AddFlag("--user", arguments->user, "The person who uses the extension").Needs(extension);
  create.AddOption("--email", arguments->email, "The person with this address").Needs(controller);
  create.AddOption("--name", arguments->name, "The person with this display name").Needs(meeting);
  create.SetFooter(
      "What it covers outlives its day, a deletion and the end of its PBX, unseen, until the hold is released or "
      "ends.\n"
      "\n"
      "Example:\n"
      "  retentionctl holds create case-2026-17 --pbx pbx-1 --meeting m-42 --basis legal-claims --owner \"Legal\"\n"
      "      --reason \"claim announced\" --review 2026-06-30 --end 2026-12-31");
  create.SetAction([=, &session] { Create(session, *arguments); });

  const Command list = holds.AddVerb("list", "The holds in force");
  auto review_due = std::make_shared<bool>(false);
  const Option review = list.AddFlag("--review-due", *review_due, "Only those that somebody must look at");
  auto released = std::make_shared<bool>(false);
  list.AddFlag("--released", *released, "Those that are not in force any more, without names").Excludes(review);
  list.SetAction([=, &session] { *released ? ListReleased(session) : List(session, *review_due); });

  const Command show = holds.AddVerb("show", "A hold, and what it keeps beyond its end");
  show.AddOption("HOLD", arguments->id, "Its identifier").Required();
  show.SetAction([=, &session] { Show(session, arguments->id); });

  const Command hand_over = holds.AddVerb("export", "What a hold keeps beyond its end, value by value, as JSON lines");
  hand_over.AddOption("HOLD", arguments->id, "Its identifier").Required();
  hand_over.SetFooter(
      "For the rights desk and auditors; it is entered that it was read. Each line is a HeldValue: category, whose it "
      "is, "
      "when it was due, and what it says.\n"
      "\n"
      "Example:\n"
      "  retentionctl holds export case-2026-17 > case-2026-17.jsonl");
  hand_over.SetAction([=, &session] { Export(session, arguments->id); });

  const Command update = holds.AddVerb("update", "Changes a hold's justification or dates");
  add_terms(update, false);
  update.SetAction([=, &session] { Update(session, *arguments); });

  const Command release = holds.AddVerb("release", "Ends a hold; what only it kept is erased");
  release.AddOption("HOLD", arguments->id, "Its identifier").Required();
  SetFinalAction(release, session, [=, &session] { Release(session, arguments->id); });
}

}  // namespace retention
