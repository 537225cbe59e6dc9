#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "client/commands/command_session.h"
#include "client/human_units.h"
#include "retention/v1/category.pb.h"
#include "retention/v1/clock_service.pb.h"
#include "retention/v1/event_service.pb.h"
#include "retention/v1/log_service.pb.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "retention/v1/policy.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "tests/client/commands/command_line_fixture.h"

namespace retention {
namespace {

std::string ReadFile(const std::string& name) {
  std::ifstream file(name);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(CommandLineTest, WrongUsageExitsWith2AndSaysWhatIsWrong) {
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"nonsense"},
      {"meetings"},
      {"meetings", "get", "pbx-1"},
      {"meetings", "list", "pbx-1", "--limit", "-1"},
      {"-o", "yaml", "pbxs", "list"},
      {"--timeout", "soon", "pbxs", "list"},
      {"events", "send"},
      {"events", "import", "--format", "carrier-pigeon", "x"},
      {"events", "import", "--format", "bigbluebutton-xml", "--shift-to", "soon", "x"},
      {"events", "simulate"},
      {"events", "simulate", "--start", "someday"},
      {"events", "simulate", "--start", "2026-01-05", "--days", "0"},
      {"events", "simulate", "--start", "2026-01-05", "--pbxs", "5", "--people", "4"},
      {"events", "simulate", "--start", "2026-01-05", "--output", "x", "--advance-clock"},
      {"due", "list", "--from", "2026-02-30"},
      {"due", "list", "--category", "shoe-size"},
      {"clock", "advance"},
      {"clock", "confirm"},
      {"clock", "confirm", "now"},
      {"clock", "advance", "--by", "1d", "--to", "2026-01-01"},
      {"clock", "advance", "--by", "tomorrow"},
  };
  for (const auto& arguments : wrong) {
    EXPECT_EQ(Run(arguments), kExitUsage) << ::testing::PrintToString(arguments);
    EXPECT_NE(err_.str().find("retentionctl: "), std::string::npos);
    EXPECT_TRUE(out_.str().empty());
  }
  EXPECT_TRUE(connection_->calls.empty());
}

TEST_F(CommandLineTest, HelpGoesToStandardOutputAndExitsWith0) {
  EXPECT_EQ(Run({"--help"}), kExitOk);
  EXPECT_NE(out_.str().find("Exit codes"), std::string::npos);
  EXPECT_EQ(Run({"clock", "advance", "--help"}), kExitOk);
  EXPECT_NE(out_.str().find("clock advance --by 1d"), std::string::npos);
}

TEST_F(CommandLineTest, FailedCallExitsWith1AndNamesTheReason) {
  connection_->failures.push_back(RichError(absl::StatusCode::kNotFound, "PBX_UNKNOWN"));
  EXPECT_EQ(Run({"pbxs", "get", "pbx-9"}), kExitFailed);
  EXPECT_EQ(err_.str(), "retentionctl: NOT_FOUND (PBX_UNKNOWN): it failed\n");
  EXPECT_TRUE(out_.str().empty());
}

TEST_F(CommandLineTest, GlobalOptionsReachTheConnectionFromEitherSide) {
  connection_->Answer("ListPbxs", v1::ListPbxsResponse());
  EXPECT_EQ(Run({"--server", "localhost:1", "--timeout", "2s", "pbxs", "list"}), kExitOk);
  EXPECT_EQ(target_.address, "localhost:1");
  EXPECT_EQ(connection_->timeouts.back(), absl::Seconds(2));
  EXPECT_EQ(Run({"pbxs", "list", "--timeout", "3s", "-o", "csv"}), kExitOk);
  EXPECT_EQ(connection_->timeouts.back(), absl::Seconds(3));
  EXPECT_EQ(out_.str(), "pbx_id,controller_id,fqdn,create_time,sync_time,warning\n");
  connection_->Answer("Sweep", v1::SweepResponse());
  EXPECT_EQ(Run({"sweep", "run"}), kExitOk);
  EXPECT_EQ(connection_->timeouts.back(), absl::Minutes(10));
}

v1::GetMeetingReportResponse SampleReport() {
  v1::GetMeetingReportResponse response;
  auto* report = response.mutable_report();
  report->set_meeting_id("m1");
  report->set_meeting_name("Budget");
  *report->mutable_start_time() = ToTimestamp(*ParseTime("2026-03-31T09:00:00Z"));
  report->set_names_held(true);
  auto* one = report->add_participants();
  one->set_name("Emma Falkenstein");
  one->mutable_total_time()->set_seconds(3780);
  auto* two = report->add_participants();
  two->set_name("Jörg");
  two->mutable_total_time()->set_seconds(5);
  two->set_reconnections(2);
  two->set_presumed(true);
  return response;
}

TEST_F(CommandLineTest, MeetingsReport_Golden) {
  connection_->Answer("GetMeetingReport", SampleReport());
  EXPECT_EQ(Run({"meetings", "report", "pbx-1", "m1"}), kExitOk);
  EXPECT_EQ(out_.str(),
            "MEETING  NAME    START (UTC)          END (UTC)\n"
            "m1       Budget  2026-03-31 09:00:00  -\n"
            "\n"
            "PARTICIPANT       TIME IN MEETING  RECONNECTIONS  LEFT\n"
            "Emma Falkenstein       1 h 03 min              0  reported\n"
            "Jörg                          5 s              2  presumed\n");
  EXPECT_EQ(Run({"meetings", "report", "pbx-1", "m1", "-o", "csv"}), kExitOk);
  EXPECT_EQ(out_.str(),
            "name,total_time_seconds,reconnections,presumed\nEmma Falkenstein,3780,0,false\nJörg,5,2,true\n");
  EXPECT_EQ(Run({"meetings", "report", "pbx-1", "m1", "-o", "json"}), kExitOk);
  EXPECT_NE(out_.str().find(R"(
  {
   "name": "Emma Falkenstein",
   "reconnections": 0,
   "presumed": false,
   "participant_ids": [],
   "total_time": "3780s"
  },
)"),
            std::string::npos)
      << out_.str();
}

TEST_F(CommandLineTest, MeetingsReport_SaysWhenTheNamesAreGone) {
  v1::GetMeetingReportResponse response = SampleReport();
  response.mutable_report()->set_names_held(false);
  connection_->Answer("GetMeetingReport", response);
  EXPECT_EQ(Run({"meetings", "report", "pbx-1", "m1"}), kExitOk);
  EXPECT_NE(out_.str().find("The names are gone"), std::string::npos);
}

TEST_F(CommandLineTest, MeetingsList_FollowsPagesAndKeepsTheLimit) {
  connection_->handlers["ListMeetings"] = [](const auto& request, auto* response) {
    const auto& list = dynamic_cast<const v1::ListMeetingsRequest&>(request);
    auto* page = dynamic_cast<v1::ListMeetingsResponse*>(response);
    const int number = list.page_token().empty() ? 0 : std::stoi(list.page_token());
    page->add_meetings()->set_meeting_id("m" + std::to_string(number));
    if (number < 4) page->set_next_page_token(std::to_string(number + 1));
    return absl::OkStatus();
  };
  const std::string kHeading =
      "meeting_id,occurrence,name,planned_start,start_time,end_time,organizer_extension,present_count\n";
  EXPECT_EQ(Run({"-o", "csv", "meetings", "list", "pbx-1"}), kExitOk);
  EXPECT_EQ(out_.str(), kHeading + "m0,,,,,,,0\nm1,,,,,,,0\nm2,,,,,,,0\nm3,,,,,,,0\nm4,,,,,,,0\n");
  EXPECT_EQ(Run({"-o", "csv", "meetings", "list", "pbx-1", "--limit", "2"}), kExitOk);
  EXPECT_EQ(out_.str(), kHeading + "m0,,,,,,,0\nm1,,,,,,,0\n");
}

TEST_F(CommandLineTest, DueList_Golden) {
  v1::ListDueDaysResponse response;
  auto* dated = response.add_buckets();
  *dated->mutable_due_day() = *ParseDate("2026-04-07");
  *dated->mutable_due_time() = ToTimestamp(*ParseTime("2026-04-07T22:00:00Z"));
  dated->set_category(v1::DATA_CATEGORY_PARTICIPANT_NAME);
  dated->set_rows(1200);
  dated->set_values(2400);
  auto* open = response.add_buckets();
  open->set_category(v1::DATA_CATEGORY_POLL);
  open->set_rows(1);
  open->set_values(4);
  connection_->Answer("ListDueDays", response);
  EXPECT_EQ(Run({"due", "list"}), kExitOk);
  EXPECT_EQ(out_.str(),
            "LAST DAY      GONE FROM (UTC)      CATEGORY          ROWS STORED  VALUES\n"
            "2026-04-07    2026-04-07 22:00:00  participant-name        1,200   2,400\n"
            "on a trigger  -                    poll                        1       4\n");
}

TEST_F(CommandLineTest, DueList_AScopesPagesAreOneTable) {
  std::vector<v1::ListDueDaysRequest> asked;
  connection_->handlers["ListDueDays"] = [&](const auto& request, auto* answer) {
    asked.emplace_back().CopyFrom(request);
    auto* response = dynamic_cast<v1::ListDueDaysResponse*>(answer);
    auto* names = response->add_buckets();
    *names->mutable_due_day() = *ParseDate("2026-04-07");
    *names->mutable_due_time() = ToTimestamp(*ParseTime("2026-04-07T22:00:00Z"));
    names->set_category(v1::DATA_CATEGORY_PARTICIPANT_NAME);
    names->set_rows(2);
    names->set_values(3);
    if (asked.size() < 3) {
      response->set_next_page_token("more");
    } else {
      auto* poll = response->add_buckets();
      poll->set_category(v1::DATA_CATEGORY_POLL);
      poll->set_rows(1);
      poll->set_values(4);
    }
    return absl::OkStatus();
  };
  EXPECT_EQ(Run({"due", "list", "--pbx", "pbx-17"}), kExitOk);
  EXPECT_EQ(out_.str(),
            "LAST DAY      GONE FROM (UTC)      CATEGORY          ROWS STORED  VALUES\n"
            "2026-04-07    2026-04-07 22:00:00  participant-name            6       9\n"
            "on a trigger  -                    poll                        1       4\n");
  ASSERT_EQ(asked.size(), 3u);
  EXPECT_EQ(asked[2].pbx_id(), "pbx-17");
  EXPECT_EQ(asked[2].page_token(), "more");
  EXPECT_EQ(Run({"due", "list", "--controller", "acme"}), kExitOk);
  EXPECT_EQ(asked.back().controller_id(), "acme");
  EXPECT_EQ(Run({"due", "list", "--controller", "acme", "--pbx", "pbx-17"}), kExitUsage);
}

TEST_F(CommandLineTest, DueList_SaysWhoseLogsAreKeptLonger) {
  v1::ListDueDaysResponse response;
  auto* extension = response.add_log_extensions();
  extension->set_server(v1::LOG_SERVER_FILE_SHARE);
  *extension->mutable_until() = *ParseDate("2026-04-07");
  connection_->Answer("ListDueDays", response);
  EXPECT_EQ(Run({"due", "list"}), kExitOk);
  EXPECT_NE(out_.str().find("Logs of file-share are kept longer, until 2026-04-07\n"), std::string::npos) << out_.str();
}

TEST_F(CommandLineTest, PolicyAndClockAndSweep_Golden) {
  v1::GetPolicyResponse policy;
  policy.mutable_policy()->set_version(3);
  policy.mutable_policy()->set_time_zone("Europe/Berlin");
  policy.mutable_policy()->mutable_cut()->mutable_presumed_end_after()->set_seconds(86400);
  auto* rule = policy.mutable_policy()->add_rules();
  rule->set_category(v1::DATA_CATEGORY_HISTORY);
  rule->set_starting_point(v1::STARTING_POINT_COLLECTION);
  rule->mutable_period()->set_months(2);
  rule->set_action(v1::END_ACTION_ANONYMISE);
  rule->mutable_anonymised_period()->set_months(12);
  connection_->Answer("GetPolicy", policy);
  EXPECT_EQ(Run({"policy", "show"}), kExitOk);
  EXPECT_EQ(out_.str(),
            "Policy version 3, civil days of Europe/Berlin, an unreported end is presumed after 1 d 00 h\n"
            "One meeting: back within 0 s, at most 0 s early and 0 s late, no longer than 0 s; a refresh takes 0 s\n\n"
            "CATEGORY  FROM        PERIOD    THEN       ANONYMISED FORM  ERASURE ORDER  ENDS WITH PBX\n"
            "history   collection  2 months  anonymise  12 months        no             no\n");
  v1::SweepResponse sweep;
  sweep.set_days_destroyed(2);
  auto* erased = sweep.add_erased();
  erased->set_category(v1::DATA_CATEGORY_RECORDING);
  erased->set_values(1500);
  connection_->Answer("Sweep", sweep);
  EXPECT_EQ(Run({"sweep", "run"}), kExitOk);
  EXPECT_EQ(out_.str(),
            "CATEGORY   VALUES ERASED\nrecording          1,500\n"
            "Days destroyed: 2, cohorts released: 0, meetings whose files ended: 0\n");
}

TEST_F(CommandLineTest, EventsSend_NamesBadLinesAndSendsTheRest) {
  in_.str(
      "{\"event_id\":\"e1\",\"meeting_ended\":{}}\n\n{\"event_id\":\"e2\",\"participant_joined\":{\"nmae\":\"Jana\"}}\n"
      "{\"event_id\":\"e3\",\"meeting_ended\":{}}\n");
  EXPECT_EQ(Run({"events", "send", "-"}), kExitFailed);
  EXPECT_EQ(err_.str(), "retentionctl: standard input:3:participant_joined.nmae: no such field\n");
  EXPECT_EQ(out_.str(), "EVENTS        COUNT\nsent              2\naccepted          2\nnot an event      1\n");
  ASSERT_EQ(connection_->events.size(), 2);
  EXPECT_EQ(connection_->events[1].event_id(), "e3");
}

TEST_F(CommandLineTest, EventsSend_NamesTheLineOfARejectedEvent) {
  const std::string file = TempFile("events.jsonl", "\n{\"event_id\":\"e1\",\"meeting_ended\":{}}\n");
  connection_->streams.push_back({[](const auto& batch, auto* answers) {
    v1::RecordEventsResponse answer;
    answer.set_batch_id(batch.batch_id());
    auto* rejection = answer.mutable_result()->add_rejections();
    rejection->set_reason(v1::REJECTION_REASON_INVALID_FIELD);
    rejection->set_field("meeting_id");
    rejection->set_description("missing");
    answers->push_back(answer);
    return true;
  }});
  EXPECT_EQ(Run({"events", "send", file}), kExitFailed);
  EXPECT_EQ(err_.str(), "retentionctl: " + file + ":2: meeting_id: missing (invalid-field)\n");
  EXPECT_EQ(out_.str(),
            "EVENTS           COUNT\nsent                 1\naccepted             0\nrejected             1\n"
            "  invalid-field      1\n");
}

TEST_F(CommandLineTest, EventsSend_MissingFileExitsWith1) {
  EXPECT_EQ(Run({"events", "send", TempFile("nothing")}), kExitFailed);
  EXPECT_EQ(connection_->streams_opened, 0);
}

TEST_F(CommandLineTest, EventsImport_SyncPbxKeepsWhatIsHeldAndAddsTheOwner) {
  v1::GetPbxResponse held;
  held.mutable_pbx()->set_controller_id("c7");
  held.mutable_pbx()->add_extensions()->set_number("2000");
  connection_->Answer("GetPbx", held);
  v1::SyncPbxRequest synced;
  connection_->handlers["SyncPbx"] = [&](const auto& request, auto*) {
    synced.CopyFrom(request);
    return absl::OkStatus();
  };
  const std::string fixture = RETENTION_CLIENT_FIXTURES "webhooks.ndjson";
  EXPECT_EQ(Run({"events", "import", "--format", "bigbluebutton-webhooks", "--pbx", "pbx-1", "--sync-pbx",
                 "--owner-extension", "1001", fixture}),
            kExitOk);
  EXPECT_EQ(synced.controller_id(), "c7");
  ASSERT_EQ(synced.extensions_size(), 2);
  EXPECT_EQ(synced.extensions(0).number(), "2000");
  EXPECT_EQ(synced.extensions(1).number(), "1001");
  EXPECT_EQ(connection_->events.size(), 10);
  EXPECT_NE(out_.str().find("NOT IMPORTED"), std::string::npos);
}

TEST_F(CommandLineTest, EventsImport_LineLeftOutIsNamedTheRestIsSentAndTheExitCodeIs1) {
  const std::string fixture = RETENTION_CLIENT_FIXTURES "webhooks_nameless_meeting.ndjson";
  EXPECT_EQ(Run({"events", "import", "--format", "bigbluebutton-webhooks", "--owner-extension", "1001", fixture}),
            kExitFailed);
  EXPECT_EQ(connection_->events.size(), 10);
  EXPECT_NE(err_.str().find(fixture + ":4:data.attributes.meeting.internal-meeting-id: missing"), std::string::npos);
}

TEST_F(CommandLineTest, EventsImport_DryRunLinesCanBeSent) {
  const std::string fixture = RETENTION_CLIENT_FIXTURES "events_utc.xml";
  EXPECT_EQ(Run({"-o", "json", "events", "import", "--format", "bigbluebutton-xml", "--dry-run", fixture}), kExitOk);
  EXPECT_TRUE(connection_->calls.empty());
  EXPECT_EQ(connection_->streams_opened, 0);
  in_.str(out_.str());
  EXPECT_EQ(Run({"events", "send", "-"}), kExitOk);
  EXPECT_EQ(connection_->events.size(), 6);
}

TEST_F(CommandLineTest, EventsSimulate_OutputCanBeSentAndIdentitiesAreComplete) {
  const std::string output = TempFile("days.jsonl");
  const std::string identities = output + ".identities";
  EXPECT_EQ(Run({"events", "simulate", "--start", "2026-01-05", "--days", "2", "--people", "20", "--output", output,
                 "--identities", identities}),
            kExitOk);
  EXPECT_EQ(Run({"events", "send", output}), kExitOk);
  ASSERT_GT(connection_->events.size(), 100);
  EXPECT_TRUE(connection_->events[0].has_pbx_synced());
  const std::string known = ReadFile(identities);
  for (const auto& event : connection_->events) {
    if (!event.has_participant_joined()) continue;
    EXPECT_NE(known.find("PARTICIPANT_NAME\t" + event.participant_joined().name() + "\n"), std::string::npos);
    EXPECT_NE(known.find("PARTICIPANT_IP\t" + event.participant_joined().ip() + "\n"), std::string::npos);
  }
}

TEST_F(CommandLineTest, EventsSimulate_AdvancesTheClockBeforeEachDayAndNeverBack) {
  connection_->Answer("SyncPbx", v1::SyncPbxResponse());
  absl::Time now = *ParseTime("2026-01-05T12:00:00Z");
  connection_->handlers["GetClock"] = [&](const auto&, auto* response) {
    *dynamic_cast<v1::GetClockResponse*>(response)->mutable_now() = ToTimestamp(now);
    return absl::OkStatus();
  };
  connection_->handlers["AdvanceClock"] = [&](const auto& request, auto*) {
    const absl::Time to = FromTimestamp(dynamic_cast<const v1::AdvanceClockRequest&>(request).to());
    EXPECT_GT(to, now);
    // Everything of the days before is in.
    for (const auto& event : connection_->events) EXPECT_LE(FromTimestamp(event.time()), now);
    now = to;
    return absl::OkStatus();
  };
  EXPECT_EQ(Run({"events", "simulate", "--start", "2026-01-05", "--days", "3", "--advance-clock"}), kExitOk);
  EXPECT_GT(now, *ParseTime("2026-01-07T12:00:00Z"));
  ASSERT_FALSE(connection_->events.empty());
  EXPECT_LE(FromTimestamp(connection_->events.back().time()), now);
}

TEST_F(CommandLineTest, ProgressIsShownOnATerminalOnly) {
  const std::string output = TempFile("days.jsonl");
  const std::vector<std::string> command = {"events", "simulate", "--start",  "2026-01-05",
                                            "--days", "2",        "--output", output};
  EXPECT_EQ(Run(command), kExitOk);
  EXPECT_TRUE(err_.str().empty());
  terminal_ = true;
  EXPECT_EQ(Run(command), kExitOk);
  EXPECT_NE(err_.str().find(" events"), std::string::npos);
}

}  // namespace
}  // namespace retention
