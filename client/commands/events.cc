// events send | import; events simulate is in simulate.cc
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/event_json.h"
#include "client/commands/event_upload.h"
#include "client/commands/json_lines.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "client/importers/meeting_import.h"
#include "client/status_details.h"
#include "retention/v1/event.pb.h"
#include "retention/v1/pbx_service.pb.h"

namespace retention {
namespace {

// A line holds one event; a batch is at most 4 MiB.
constexpr size_t kLineBytesMax = 4 << 20;
// A recording is read as a whole.
constexpr uint64_t kImportBytesMax = 256 << 20;

void SendLines(CommandSession& session, const std::string& name, std::istream& input) {
  std::mutex lines_mutex;
  std::vector<uint64_t> lines;  // Of each event that was sent.
  EventUpload upload(session, [&](uint64_t event) {
    std::lock_guard lock(lines_mutex);
    return absl::StrCat(name, ":", lines[event]);
  });
  LineFaults faults(session);
  TakeLines(name, input, kLineBytesMax, faults, [&](uint64_t line, const std::string& text) -> LineTaken {
    v1::Event event;
    EventLineFault fault = ParseEventLine(text, &event);
    if (!fault.description.empty()) return {.fault = std::move(fault)};
    {
      std::lock_guard lock(lines_mutex);
      lines.push_back(line);
    }
    return {.fault = {}, .goes_on = upload.Add(std::move(event)).ok()};
  });
  faults.Finish();
  upload.Finish(faults.count());
}

void Send(CommandSession& session, const std::string& file) {
  session.ReadInput(file, [&](std::istream& input) { SendLines(session, CommandSession::NameOf(file), input); });
}

struct ImportCommand {
  std::string file;
  std::string format;
  std::string controller = "imported";
  std::string shift_to;
  bool sync_pbx = false;
  bool dry_run = false;
  ImportOptions options;
};

// Makes sure that the PBX and the owner's extension are known, leaving what is held of them as it is.
absl::Status EnsurePbx(const Client& client, const ImportCommand& command) {
  v1::GetPbxRequest get;
  get.set_pbx_id(command.options.pbx_id);
  const auto held = client.GetPbx(get);
  if (!held.ok() && held.status().code() != absl::StatusCode::kNotFound) return held.status();
  v1::SyncPbxRequest sync;
  sync.set_pbx_id(command.options.pbx_id);
  sync.set_controller_id(command.controller);
  bool known = command.options.owner_extension.empty();
  if (held.ok()) {
    sync.set_controller_id(held->pbx().controller_id());
    *sync.mutable_profile() = held->pbx().profile();
    *sync.mutable_extensions() = held->pbx().extensions();
    for (const auto& extension : held->pbx().extensions()) {
      known = known || extension.number() == command.options.owner_extension;
    }
    if (known) return absl::OkStatus();
  }
  if (!known) sync.add_extensions()->set_number(command.options.owner_extension);
  return client.SyncPbx(sync).status();
}

void PrintEvents(CommandSession& session, const ImportedEvents& imported) {
  if (session.format() == OutputFormat::kJson) {
    for (const auto& event : imported.events) session.out() << EventLine(event) << "\n";
    return;
  }
  OutputTable table({{"TIME (UTC)", "time"}, {"MEETING", "meeting_id"}, {"WHAT", "payload"}});
  for (const auto& event : imported.events) {
    const auto* payload =
        event.GetReflection()->GetOneofFieldDescriptor(event, v1::Event::descriptor()->FindOneofByName("payload"));
    table.AddRow({TimeCell(event.time()), event.meeting_id(), payload->name()});
  }
  session.Print(v1::Event(), table);
}

void SayWhatWasLeftOut(CommandSession& session, const ImportedEvents& imported) {
  if (imported.not_imported.empty() || session.format() != OutputFormat::kTable) return;
  OutputTable table({{"NOT IMPORTED", ""}, {"COUNT", "", true}});
  for (const auto& [kind, count] : imported.not_imported) table.AddRow({kind, absl::StrCat(count)});
  session.out() << "\n";
  table.PrintAligned(session.out());
}

void NameLinesLeftOut(CommandSession& session, const std::string& file, const ImportedEvents& imported) {
  const std::string name = CommandSession::NameOf(file);
  LineFaults faults(session);
  for (const LeftOutLine& line : imported.left_out) {
    faults.Add(
        absl::StrCat(DescribeFault(name, static_cast<uint64_t>(line.line), {line.field, line.reason}), "; left out"));
  }
  faults.Finish();
}

void Import(CommandSession& session, ImportCommand command) {
  if (!command.shift_to.empty()) {
    command.options.shift_to = ValueOrUsageError(ParseTime(command.shift_to), "--shift-to");
  }
  const auto& formats = ImportFormats();
  const auto format =
      std::find_if(formats.begin(), formats.end(), [&](const ImportFormat& one) { return one.name == command.format; });
  const std::string name = CommandSession::NameOf(command.file);
  absl::StatusOr<ImportedEvents> imported;
  const bool is_whole = session.ReadInput(
      command.file, kImportBytesMax, [&](std::istream& input) { imported = format->import(input, command.options); });
  if (!is_whole) return;
  if (!imported.ok()) return session.Fail(absl::StrCat(name, ":", imported.status().message()));
  if (command.dry_run) {
    PrintEvents(session, *imported);
    SayWhatWasLeftOut(session, *imported);
    return NameLinesLeftOut(session, command.file, *imported);
  }
  if (command.sync_pbx) {
    if (const absl::Status status = EnsurePbx(session.MakeClient(), command); !status.ok()) return session.Fail(status);
  }
  EventUpload upload(session, [&](uint64_t event) { return absl::StrCat(name, ": event ", event + 1); });
  for (const auto& event : imported->events) {
    if (!upload.Add(event).ok()) break;
  }
  upload.Finish();
  SayWhatWasLeftOut(session, *imported);
  NameLinesLeftOut(session, command.file, *imported);
}

void AddImportCommand(Command events, CommandSession& session) {
  const Command import = events.AddVerb("import", "Sends meetings that another platform recorded");
  auto command = std::make_shared<ImportCommand>();
  import.AddOption("FILE", command->file, "The recording, of at most 256 MiB; - is standard input").Required();
  std::vector<std::string> formats;
  std::string listed = "Formats:\n";
  for (const ImportFormat& format : ImportFormats()) {
    formats.push_back(format.name);
    absl::StrAppend(&listed, "  ", format.name, ": ", format.description, "\n");
  }
  import.AddOption("--format", command->format, "What the file is; see below").OneOf(formats).Required();
  import.AddOption("--pbx", command->options.pbx_id, "PBX that the meeting is put under").ShowDefault();
  import.AddOption("--meeting", command->options.meeting_id, "Identifier of the meeting, instead of the recorded one");
  import.AddOption("--owner-extension", command->options.owner_extension,
                   "Extension that organises the meeting and owns its polls; without one, polls are left out");
  import.AddFlag("--sync-pbx", command->sync_pbx,
                 "First make the PBX and the owner's extension known, if they are not");
  import.AddOption("--controller", command->controller, "Controller of a PBX that --sync-pbx makes known")
      .ShowDefault();
  import.AddFlag("--protocolled", command->options.protocolled,
                 "Import as announced as protocolled; only then public chat is taken over");
  import.AddOption("--shift-to", command->shift_to, "Moves the meeting in time: its first event happens then");
  import.AddFlag("--dry-run", command->dry_run, "Send nothing, show the events; with -o json as lines for events send");
  import.SetFooter(absl::StrCat(
      listed,
      "\n"
      "Audio, video, file names and private chat are never taken over. Importing twice changes nothing, nor do\n"
      "parts of a log that overlap. A line that cannot be taken is named as file:line:field and left out; the rest is\n"
      "sent, and the exit code is 1. What maps to what, and what is left out: docs/importers.md.\n"
      "\n"
      "Examples:\n"
      "  retentionctl events import --format bigbluebutton-webhooks --sync-pbx --owner-extension 1001 webhooks.ndjson\n"
      "  retentionctl -o json events import --format bigbluebutton-xml --shift-to 2026-03-31T09:00:00Z --dry-run "
      "events.xml"));
  import.SetAction([=, &session] { Import(session, *command);
});
}  // namespace

}  // namespace retention

void AddEventCommands(Command root, CommandSession& session) {
  const Command events = root.AddNoun("events", "What happened on the platform");
  const Command send = events.AddVerb("send", "Sends events from a file of proto JSON, one event a line");
  auto file = std::make_shared<std::string>();
  send.AddOption("FILE", *file, "Lines of retention.v1.Event as JSON, each at most 4 MiB; - is standard input")
      .Required();
  send.SetFooter(
      "A line that is not an event is named as file:line:field and left out; the rest is sent, and the exit code is "
      "1.\n"
      "Sending twice changes nothing: an event is known by its event_id.\n"
      "\n"
      "Example of a line:\n"
      "  {\"event_id\": \"e1\", \"pbx_id\": \"pbx-1\", \"meeting_id\": \"m1\", \"time\": \"2026-03-31T09:00:00Z\", "
      "\"meeting_started\": {}}");
  send.SetAction([=, &session] { Send(session, *file); });
  AddImportCommand(events, session);
  AddSimulateCommand(events, session);
}

}  // namespace retention
