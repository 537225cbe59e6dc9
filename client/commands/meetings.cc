// meetings get | list | participants | report | watch-reports
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/enum_names.h"
#include "client/commands/growing_output.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "retention/v1/meeting_service.pb.h"

namespace retention {
namespace {

constexpr char kGone[] = "-";  // For people: not there, or no longer.

TableCell TimeOrGone(bool has_time, const google::protobuf::Timestamp& time) {
  return has_time ? TimeCell(time) : TableCell(kGone, "");
}

// A meeting as lines of "field  value": a single thing reads better downwards.
OutputTable MeetingTable(const v1::Meeting& meeting) {
  OutputTable table({{"FIELD", "field"}, {"VALUE", "value"}});
  table.AddRow({"meeting", meeting.meeting_id()});
  table.AddRow({"occurrence", TextCell(meeting.occurrence())});
  table.AddRow({"name", TextCell(meeting.name())});
  table.AddRow({"comment", TextCell(meeting.comment())});
  table.AddRow({"planned start", TimeOrGone(meeting.has_planned_start(), meeting.planned_start())});
  table.AddRow({"planned end", TimeOrGone(meeting.has_planned_end(), meeting.planned_end())});
  table.AddRow({"start", TimeOrGone(meeting.has_start_time(), meeting.start_time())});
  table.AddRow({"end", meeting.end_presumed() ? TableCell("not known", "")
                                              : TimeOrGone(meeting.has_end_time(), meeting.end_time())});
  table.AddRow({"scheduled by extension", TextCell(meeting.organizer_extension())});
  table.AddRow({"protocolled", meeting.protocolled() ? "yes" : "no"});
  table.AddRow({"present now", absl::StrCat(meeting.present_count())});
  table.AddRow({"conference number", TextCell(meeting.conference_number())});
  table.AddRow({"dial-in numbers", TextCell(absl::StrJoin(meeting.dial_in_numbers(), ", "))});
  for (const auto& object : meeting.recordings()) table.AddRow({"recording", object.object_ref()});
  for (const auto& object : meeting.pdfs()) table.AddRow({"PDF", object.object_ref()});
  for (const auto& object : meeting.files()) {
    table.AddRow({"file", absl::StrCat(object.object_ref(), " (shown as ", object.display_name(), ")")});
  }
  for (const auto& poll : meeting.polls()) {
    std::string text = absl::StrCat(poll.question(), ":");
    for (int i = 0; i < poll.options_size(); ++i) {
      const uint32_t count = i < poll.answer_counts_size() ? poll.answer_counts(i) : 0;
      absl::StrAppend(&text, i > 0 ? "," : "", " ", poll.options(i), " ", count);
    }
    table.AddRow({"poll", text});
  }
  for (const auto& line : meeting.chat()) {
    table.AddRow({"chat", absl::StrCat(ReadableTime(line.time()), " ", line.participant_id(), ": ", line.text())});
  }
  return table;
}

void Get(CommandSession& session, const v1::GetMeetingRequest& request) {
  const auto response = session.Expect(session.MakeClient().GetMeeting(request));
  if (response) session.Print(response->meeting(), MeetingTable(response->meeting()));
}

void List(CommandSession& session, v1::ListMeetingsRequest request, int limit) {
  auto all = session.ExpectPages(&Client::ListMeetings, request, [limit](const auto&, const auto& so_far) {
    return limit == 0 || so_far.meetings_size() < limit;
  });
  if (!all) return;
  if (limit > 0 && all->meetings_size() > limit) {
    all->mutable_meetings()->DeleteSubrange(limit, all->meetings_size() - limit);
  }
  OutputTable table({{"MEETING", "meeting_id"},
                     {"OCCURRENCE", "occurrence"},
                     {"NAME", "name"},
                     {"PLANNED (UTC)", "planned_start"},
                     {"START (UTC)", "start_time"},
                     {"END (UTC)", "end_time"},
                     {"BY", "organizer_extension"},
                     {"PRESENT", "present_count", true}});
  for (const auto& meeting : all->meetings()) {
    table.AddRow({meeting.meeting_id(), TextCell(meeting.occurrence()),
                  meeting.unreadable() ? TableCell("(damaged)", "") : TextCell(meeting.name()),
                  TimeOrGone(meeting.has_planned_start(), meeting.planned_start()),
                  TimeOrGone(meeting.has_start_time(), meeting.start_time()),
                  TimeOrGone(meeting.has_end_time(), meeting.end_time()), TextCell(meeting.organizer_extension()),
                  absl::StrCat(meeting.present_count())});
  }
  session.Print(*all, table);
  if (all->incomplete()) {
    session.Fail("the list is incomplete: meetings were lost with a damaged file of the store");
  } else if (std::any_of(all->meetings().begin(), all->meetings().end(),
                         [](const auto& m) { return m.unreadable(); })) {
    session.Fail("of meetings in the list something is damaged, and left out");
  }
}

void Participants(CommandSession& session, v1::ListParticipantsRequest request) {
  const Client client = session.MakeClient();
  request.set_page_size(1000);
  const auto all = session.ExpectPages(&Client::ListParticipants, request);
  if (!all) return;
  OutputTable table({{"PARTICIPANT", "participant_id"},
                     {"NAME", "name"},
                     {"E-MAIL", "email"},
                     {"IP", "ips"},
                     {"FIRST JOIN (UTC)", "first_join_time"},
                     {"PRESENT", "present"}});
  for (const auto& participant : all->participants()) {
    table.AddRow({participant.participant_id(), TextCell(participant.name()), TextCell(participant.email()),
                  TextCell(absl::StrJoin(participant.ips(), " ")),
                  TimeOrGone(participant.has_first_join_time(), participant.first_join_time()),
                  TableCell(participant.present() ? "yes" : "no", participant.present() ? "true" : "false")});
  }
  session.Print(*all, table);
}

void Report(CommandSession& session, const v1::GetMeetingReportRequest& request) {
  const auto response = session.Expect(session.MakeClient().GetMeetingReport(request));
  if (!response) return;
  const v1::MeetingReport& report = response->report();
  OutputTable table({{"PARTICIPANT", "name"},
                     {"TIME IN MEETING", "total_time_seconds", true},
                     {"RECONNECTIONS", "reconnections", true},
                     {"LEFT", "presumed"}});
  for (const auto& participant : report.participants()) {
    const absl::Duration total = FromProtoDuration(participant.total_time());
    table.AddRow({participant.name(), TableCell(ReadableLength(total), absl::StrCat(absl::ToDoubleSeconds(total))),
                  absl::StrCat(participant.reconnections()),
                  participant.presumed() ? TableCell("presumed", "true") : TableCell("reported", "false")});
  }
  if (session.format() == OutputFormat::kTable) {
    OutputTable heading({{"MEETING", ""}, {"NAME", ""}, {"START (UTC)", ""}, {"END (UTC)", ""}});
    heading.AddRow({report.meeting_id(), TextCell(report.meeting_name()),
                    TimeOrGone(report.has_start_time(), report.start_time()),
                    TimeOrGone(report.has_end_time(), report.end_time())});
    heading.PrintAligned(session.out());
    session.out() << "\n";
  }
  session.Print(report, table);
  if (session.format() == OutputFormat::kTable && !report.names_held()) {
    session.out() << "\nThe names are gone; their period is over.\n";
  }
}

OutputTable TableOf(const google::protobuf::RepeatedPtrField<v1::ReportNotice>& notices) {
  OutputTable table({{"NOTICE", "notice_id", true},
                     {"REPORT", "kind"},
                     {"PBX", "pbx_id"},
                     {"MEETING", "meeting_id"},
                     {"OCCURRENCE", "occurrence"},
                     {"END (UTC)", "end_time"},
                     {"END IS", "end_presumed"},
                     {"NAMES LEAVE (UTC)", "names_leave_time"}});
  for (const auto& notice : notices) {
    table.AddRow({absl::StrCat(notice.notice_id()), KebabName(notice.kind()), notice.pbx_id(), notice.meeting_id(),
                  notice.occurrence(), TimeOrGone(notice.has_end_time(), notice.end_time()),
                  notice.end_presumed() ? TableCell("presumed", "true") : TableCell("reported", "false"),
                  TimeOrGone(notice.has_names_leave_time(), notice.names_leave_time())});
  }
  return table;
}

void WatchReports(CommandSession& session, const v1::WatchReportsRequest& request) {
  GrowingOutput output(session);
  const absl::Status status = session.MakeClient().WatchReports(request, [&](const v1::WatchReportsResponse& message) {
    output.Print(message.notices(), TableOf(message.notices()));
    // Whoever read the output may have left.
    return session.out().good() && session.exit_code() == kExitOk;
  });
  if (!status.ok()) session.Fail(status);
}

void AddWatchReportsCommand(Command meetings, CommandSession& session) {
  const Command watch =
      meetings.AddVerb("watch-reports", "Shows which reports are complete, or lose their names within 24 hours");
  auto request = std::make_shared<v1::WatchReportsRequest>();
  auto after = std::make_shared<uint64_t>(0);
  auto pbx = std::make_shared<std::string>();
  auto once = std::make_shared<bool>(false);
  watch.AddOption("--after", *after, "Only notices after this one");
  watch.AddOption("--pbx", *pbx, "Only reports of this PBX");
  watch.AddFlag("--once", *once, "Ends when all that is to be told now has been");
  watch.SetFooter(
      "A report that changes is shown again, under another number. Notices are held as long as their report:\n"
      "who comes back with --after misses none. As JSON, every notice is a line of its own.\n"
      "\n"
      "Example:\n"
      "  retentionctl -o json meetings watch-reports --once --after 1024");
  watch.SetAction([=, &session] {
    request->set_after_notice_id(*after);
    request->set_pbx_id(*pbx);
    request->set_once(*once);
    WatchReports(session, *request);
  });
}

// A command about one meeting: `PBX MEETING`.
template <typename Request>
Command AddMeetingCommand(Command meetings, const std::string& verb, const std::string& description,
                          CommandSession& session, void (*run)(CommandSession&, Request)) {
  const Command command = meetings.AddVerb(verb, description);
  auto request = std::make_shared<Request>();
  auto pbx = std::make_shared<std::string>();
  auto meeting = std::make_shared<std::string>();
  command.AddOption("PBX", *pbx, "Identifier of the PBX").Required();
  command.AddOption("MEETING", *meeting, "Identifier of the meeting").Required();
  auto occurrence = std::make_shared<std::string>();
  command.AddOption("--occurrence", *occurrence,
                    "Which occurrence, as 'meetings list' shows it; without, the running, else the next, else the "
                    "last; of a report the "
                    "running, else the last that took place");
  command.SetAction([=, &session] {
    request->set_pbx_id(*pbx);
    request->set_meeting_id(*meeting);
    request->set_occurrence(*occurrence);
    run(session, *request);
  });
  return command;
}

}  // namespace

void AddMeetingCommands(Command root, CommandSession& session) {
  const Command meetings = root.AddNoun("meetings", "What is held about meetings; what is due is never shown");
  AddMeetingCommand<v1::GetMeetingRequest>(
      meetings, "get", "One meeting with its recordings, files, PDFs, polls and protocolled chat", session,
      [](CommandSession& s, v1::GetMeetingRequest request) { Get(s, request); })
      .SetFooter("Example:\n  retentionctl meetings get pbx-1 meeting-12");
  AddMeetingCommand<v1::ListParticipantsRequest>(meetings, "participants", "Invitees and participants of a meeting",
                                                 session, Participants)
      .SetFooter("Example:\n  retentionctl -o csv meetings participants pbx-1 meeting-12");
  AddMeetingCommand<v1::GetMeetingReportRequest>(
      meetings, "report", "Time and reconnections of each participant; for two months from the meeting's first day",
      session, [](CommandSession& s, v1::GetMeetingReportRequest request) { Report(s, request); })
      .SetFooter("Example:\n  retentionctl meetings report pbx-1 meeting-12");

  AddWatchReportsCommand(meetings, session);
  const Command list =
      meetings.AddVerb("list", "The meetings of a PBX, occurrence by occurrence, in the order of their begin");
  auto request = std::make_shared<v1::ListMeetingsRequest>();
  auto pbx = std::make_shared<std::string>();
  auto extension = std::make_shared<std::string>();
  auto limit = std::make_shared<int>(0);
  list.AddOption("PBX", *pbx, "Identifier of the PBX").Required();
  list.AddOption("--extension", *extension, "Only meetings that this extension scheduled");
  auto meeting = std::make_shared<std::string>();
  list.AddOption("--meeting", *meeting, "Only occurrences of this meeting id");
  auto newest = std::make_shared<bool>(false);
  list.AddFlag("--newest-first", *newest, "In descending order of their begin");
  list.AddOption("--limit", *limit, "At most so many meetings; 0: all").NonNegative().ShowDefault();
  list.SetFooter("Example:\n  retentionctl meetings list pbx-1 --extension 1001 --limit 20");
  list.SetAction([=, &session] {
    request->set_pbx_id(*pbx);
    request->set_organizer_extension(*extension);
    request->set_meeting_id(*meeting);
    request->set_order_by(*newest ? "begin_time desc" : "begin_time");
    request->set_page_size(200);
    List(session, *request, *limit);
  });
}

}  // namespace retention
