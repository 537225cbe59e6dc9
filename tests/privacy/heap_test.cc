// What has ended is not in the memory of the server either: two months after its day no value that a portal sent is
// found in any writable page of the process, whoever copied it there, gRPC, protobuf or RocksDB.
//
// The server runs in a process of its own, which the portal's own copies are not in. What makes it so is the allocator,
// which overwrites whatever is freed (server/app/server.cc).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "retention/v1/clock_service.pb.h"
#include "retention/v1/event_service.pb.h"
#include "retention/v1/hold_service.pb.h"
#include "retention/v1/log_service.pb.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "server/base/field_checks.h"
#include "server/ops/syslog_socket.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"
#include "tests/rpc/running_server.h"

extern char** environ;

namespace retention::privacy {
namespace {

constexpr char kChild[] = "RETENTION_TEST_HEAP_CHILD";
constexpr char kService[] = "/retention.v1.";

// What the child does: it serves until its input ends.
class HeapChild : public ::testing::Test {
  void TestBody() override {
    RunningServer server([](ServerOptions& options) {
      options.syslog.udp = "127.0.0.1:0";
      options.syslog.tcp = "127.0.0.1:0";
    });
    std::printf("udp=%d\ntcp=%d\n", server.server().syslog()->udp_port(), server.server().syslog()->tcp_port());
    std::printf("address=%s\n", server.server().address().c_str());
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
  }
};
// It is a test in a child alone: nobody else has it to run.
[[maybe_unused]] const auto* const kChildTest =
    std::getenv(kChild) == nullptr ? nullptr
                                   : ::testing::RegisterTest("HeapChild", "Serves", nullptr, nullptr, __FILE__,
                                                             __LINE__, [] { return new HeapChild(); });

class ServerChild {
 public:
  ServerChild() {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    EXPECT_EQ(::pipe2(in.data(), O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(out.data(), O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    ::setenv(kChild, "1", 1);
    std::string self = "/proc/self/exe";
    std::string filter = "--gtest_filter=HeapChild.Serves";
    std::array<char*, 3> arguments = {self.data(), filter.data(), nullptr};
    EXPECT_EQ(::posix_spawn(&pid_, self.c_str(), &actions, nullptr, arguments.data(), environ), 0);
    ::unsetenv(kChild);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    input_ = in[1];
    FILE* lines = ::fdopen(out[0], "r");
    std::array<char, 256> line{};
    while (std::fgets(line.data(), line.size(), lines) != nullptr) {
      const std::string text(line.data());
      if (text.rfind("udp=", 0) == 0) udp_port_ = std::atoi(text.c_str() + 4);
      if (text.rfind("tcp=", 0) == 0) tcp_port_ = std::atoi(text.c_str() + 4);
      if (text.rfind("address=", 0) != 0) continue;
      caller_ = std::make_unique<Caller>(text.substr(8, text.size() - 9));
      break;
    }
    output_ = lines;
  }
  ~ServerChild() {
    caller_.reset();
    ::close(input_);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    EXPECT_EQ(status, 0);
    std::fclose(output_);
  }

  void Call(const std::string& method, const google::protobuf::Message& request,
            google::protobuf::Message* response = nullptr) {
    const CallEnd end = caller_->Call(kService + method, request, response);
    EXPECT_TRUE(end.ok()) << method << ": " << end;
  }
  Caller& caller() { return *caller_; }
  // A socket that sends log lines to the server.
  Descriptor Syslog(int type) const {
    Descriptor sender(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(type == SOCK_DGRAM ? udp_port_ : tcp_port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(sender.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return sender;
  }

  // How often each text stands in writable memory, and where.
  std::map<std::string, std::string> Find(const std::vector<std::string>& texts) const {
    std::map<std::string, std::string> found;
    std::ifstream maps(absl::StrCat("/proc/", pid_, "/maps"));
    const int memory = ::open(absl::StrCat("/proc/", pid_, "/mem").c_str(), O_RDONLY | O_CLOEXEC);
    EXPECT_GE(memory, 0);
    size_t bytes = 0;
    for (std::string line; std::getline(maps, line);) {
      unsigned long begin = 0;
      unsigned long end = 0;
      std::array<char, 8> mode{};
      std::sscanf(line.c_str(), "%lx-%lx %7s", &begin, &end, mode.data());
      if (mode[0] != 'r' || mode[1] != 'w') continue;
      std::string page(end - begin, '\0');
      const ssize_t read = ::pread(memory, page.data(), page.size(), static_cast<off_t>(begin));
      if (read <= 0) continue;
      bytes += static_cast<size_t>(read);
      for (const std::string& text : texts) {
        int times = 0;
        for (size_t at = page.find(text); at != std::string::npos; at = page.find(text, at + 1)) ++times;
        if (times > 0) absl::StrAppend(&found[text], times, " times in ", line.substr(line.find(' ') + 1), "; ");
      }
    }
    ::close(memory);
    EXPECT_GT(bytes, size_t{16} << 20) << "the memory could not be read";
    return found;
  }

 private:
  pid_t pid_ = 0;
  int udp_port_ = 0;
  int tcp_port_ = 0;
  int input_ = -1;
  FILE* output_ = nullptr;
  std::unique_ptr<Caller> caller_;
};

class Heap : public ::testing::Test {
 protected:
  // A text that the other process has in no literal.
  std::string Canary(const std::string& name) {
    texts_.push_back(absl::StrCat("hc", 7 * 11 * 13, name));
    return texts_.back();
  }
  std::string Address(const std::string& name) { return absl::StrCat(Canary(name), "@example.org"); }

  void SyncPbx() {
    v1::SyncPbxRequest sync;
    sync.set_pbx_id(pbx_);
    sync.set_controller_id(Canary("controller"));
    sync.mutable_profile()->set_fqdn(absl::StrCat(Canary("fqdn"), ".example.org"));
    sync.mutable_profile()->set_licence_key(Canary("licence"));
    v1::Extension& extension = *sync.add_extensions();
    extension.set_number("100");
    extension.set_email(Address("extension"));
    extension.set_last_name(Canary("lastname"));
    child_.Call("PbxService/SyncPbx", sync);
  }

  void Meet(const std::string& meeting, absl::Time time) {
    const auto of_pbx = [&](v1::Event event) {
      event.set_pbx_id(pbx_);
      event.set_meeting_id(meeting);
      return event;
    };
    const std::string participant = Canary("participant");
    v1::Event plan = of_pbx(Scheduled("m", Canary("event"), time, time, absl::Hours(1)));
    plan.mutable_meeting_scheduled()->set_name(Canary("meetingname"));
    plan.mutable_meeting_scheduled()->set_comment(Canary("comment"));
    plan.mutable_meeting_scheduled()->set_protocolled(true);
    v1::Invitee& invitee = *plan.mutable_meeting_scheduled()->add_invitees();
    invitee.set_participant_id(Canary("invitee"));
    invitee.set_name(Canary("inviteename"));
    invitee.set_email(Address("inviteeaddress"));
    v1::Event poll = of_pbx(NewEvent("m", "poll", time));
    poll.mutable_poll_created()->set_poll_id(Canary("poll"));
    poll.mutable_poll_created()->set_owner_extension("100");
    poll.mutable_poll_created()->set_question(Canary("question"));
    for (const char* option : {"a", "b"}) poll.mutable_poll_created()->add_options(Canary(option));
    v1::BatchRecordEventsRequest record;
    for (v1::Event& event : std::vector<v1::Event>{
             plan, of_pbx(Joined("m", "join", time, participant, Canary("name"), Address("address"), "192.0.2.1")),
             of_pbx(Chat("m", "chat", time, Canary("chat"))), of_pbx(Recording("m", "rec", time, Canary("recording"))),
             of_pbx(File("m", "file", time, Canary("file"))), of_pbx(Pdf("m", "pdf", time, Canary("pdf"))), poll,
             of_pbx(Left("m", "left", time + absl::Minutes(1), participant))}) {
      *record.add_events() = event;
    }
    v1::BatchRecordEventsResponse recorded;
    child_.Call("EventService/BatchRecordEvents", record, &recorded);
    EXPECT_EQ(recorded.result().rejections_size(), 0) << recorded.ShortDebugString();
  }

  void Look(const std::string& meeting) {
    v1::GetMeetingRequest get;
    get.set_pbx_id(pbx_);
    get.set_meeting_id(meeting);
    child_.Call("MeetingService/GetMeeting", get);
    v1::ListParticipantsRequest list;
    list.set_pbx_id(pbx_);
    list.set_meeting_id(meeting);
    child_.Call("MeetingService/ListParticipants", list);
    v1::GetMeetingReportRequest report;
    report.set_pbx_id(pbx_);
    report.set_meeting_id(meeting);
    child_.Call("MeetingService/GetMeetingReport", report);
  }

  void LogALine(absl::Time time) {
    v1::AppendLogsRequest append;
    append.set_batch_id(1);
    v1::LogLine& line = *append.add_lines();
    line.set_server(v1::LOG_SERVER_MCU);
    line.set_severity(v1::LOG_SEVERITY_ERROR);
    SetTime(absl::ToUnixMicros(time), *line.mutable_time());
    line.set_text(Canary("logline"));
    const auto stream = child_.caller().Open(absl::StrCat(kService, "LogService/AppendLogs"));
    v1::AppendLogsResponse response;
    EXPECT_TRUE(stream->Write(append) && stream->Read(response));
    stream->WritesDone();
    std::string more;
    EXPECT_FALSE(stream->Read(more));
    EXPECT_TRUE(stream->Finish().ok());
  }

  // A long line, after which shorter ones come.
  void SendLines(const Descriptor& sender, const std::string& canary) {
    for (const std::string& text :
         {std::string(900, 'x') + Canary(canary), std::string("short"), std::string("short")}) {
      const std::string line = absl::StrCat("<14>1 2026-03-02T10:00:00+01:00 host mcu 7 id - ", text, "\n");
      EXPECT_EQ(::send(sender.get(), line.data(), line.size(), MSG_NOSIGNAL), static_cast<ssize_t>(line.size()));
    }
  }

  // Until so many lines are held.
  void AwaitLines(int lines) {
    constexpr int kTries = 20000;
    for (int i = 0; i < kTries; ++i) {
      v1::ReadLogsResponse read;
      child_.Call("LogService/ReadLogs", v1::ReadLogsRequest(), &read);
      if (read.lines_size() >= lines) return;
    }
    ADD_FAILURE() << "the lines did not come";
  }

  void ExtendLogs(const std::string& reason) {
    v1::ExtendLogRetentionRequest extend;
    extend.set_server(v1::LOG_SERVER_PORTAL);
    extend.set_reason(reason);
    extend.mutable_until()->set_year(2026);
    extend.mutable_until()->set_month(3);
    extend.mutable_until()->set_day(10);
    child_.Call("LogService/ExtendLogRetention", extend);
    child_.Call("RetentionService/Sweep", v1::SweepRequest());
  }

  void AdvanceTo(absl::Time time) {
    v1::AdvanceClockRequest advance;
    SetTime(absl::ToUnixMicros(time), *advance.mutable_to());
    child_.Call("ClockService/AdvanceClock", advance);
  }

  std::vector<std::string> texts_;
  ServerChild child_;
  const std::string pbx_ = Canary("pbx");
};

TEST_F(Heap, HoldsNothingOfWhatHasEnded) {
  const std::string meeting = Canary("meeting");
  SyncPbx();
  Meet(meeting, kMonday);
  Look(meeting);
  LogALine(kMonday);
  const Descriptor datagrams = child_.Syslog(SOCK_DGRAM);
  const Descriptor stays_open = child_.Syslog(SOCK_STREAM);
  SendLines(datagrams, "udp");
  SendLines(stays_open, "tcp");
  SendLines(child_.Syslog(SOCK_STREAM), "ended");
  AwaitLines(10);
  // Short enough to lie in the string itself.
  ExtendLogs(Canary("why"));
  ExtendLogs(Canary("since"));
  // Nobody hears of the PBX any more, and it ends too.
  for (int day = 1; day <= 75; ++day) AdvanceTo(kMonday + absl::Hours(24 * day));
  // gRPC goes on reading into the slice that it read the events into, until that is full.
  for (int call = 0; call < 500; ++call) child_.Call("ClockService/GetClock", v1::GetClockRequest());
  for (const auto& [text, places] : child_.Find(texts_)) ADD_FAILURE() << text << " " << places;
}

}  // namespace
}  // namespace retention::privacy
