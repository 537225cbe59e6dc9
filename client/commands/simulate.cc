// events simulate
#include <algorithm>
#include <fstream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/event_json.h"
#include "client/commands/event_upload.h"
#include "client/human_units.h"
#include "client/simulation/identities.h"
#include "client/simulation/simulated_platform.h"
#include "retention/v1/clock_service.pb.h"
#include "retention/v1/event.pb.h"

namespace retention {
namespace {

struct SimulateCommand {
  PlatformOptions platform;
  std::string start;
  std::string output;
  std::string identities;
  bool advance_clock = false;
};

bool OpenOutput(CommandSession& session, const std::string& file, std::ofstream& opened) {
  opened.open(file, std::ios::binary | std::ios::trunc);
  if (!opened) session.Fail(absl::StrCat(file, ": cannot be written"));
  return opened.is_open();
}

// Moves a simulated clock up to `events`, unless it is there already.
absl::Status AdvanceClockTo(const Client& client, absl::Time time) {
  const auto clock = client.GetClock(v1::GetClockRequest());
  if (!clock.ok()) return clock.status();
  if (FromTimestamp(clock->now()) >= time) return absl::OkStatus();
  v1::AdvanceClockRequest request;
  *request.mutable_to() = ToTimestamp(time);
  return client.AdvanceClock(request).status();
}

std::string DayName(const SimulatedPlatform& platform) { return absl::FormatCivilTime(platform.day()); }

void WriteDays(CommandSession& session, SimulatedPlatform& platform, Identities& identities, std::ofstream& output) {
  uint64_t written = 0;
  std::vector<v1::Event> events = platform.PbxEvents();
  do {
    for (const auto& event : events) {
      identities.Add(event);
      output << EventLine(event) << "\n";
    }
    written += events.size();
    session.Progress(absl::StrCat(ReadableCount(static_cast<int64_t>(written)), " events"));
  } while (platform.NextDay(&events));
  session.Progress("");
  if (!output.flush()) return session.Fail("the output cannot be written; is the disk full?");
  session.out() << "events written: " << written << "\n";
}

absl::Status SyncPbxs(const Client& client, const SimulatedPlatform& platform) {
  for (const auto& pbx : platform.pbxs()) {
    v1::SyncPbxRequest request = pbx.sync;
    request.set_confirm_removals(true);  // of people whom a larger simulation left behind
    if (const auto synced = client.SyncPbx(request); !synced.ok()) return synced.status();
  }
  return absl::OkStatus();
}

void SendDays(CommandSession& session, SimulatedPlatform& platform, Identities& identities, bool advance_clock) {
  const Client client = session.MakeClient();
  std::vector<v1::Event> events = platform.PbxEvents();
  for (const auto& event : events) identities.Add(event);
  if (advance_clock) {
    const absl::Status status = AdvanceClockTo(client, FromTimestamp(events.front().time()));
    if (!status.ok()) return session.Fail(status);
  }
  if (const absl::Status status = SyncPbxs(client, platform); !status.ok()) return session.Fail(status);
  EventUpload upload(session, [](uint64_t event) { return absl::StrCat("simulated event ", event + 1); });
  absl::Status status;
  while (status.ok() && platform.NextDay(&events)) {
    session.Progress(absl::StrCat("day ", DayName(platform)));
    if (advance_clock && !events.empty()) status = AdvanceClockTo(client, FromTimestamp(events.back().time()));
    if (!status.ok()) session.Fail(status);
    for (auto& event : events) {
      identities.Add(event);
      if (status.ok()) status = upload.Add(std::move(event));
    }
    // The next day's clock may only come once this day is in.
    if (status.ok() && advance_clock) status = upload.Drain();
  }
  upload.Finish();
}

void Simulate(CommandSession& session, const SimulateCommand& command) {
  PlatformOptions options = command.platform;
  const google::type::Date start = ValueOrUsageError(ParseDate(command.start), "--start");
  options.start = absl::CivilDay(start.year(), start.month(), start.day());
  if (options.people < options.pbxs) throw UsageError("--people", "must be at least one for each PBX");
  SimulatedPlatform platform(options);
  Identities identities;
  std::ofstream output;
  std::ofstream identity_file;
  if (!command.identities.empty() && !OpenOutput(session, command.identities, identity_file)) return;
  if (command.output.empty()) {
    SendDays(session, platform, identities, command.advance_clock);
  } else {
    if (!OpenOutput(session, command.output, output)) return;
    WriteDays(session, platform, identities, output);
  }
  if (command.identities.empty()) return;
  identities.Print(identity_file);
  if (!identity_file.flush()) session.Fail(absl::StrCat(command.identities, ": cannot be written; is the disk full?"));
}

}  // namespace

void AddSimulateCommand(Command events, CommandSession& session) {
  const Command simulate =
      events.AddVerb("simulate", "Sends the events of a made-up platform, or writes them to a file");
  auto command = std::make_shared<SimulateCommand>();
  auto& platform = command->platform;
  simulate.AddOption("--seed", platform.seed, "The same seed and options give the same events").ShowDefault();
  simulate.AddOption("--start", command->start, "First day, as 2026-01-05").Required();
  simulate.AddOption("--days", platform.days, "Days, 1 to 3,660").Between(1, 3660).ShowDefault();
  simulate.AddOption("--pbxs", platform.pbxs, "PBXs, 1 to 10,000").Between(1, 10'000).ShowDefault();
  simulate.AddOption("--people", platform.people, "People with an extension, 1 to 1,000,000, over all PBXs")
      .Between(1, 1'000'000)
      .ShowDefault();
  simulate
      .AddOption("--meetings-per-day", platform.meetings_per_day,
                 "Meetings on a working day, 1 to 1,000,000, over all PBXs; a twentieth of it at weekends")
      .Between(1, 1'000'000)
      .ShowDefault();
  const Option output = simulate.AddOption("--output", command->output, "Write lines for events send; needs no server");
  simulate.AddOption("--identities", command->identities,
                     "Write every personal string of 7 bytes or more that went in: CATEGORY<tab>value, one a line");
  simulate
      .AddFlag("--advance-clock", command->advance_clock,
               "Move the server's simulated clock to the end of each day before the day's events are sent")
      .Excludes(output);
  simulate.SetFooter(
      "Events may lie at most 5 minutes ahead of the server's clock; --advance-clock takes care of that.\n"
      "All names, addresses and numbers are made up.\n"
      "\n"
      "Examples:\n"
      "  retentionctl events simulate --start 2026-01-05 --days 60 --advance-clock --identities names.tsv\n"
      "  retentionctl events simulate --start 2026-01-05 --days 7 --seed 42 --output week.jsonl");
  simulate.SetAction([=, &session] { Simulate(session, *command); });
}

}  // namespace retention
