// pbxs sync | get | list | remove-extension | deregister | report-licence
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/confirmation.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "retention/v1/pbx_service.pb.h"

namespace retention {
namespace {

std::string OrNone(const std::string& text) { return text.empty() ? "-" : text; }

std::string WarningText(const v1::PbxWarning& warning) {
  const std::string cause = warning.cause() == v1::PBX_END_CAUSE_LICENCE_EXPIRED   ? "licence expires"
                            : warning.cause() == v1::PBX_END_CAUSE_FQDN_UNRESOLVED ? "name does not resolve"
                                                                                   : "no contact";
  return absl::StrCat(cause, ", ", ReadableTime(warning.end_time()));
}

struct SyncCommand {
  std::string file;
  bool dry_run = false;
  bool confirm_removals = false;
};

// A line has room for so many; CSV and JSON have all that the server names.
constexpr size_t kNumbersShown = 10;

TableCell NumbersCell(const v1::SyncPbxResponse& response) {
  std::vector<std::string> numbers(response.removed_numbers().begin(), response.removed_numbers().end());
  const std::string all = absl::StrJoin(numbers, " ");
  numbers.resize(std::min(numbers.size(), kNumbersShown));
  const size_t more = response.extensions_removed() - numbers.size();
  const std::string shown = absl::StrJoin(numbers, ", ");
  return TableCell(more > 0 ? absl::StrCat(shown, " and ", more, " more") : OrNone(shown), all);
}

void Sync(CommandSession& session, const SyncCommand& command) {
  const std::string& file = command.file;
  const auto json = session.ReadWholeInput(file);
  if (!json) return;
  v1::SyncPbxRequest request;
  if (!google::protobuf::util::JsonStringToMessage(*json, &request).ok()) {
    return session.Fail(
        absl::StrCat(CommandSession::NameOf(file), ": not a SyncPbxRequest in JSON; see pbxs sync --help"));
  }
  if (command.dry_run) request.set_validate_only(true);
  if (command.confirm_removals) request.set_confirm_removals(true);
  const auto response = session.Expect(session.MakeClient().SyncPbx(request));
  if (!response) return;
  const std::string result = response->created() ? "new" : "updated";
  OutputTable table({{"PBX", "pbx_id"},
                     {"RESULT", "created"},
                     {"EXTENSIONS", "extensions", true},
                     {"REMOVED", "extensions_removed", true},
                     {"NUMBERS", "removed_numbers"},
                     {"POLLS ERASED", "polls_erased", true},
                     {"PDFS ERASED", "pdfs_erased", true},
                     {"TO BE CONFIRMED", "removals_need_confirmation"}});
  const bool confirm = response->removals_need_confirmation();
  table.AddRow({request.pbx_id(),
                TableCell(request.validate_only() ? absl::StrCat("would be ", result) : result,
                          response->created() ? "true" : "false"),
                absl::StrCat(request.extensions_size()), absl::StrCat(response->extensions_removed()),
                NumbersCell(*response), absl::StrCat(response->polls_erased()), absl::StrCat(response->pdfs_erased()),
                TableCell(confirm ? "yes" : "no", confirm ? "true" : "false")});
  session.Print(*response, table);
}

void Get(CommandSession& session, const std::string& pbx_id) {
  v1::GetPbxRequest request;
  request.set_pbx_id(pbx_id);
  const auto response = session.Expect(session.MakeClient().GetPbx(request));
  if (!response) return;
  const v1::Pbx& pbx = response->pbx();
  if (session.format() == OutputFormat::kTable) {
    OutputTable heading({{"FIELD", ""}, {"VALUE", ""}});
    heading.AddRow({"PBX", pbx.pbx_id()});
    heading.AddRow({"controller", pbx.controller_id()});
    heading.AddRow({"IP", OrNone(pbx.profile().ip())});
    heading.AddRow({"FQDN", OrNone(pbx.profile().fqdn())});
    heading.AddRow({"WebMeeting FQDN", OrNone(pbx.profile().webmeeting_fqdn())});
    heading.AddRow({"licence key", OrNone(pbx.profile().licence_key())});
    heading.AddRow({"known since", ReadableTime(pbx.create_time())});
    heading.AddRow({"last synchronised", ReadableTime(pbx.sync_time())});
    heading.AddRow({"last contact", ReadableDate(pbx.contact_day())});
    if (pbx.has_licence_valid_until()) heading.AddRow({"licence until", ReadableTime(pbx.licence_valid_until())});
    if (pbx.unresolved_days() > 0) heading.AddRow({"days unresolved", absl::StrCat(pbx.unresolved_days())});
    for (const v1::PbxWarning& warning : pbx.warnings()) heading.AddRow({"ENDS SOON", WarningText(warning)});
    heading.PrintAligned(session.out());
    session.out() << "\n";
  }
  OutputTable table({{"EXTENSION", "number"},
                     {"FIRST NAME", "first_name"},
                     {"LAST NAME", "last_name"},
                     {"E-MAIL", "email"},
                     {"VANITY URL", "vanity_url_name"},
                     {"ID", "extension_id"}});
  for (const auto& extension : pbx.extensions()) {
    table.AddRow({extension.number(), TextCell(extension.first_name()), TextCell(extension.last_name()),
                  TextCell(extension.email()), TextCell(extension.vanity_url_name()),
                  TextCell(extension.extension_id())});
  }
  session.Print(pbx, table);
}

void List(CommandSession& session) {
  v1::ListPbxsRequest request;
  request.set_page_size(1000);
  const auto all = session.ExpectPages(&Client::ListPbxs, request);
  if (!all) return;
  OutputTable table({{"PBX", "pbx_id"},
                     {"CONTROLLER", "controller_id"},
                     {"FQDN", "fqdn"},
                     {"KNOWN SINCE (UTC)", "create_time"},
                     {"LAST SYNC (UTC)", "sync_time"},
                     {"ENDS SOON (UTC)", "warning"}});
  for (const auto& pbx : all->pbxs()) {
    table.AddRow({pbx.pbx_id(),
                  pbx.unreadable() ? TableCell("(damaged)", "") : TableCell(pbx.controller_id(), pbx.controller_id()),
                  TextCell(pbx.profile().fqdn()), TimeCell(pbx.create_time()), TimeCell(pbx.sync_time()),
                  TextCell(pbx.warnings_size() > 0 ? WarningText(pbx.warnings(0)) : std::string())});
  }
  session.Print(*all, table);
}

void RemoveExtension(CommandSession& session, const std::string& pbx_id, const std::string& number) {
  v1::RemoveExtensionRequest request;
  request.set_pbx_id(pbx_id);
  request.set_number(number);
  const auto response = session.Expect(session.MakeClient().RemoveExtension(request));
  if (!response) return;
  OutputTable table({{"PBX", "pbx_id"},
                     {"EXTENSION", "number"},
                     {"POLLS ERASED", "polls_erased", true},
                     {"PDFS ERASED", "pdfs_erased", true}});
  table.AddRow({pbx_id, number, absl::StrCat(response->polls_erased()), absl::StrCat(response->pdfs_erased())});
  session.Print(*response, table);
}

void Deregister(CommandSession& session, const std::string& pbx_id) {
  v1::DeregisterPbxRequest request;
  request.set_pbx_id(pbx_id);
  const auto response = session.Expect(session.MakeClient().DeregisterPbx(request));
  if (!response) return;
  OutputTable table({{"PBX", "pbx_id"}, {"VALUES ERASED", "values_erased", true}});
  table.AddRow({pbx_id, CountCell(response->values_erased())});
  session.Print(*response, table);
}

void ReportLicence(CommandSession& session, const v1::ReportLicenceRequest& request) {
  const auto response = session.Expect(session.MakeClient().ReportLicence(request));
  if (!response) return;
  OutputTable table({{"PBXS", "pbxs", true}, {"ENDED", "pbxs_ended", true}});
  table.AddRow({absl::StrCat(response->pbxs()), absl::StrCat(response->pbxs_ended())});
  session.Print(*response, table);
}

}  // namespace

void AddPbxCommands(Command root, CommandSession& session) {
  const Command pbxs = root.AddNoun("pbxs", "PBXs (tenants) and their extensions");
  auto text = [](Command command, const char* name, const char* description) {
    auto value = std::make_shared<std::string>();
    command.AddOption(name, *value, description).Required();
    return value;
  };

  const Command sync = pbxs.AddVerb("sync", "Takes in the data of a PBX; replaces what is held");
  auto to_sync = std::make_shared<SyncCommand>();
  sync.AddOption("FILE", to_sync->file, "SyncPbxRequest as JSON; - is standard input").Required();
  sync.AddFlag("--dry-run", to_sync->dry_run, "Change nothing, say what would be removed");
  sync.AddFlag("--confirm-removals", to_sync->confirm_removals,
               "Remove what is missing in FILE even if that is more than half of the extensions that are held");
  sync.SetFooter(
      "An extension that is missing in FILE has been removed: its polls end, and the PDFs of meetings it scheduled.\n"
      "Who has another number is known by \"extension_id\", else by \"email\", and keeps what is theirs.\n"
      "At most 10,000 extensions. If more than half of those that are held are missing, FILE is refused unless\n"
      "--confirm-removals is given; --dry-run says whether it is needed.\n"
      "\n"
      "Example of FILE:\n"
      "  {\"pbx_id\": \"pbx-1\", \"controller_id\": \"controller-1\",\n"
      "   \"profile\": {\"ip\": \"198.51.100.7\", \"fqdn\": \"pbx.nordlicht.example\"},\n"
      "   \"extensions\": [{\"number\": \"1001\", \"first_name\": \"Emma\", \"last_name\": \"Falkenstein\"}]}");
  sync.SetAction([=, &session] { Sync(session, *to_sync); });

  const Command get = pbxs.AddVerb("get", "One PBX with its extensions");
  auto get_pbx = text(get, "PBX", "Identifier of the PBX");
  get.SetAction([=, &session] { Get(session, *get_pbx); });

  pbxs.AddVerb("list", "All PBXs that are held").SetAction([&session] { List(session); });

  const Command remove = pbxs.AddVerb("remove-extension", "Removes an extension with what ends with it");
  auto remove_pbx = text(remove, "PBX", "Identifier of the PBX");
  auto number = text(remove, "EXTENSION", "Number of the extension");
  SetFinalAction(remove, session, [=, &session] { RemoveExtension(session, *remove_pbx, *number); });

  const Command deregister =
      pbxs.AddVerb("deregister", "Ends a PBX: everything that ends with it is unreadable at once");
  auto deregister_pbx = text(deregister, "PBX", "Identifier of the PBX");
  deregister.SetFooter("History and server logs stay until their days.");
  SetFinalAction(deregister, session, [=, &session] { Deregister(session, *deregister_pbx); });

  const Command licence = pbxs.AddVerb("report-licence", "Says what the ERP knows of a licence");
  auto key = text(licence, "KEY", "The licence key, as synchronised");
  auto until = std::make_shared<std::string>();
  licence.AddOption("--valid-until", *until, "When it runs out").Required().Check([](const std::string& text) {
    return std::string(ParseTime(text).status().message());
  });
  auto not_registered = std::make_shared<bool>();
  licence.AddFlag("--not-registered", *not_registered, "The ERP does not have the PBX registered: it ends at once");
  auto inactive = std::make_shared<bool>();
  licence.AddFlag("--inactive", *inactive, "The ERP does not have the PBX active: it ends at once");
  licence.SetFooter("A PBX whose licence runs out ends at that instant by itself.");
  SetFinalAction(licence, session, [=, &session] {
    v1::ReportLicenceRequest request;
    request.set_licence_key(*key);
    *request.mutable_valid_until() = ToTimestamp(ValueOrUsageError(ParseTime(*until), "--valid-until"));
    request.set_registered(!*not_registered);
    request.set_active(!*inactive);
    ReportLicence(session, request);
  });
}

}  // namespace retention
