// Health by name, also while a start catches up; and that every act is a line of the log.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "retention/v1/deletion_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "server/app/act_log.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"
#include "tests/testing/fault_file_system.h"

namespace retention {
namespace {

namespace fs = std::filesystem;
using stored::v1::LedgerEntry;

constexpr char kCheckHealth[] = "/grpc.health.v1.Health/Check";
constexpr char kWatchHealth[] = "/grpc.health.v1.Health/Watch";
const std::vector<std::string> kNames = {"", "ingest", "erasure", "statistics", "liveness"};

// grpc.health.v1.HealthCheckRequest and HealthCheckResponse.
std::string AskFor(const std::string& name) {
  return name.empty() ? "" : "\x0a" + std::string(1, static_cast<char>(name.size())) + name;
}
int StateIn(const std::string& response) { return response.size() == 2 ? response[1] : 0; }

std::vector<int> StatesOf(Caller& caller) {
  std::vector<int> states;
  for (const std::string& name : kNames) {
    std::string response;
    caller.CallBytes(kCheckHealth, AskFor(name), &response);
    states.push_back(StateIn(response));
  }
  return states;
}

// What is written to standard error while it lives.
class Captured {
 public:
  Captured() { ::testing::internal::CaptureStderr(); }
  std::string Take() { return ::testing::internal::GetCapturedStderr(); }
};

TEST(Health, IsToldByName_AndOfWhatIsNotThereNothing) {
  RunningServer server;
  EXPECT_EQ(StatesOf(server.caller()), (std::vector<int>{1, 1, 1, 1, 1}));
  EXPECT_EQ(server.Health("backup"), 0);
}

TEST(Health, WhileAStartCatchesUpItLivesAndIsNotReady_AndWhoWatchesIsTold) {
  RunningServer server;
  server.SyncPbx();
  std::unique_ptr<Caller> early;
  std::unique_ptr<CallerStream> watch;
  std::string seen;
  const absl::Status started = server.Restart([&](ServerOptions& options) {
    options.on_catching_up = [&](const std::string& address) {
      early = std::make_unique<Caller>(address);
      EXPECT_EQ(StatesOf(*early), (std::vector<int>{2, 2, 2, 2, 1}));
      EXPECT_EQ(early->Call("/retention.v1.PbxService/ListPbxs", v1::ListPbxsRequest()).Summary(),
                "UNAVAILABLE STARTING");
      v1::BatchRecordEventsRequest request;
      *request.add_events() = Joined("m", "join", kMonday, "p");
      EXPECT_EQ(early->Call("/retention.v1.EventService/BatchRecordEvents", request).Summary(), "UNAVAILABLE STARTING");
      watch = early->Open(kWatchHealth);
      ASSERT_TRUE(watch->Write(AskFor("")));
      watch->WritesDone();
      ASSERT_TRUE(watch->Read(seen));
      EXPECT_EQ(StateIn(seen), 2);
    };
  });
  ASSERT_TRUE(started.ok()) << started;
  ASSERT_TRUE(watch != nullptr && watch->Read(seen));
  EXPECT_EQ(StateIn(seen), 1);
  EXPECT_EQ(StatesOf(*early), (std::vector<int>{1, 1, 1, 1, 1}));
  watch->Cancel();
  watch->Finish();
}

TEST(Health, OfADiskThatFailsIngestAndErasureAreNotWell_AndQuestionsAreAnswered) {
  FaultFileSystem disk;
  {
    RunningServer server([&](ServerOptions& options) {
      options.store.file_system = disk.file_system();
      options.sweep_interval = absl::Milliseconds(1);
    });
    disk.FailWrites(FaultFileSystem::Fault::kDiskFull);
    v1::SyncPbxRequest request;
    request.set_pbx_id("pbx");
    request.set_controller_id("controller");
    EXPECT_FALSE(server.Call("/retention.v1.PbxService/SyncPbx", request).ok());
    AwaitTrue([&] { return StatesOf(server.caller()) == (std::vector<int>{2, 2, 2, 1, 1}); });
    disk.Heal();
    AwaitTrue([&] { return StatesOf(server.caller()) == (std::vector<int>{1, 1, 1, 1, 1}); });
  }
}

TEST(ActLog, AStartADaysEndAndAPbxsEndAreALineEach_WithoutPersonalData) {
  Captured log;
  {
    RunningServer server;
    server.SyncPbx("pbx-of-somebody");
    v1::Event joined = Joined("meeting-of-somebody", "e1", kMonday, "p-of-somebody", "Ada Example", "ada@example.org");
    joined.set_pbx_id("pbx-of-somebody");
    server.Batch({joined});
    v1::DeletePbxRequest request;
    server.AdvanceTo(kMonday + absl::Hours(24 * 9));
    EXPECT_TRUE(server.Call("/retention.v1.RetentionService/Sweep", v1::SweepRequest()).ok());
    request.set_pbx_id("pbx-of-somebody");
    request.set_reason(v1::DELETION_REASON_CONTRACT_ENDED);
    EXPECT_TRUE(server.Call("/retention.v1.DeletionService/DeletePbx", request).ok());
    ASSERT_TRUE(server.Restart().ok());
  }
  const std::string text = log.Take();
  for (const char* message :
       {"starting", "a store was created", "catching up on what fell due while no server ran", "caught up", "serving",
        "a day ended: its keys are destroyed", "no byte of a day that ended is left", "a PBX ended"}) {
    EXPECT_TRUE(absl::StrContains(text, absl::StrCat("message=\"", message, "\""))) << message << "\n" << text;
  }
  EXPECT_TRUE(absl::StrContains(text, "day=\"2026-03-09\"")) << text;
  for (const char* somebody : {"somebody", "Ada", "example.org"}) EXPECT_FALSE(absl::StrContains(text, somebody));
}

// The page that says what the log says names every act that has a line, and no line that is written nowhere.
TEST(ActLog, ThePageNamesEveryLine) {
  std::ifstream file(RETENTION_LOG_PAGE);
  std::stringstream page;
  page << file.rdbuf();
  ASSERT_FALSE(page.str().empty());
  std::set<std::string> messages;
  for (int kind = 0; kind < LedgerEntry::Kind_ARRAYSIZE; ++kind) {
    const std::string message(ActMessage(static_cast<LedgerEntry::Kind>(kind)));
    if (message.empty()) continue;
    EXPECT_TRUE(messages.insert(message).second) << message;
  }
  EXPECT_GE(messages.size(), 11u);
  // Those of the sources, with their literals put together; and those alone.
  std::string sources;
  for (const auto& entry : fs::recursive_directory_iterator(RETENTION_SERVER_SOURCES)) {
    if (entry.path().extension() != ".cc") continue;
    std::ifstream source(entry.path());
    std::stringstream text;
    text << source.rdbuf();
    sources += std::regex_replace(text.str(), std::regex("\"\\s*\n\\s*\""), "");
  }
  const std::regex call("Log\\(\\s*Severity::k\\w+,\\s*\"([^\"]*)\"");
  for (std::sregex_iterator found(sources.begin(), sources.end(), call), end; found != end; ++found) {
    messages.insert((*found)[1]);
  }
  EXPECT_GE(messages.size(), 45u);
  const std::regex named("`([^`]+)`");
  std::set<std::string> on_page;
  for (const absl::string_view line : absl::StrSplit(page.str(), '\n')) {
    if (absl::StartsWith(line, "## Health")) break;
    if (!absl::StartsWith(line, "| `")) continue;
    const std::string cell(line.substr(2, line.find(" | ") - 2));
    for (std::sregex_iterator found(cell.begin(), cell.end(), named), end; found != end; ++found) {
      on_page.insert((*found)[1]);
    }
  }
  EXPECT_EQ(on_page, messages);
}

}  // namespace
}  // namespace retention
