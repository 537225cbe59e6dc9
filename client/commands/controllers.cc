// controllers apply | get | list | delete
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/confirmation.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "client/status_details.h"
#include "retention/v1/controller_service.pb.h"

namespace retention {
namespace {

constexpr int kControllersPerPage = 100;
constexpr char kUnchanged[] = "unchanged";
constexpr char kUpdated[] = "updated";

// The first error of the text parser.
class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text.empty()) text = absl::StrCat(line + 1, ":", column + 1, ": ", message);
  }
  std::string text;
};

std::optional<v1::ControllerFile> ReadControllerFile(CommandSession& session, const std::string& file) {
  const auto text = session.ReadWholeInput(file);
  if (!text) return std::nullopt;
  v1::ControllerFile controllers;
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  const std::string name = CommandSession::NameOf(file);
  if (!parser.ParseFromString(*text, &controllers)) {
    session.Fail(absl::StrCat(name, ":", error.text.empty() ? " not controllers in protobuf text format" : error.text));
    return std::nullopt;
  }
  std::set<std::string> ids;
  for (const v1::Controller& controller : controllers.controllers()) {
    if (ids.insert(controller.controller_id()).second) continue;
    session.Fail(absl::StrCat(name, ": ", controller.controller_id(), " is there twice"));
    return std::nullopt;
  }
  if (ids.empty()) session.Fail(absl::StrCat(name, ": no controllers"));
  return ids.empty() ? std::nullopt : std::make_optional(std::move(controllers));
}

// What becomes, or became, of a controller.
struct Applied {
  const char* how;
  v1::Controller controller;
};

v1::Controller WithoutOutput(v1::Controller controller) {
  controller.clear_create_time();
  controller.clear_update_time();
  controller.clear_ledger_id();
  controller.clear_pbx_count();
  return controller;
}

absl::StatusOr<Applied> Apply(const Client& client, const v1::Controller& controller, bool validate_only) {
  v1::GetControllerRequest get;
  get.set_controller_id(controller.controller_id());
  const auto held = client.GetController(get);
  if (held.ok()) {
    const v1::Controller is = WithoutOutput(held->controller());
    if (is.SerializeAsString() == WithoutOutput(controller).SerializeAsString()) {
      return Applied{kUnchanged, held->controller()};
    }
    v1::UpdateControllerRequest update;
    *update.mutable_controller() = controller;
    update.set_validate_only(validate_only);
    const auto updated = client.UpdateController(update);
    if (!updated.ok()) return updated.status();
    return Applied{kUpdated, updated->controller()};
  }
  // Of an identifier that is none the server says so with all else that is wrong.
  const std::string reason = DecodeErrorDetails(held.status()).reason;
  if (reason != "CONTROLLER_UNKNOWN" && reason != "INVALID_FIELD") return held.status();
  v1::CreateControllerRequest create;
  *create.mutable_controller() = controller;
  create.set_validate_only(validate_only);
  const auto created = client.CreateController(create);
  if (!created.ok()) return created.status();
  return Applied{"new", created->controller()};
}

void ApplyFile(CommandSession& session, const std::string& file, bool dry_run) {
  const auto controllers = ReadControllerFile(session, file);
  if (!controllers) return;
  const Client client = session.MakeClient();
  OutputTable table({{"CONTROLLER", "controller_id"}, {"NAME", "name"}, {"RESULT", "result"}});
  v1::ControllerFile result;
  // All are tried before any is changed, so that a mistake in the last one changes nothing.
  bool replaces = false;
  for (const bool validate_only : {true, false}) {
    if (!validate_only && (dry_run || (replaces && !session.Confirm()))) break;
    for (const v1::Controller& controller : controllers->controllers()) {
      const auto applied = Apply(client, controller, validate_only);
      if (!applied.ok()) {
        session.err() << CommandSession::NameOf(file) << ": " << Printable(controller.controller_id()) << ":\n";
        return session.Fail(applied.status());
      }
      replaces |= std::string_view(applied->how) == kUpdated;
      if (validate_only != dry_run) continue;
      *result.add_controllers() = applied->controller;
      const bool would_be = dry_run && std::string_view(applied->how) != kUnchanged;
      table.AddRow({controller.controller_id(), controller.contact().name(),
                    TableCell(would_be ? absl::StrCat("would be ", applied->how) : applied->how, applied->how)});
    }
  }
  if (result.controllers_size() > 0) session.Print(result, table);
}

void GetOne(CommandSession& session, const std::string& id) {
  v1::GetControllerRequest request;
  request.set_controller_id(id);
  const auto response = session.Expect(session.MakeClient().GetController(request));
  if (!response) return;
  if (session.format() != OutputFormat::kTable) return session.PrintJson(response->controller());
  // As `apply` takes it.
  v1::ControllerFile file;
  *file.add_controllers() = WithoutOutput(response->controller());
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  std::string text;
  printer.PrintToString(file, &text);
  session.out() << text;
}

void ListAll(CommandSession& session) {
  v1::ListControllersRequest request;
  request.set_page_size(kControllersPerPage);
  const auto all = session.ExpectPages(&Client::ListControllers, request);
  if (!all) return;
  OutputTable table({{"CONTROLLER", "controller_id"},
                     {"NAME", "name"},
                     {"PBXS", "pbxs", true},
                     {"DESCRIBED (UTC)", "update_time"},
                     {"IN THE LEDGER", "ledger_id"}});
  for (const v1::Controller& controller : all->controllers()) {
    table.AddRow({controller.controller_id(), controller.contact().name(), CountCell(controller.pbx_count()),
                  TimeCell(controller.update_time()), controller.ledger_id()});
  }
  for (const v1::UndescribedController& controller : all->undescribed()) {
    table.AddRow({controller.controller_id(), TableCell("not described", ""), CountCell(controller.pbx_count()),
                  TextCell(""), TextCell("")});
  }
  session.Print(*all, table);
}

void DeleteOne(CommandSession& session, const std::string& id) {
  v1::DeleteControllerRequest request;
  request.set_controller_id(id);
  const auto response = session.Expect(session.MakeClient().DeleteController(request));
  if (!response) return;
  OutputTable table({{"CONTROLLER", "controller_id"}, {"RESULT", "result"}});
  table.AddRow({id, "deleted"});
  session.Print(*response, table);
}

}  // namespace

void AddControllerCommands(Command root, CommandSession& session) {
  const Command controllers =
      root.AddNoun("controllers", "Who answers for which PBXs, and what the notice says of them");
  auto file = std::make_shared<std::string>();
  auto dry_run = std::make_shared<bool>(false);
  const Command apply = controllers.AddVerb("apply", "Describes the controllers of a file, new ones and known ones");
  apply.AddOption("FILE", *file, "A ControllerFile in protobuf text format; `-` for standard input").Required();
  apply.AddFlag("--dry-run", *dry_run, "Check all of it, and change nothing");
  apply.AddFlag("--yes", session.is_confirmed, "Do not ask. What a description replaces is not to be had again");
  apply.SetFooter(
      "All are checked before the first one is changed. It asks if any is described otherwise already: what a file "
      "leaves out of a controller is taken away. Controllers that it leaves out stay.\n"
      "\n"
      "Example:\n"
      "  retentionctl controllers apply deploy/controllers.txtpb");
  apply.SetAction([=, &session] { ApplyFile(session, *file, *dry_run); });

  auto id = std::make_shared<std::string>();
  const Command get = controllers.AddVerb("get", "A controller, as `apply` takes it");
  get.AddOption("CONTROLLER", *id, "Its identifier").Required();
  get.SetAction([=, &session] { GetOne(session, *id); });

  const Command list = controllers.AddVerb("list", "All of them, and those that only PBXs name");
  list.SetAction([&session] { ListAll(session); });

  const Command remove = controllers.AddVerb("delete", "Takes away the description of one that no PBX names");
  remove.AddOption("CONTROLLER", *id, "Its identifier").Required();
  SetFinalAction(remove, session, [=, &session] { DeleteOne(session, *id); });
}

}  // namespace retention
