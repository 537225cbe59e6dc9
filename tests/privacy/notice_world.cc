#include "tests/privacy/notice_world.h"

#include <arpa/nameser.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <regex>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "retention/v1/clock_service.pb.h"
#include "retention/v1/deletion_service.pb.h"
#include "retention/v1/erasure_order_service.pb.h"
#include "retention/v1/event_service.pb.h"
#include "retention/v1/hold_service.pb.h"
#include "retention/v1/log_service.pb.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "retention/v1/statistics_service.pb.h"
#include "storage/keys.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "storage/secrets/vault.h"
#include "tests/engine/harness.h"
#include "tests/rpc/api_methods.h"

namespace retention::privacy {
namespace {

constexpr char kPbx[] = "canary-pbx";
constexpr char kControlName[] = "control.example.org";

// Every value of the table says what it is; these are how they are spelled, and the addresses, which cannot.
const std::vector<std::string> kCanaries = {
    "canary", "Canary", "CANARY", "203.0.113.77", "198.51.100.177", "2001:db8:ca7a::77", "+49177001770"};

constexpr char kListMeetings[] = "MeetingService/ListMeetings";
// What is asked for without an occurrence, and then for each that ListMeetings tells of.
constexpr char kOneMeeting[] = "pbx_id: 'canary-pbx' meeting_id: 'canary-meeting'";

// All calls that show personal values, and the statistics of the day on which meetings take place.
constexpr struct {
  const char* call;
  std::string_view request;
} kReads[] = {
    {"PbxService/GetPbx", "pbx_id: 'canary-pbx'"},
    {"PbxService/ListPbxs", ""},
    {kListMeetings, "pbx_id: 'canary-pbx'"},
    {"MeetingService/GetMeeting", kOneMeeting},
    {"MeetingService/ListParticipants", kOneMeeting},
    {"MeetingService/GetMeetingReport", kOneMeeting},
    {"LogService/ReadLogs", ""},
    {"LogService/ListLogExtensions", ""},
    {"HoldService/ListHolds", ""},
    {"StatisticsService/QueryStatistics",
     "metric: METRIC_PEOPLE first_day { year: 2026 month: 3 day: 4 } last_day { year: 2026 month: 3 day: 4 }"},
};

// With "@2026-03-04T23:30:00+01:00" as a timestamp. The @ of an address stays.
std::string WithTimes(const std::string& text) {
  static const std::regex& time = *new std::regex("@([0-9]{4}-[0-9:.T+-]+)");
  std::string filled;
  auto rest = text.begin();
  for (std::sregex_iterator it(text.begin(), text.end(), time), end; it != end; ++it) {
    const int64_t us = absl::ToUnixMicros(At((*it)[1].str()));
    filled.append(rest, (*it)[0].first);
    absl::StrAppend(&filled, "{ seconds: ", us / 1000000, " nanos: ", us % 1000000 * 1000, " }");
    rest = (*it)[0].second;
  }
  filled.append(rest, text.end());
  return filled;
}

template <typename Message>
void Parse(const std::string& text, Message& message) {
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(WithTimes(text), &message)) << text;
}

const google::protobuf::MethodDescriptor* KnownMethod(const std::string& call) {
  const auto* method = MethodOf(call);
  EXPECT_NE(method, nullptr) << call;
  return method;
}

NoticeWorld::Answer Call(RunningServer& server, const char* call, const google::protobuf::Message& request) {
  const auto* method = KnownMethod(call);
  const auto response = NewMessage(method->output_type());
  const std::string path = PathOf(call);
  CallEnd end;
  if (method->client_streaming()) {
    const auto stream = server.caller().Open(path);
    EXPECT_TRUE(stream->Write(request) && stream->Read(*response)) << call;
    stream->WritesDone();
    std::string more;
    EXPECT_FALSE(stream->Read(more));
    end = stream->Finish();
  } else {
    end = server.Call(path, request, response.get());
  }
  return {end.ok(), end.ok() ? response->ShortDebugString() : end.Summary()};
}

std::optional<std::string> AnswerOf(const DnsQuestion& question) {
  constexpr int kNoSuchName = 3;
  if (absl::StartsWith(question.name, "canary-unresolved")) return DnsReply(question, kNoSuchName);
  return DnsReply(question, 0, {DnsRecord(question.name, ns_t_a, std::string(4, '\x01'))});
}

}  // namespace

std::vector<FoundRow> RowsOf(const std::filesystem::path& data, const std::filesystem::path& ring) {
  const std::filesystem::path scratch = data.parent_path() / "opened";
  CopyDirectory(data, scratch / "data");
  CopyDirectory(ring, scratch / "ring");
  std::vector<FoundRow> rows;
  {
    const auto keys = KeyRing::Open((scratch / "ring").string(), {});
    const auto store = OpenRocksDbStore((scratch / "data").string(), {});
    EXPECT_TRUE(keys.ok() && store.ok()) << keys.status() << store.status();
    if (!keys.ok() || !store.ok()) return rows;
    Vault vault(**keys, SystemRandom());
    for (auto cursor = (*store)->Scan(Family::kFiled, "", ""); cursor->Valid(); cursor->Next()) {
      const auto text = vault.Open(FiledKey::Decode(cursor->key()).value(), cursor->value());
      EXPECT_TRUE(text.ok() || absl::IsNotFound(text.status())) << text.status();
      rows.push_back({text.ok() ? text->Reveal() : "", std::string(cursor->value())});
    }
    for (auto cursor = (*store)->Scan(Family::kStatistics, "", ""); cursor->Valid(); cursor->Next()) {
      const auto cube = DecodeCubeKey(cursor->key()).value();
      if (cube.erase_day == DueDay::Kept()) continue;  // sums of months, which stay
      rows.push_back(
          {absl::StrCat("cube of ", absl::FormatCivilTime(cube.cohort_day.civil())), std::string(cursor->value())});
    }
  }
  std::filesystem::remove_all(scratch);
  return rows;
}

NoticeWorld::NoticeWorld(absl::Time start)
    : now_(start), dns_(AnswerOf), server_([this](ServerOptions& options) { Options(options); }) {}

void NoticeWorld::Options(ServerOptions& options) {
  options.simulated_start = now_;
  options.dns = {
      .resolvers = {dns_.address()}, .ask_aaaa = false, .timeout = absl::Seconds(20), .control_names = {kControlName}};
}

void NoticeWorld::Do(const Steps& steps) {
  for (const Step& step : steps) {
    AdvanceTo(At(step.time));
    const std::string wanted = step.answer != nullptr ? step.answer : "";
    if (step.awaited) {
      AwaitTrue([&] { return absl::StrContains(Do(step).text, wanted); });
      if (::testing::Test::HasFatalFailure()) return;  // those to come would be in vain too
      continue;
    }
    const auto [ok, answer] = Do(step);
    const bool whole = ok && !absl::StrContains(answer, "rejections") && !absl::StrContains(answer, "past_due");
    EXPECT_TRUE(wanted.empty() ? whole : absl::StrContains(answer, wanted)) << step.request << ": " << answer;
  }
}

NoticeWorld::Answer NoticeWorld::Do(const Step& step) {
  const auto request = NewMessage(KnownMethod(step.call)->input_type());
  if (step.call != std::string_view(kEvent)) {
    Parse(step.request, *request);
    return Call(server_, step.call, *request);
  }
  v1::Event event;
  Parse(step.request, event);
  event.set_event_id(absl::StrCat("canary-event-", ++events_));
  event.set_pbx_id(kPbx);
  if (!event.has_time()) event.mutable_time()->set_seconds(absl::ToUnixSeconds(At(step.time)));
  *static_cast<v1::BatchRecordEventsRequest&>(*request).add_events() = event;
  return Call(server_, step.call, *request);
}

void NoticeWorld::AdvanceTo(absl::Time time) {
  if (time <= now_) return;
  now_ = time;
  server_.AdvanceTo(time);
}

void NoticeWorld::Sweep() {
  const Answer answer = Call(server_, "RetentionService/Sweep", v1::SweepRequest());
  EXPECT_TRUE(answer.ok) << answer.text;
}

std::string NoticeWorld::Read() {
  std::string shown;
  const auto read = [&](const char* call, const std::string& text) {
    const auto request = NewMessage(KnownMethod(call)->input_type());
    Parse(text, *request);
    std::string answer = Call(server_, call, *request).text;
    absl::StrAppend(&shown, call, ": ", answer, "\n");
    return answer;
  };
  std::vector<std::string> occurrences;
  for (const auto& [call, request] : kReads) {
    const std::string text(request);
    const std::string answer = read(call, text);
    if (call == std::string_view(kListMeetings)) {
      static const std::regex& name = *new std::regex("occurrence: \"([0-9a-f]+)\"");
      for (std::sregex_iterator it(answer.begin(), answer.end(), name), end; it != end; ++it) {
        occurrences.push_back((*it)[1].str());
      }
    }
    if (text != kOneMeeting) continue;
    for (const std::string& occurrence : occurrences) {
      read(call, absl::StrCat(text, " occurrence: '", occurrence, "'"));
    }
  }
  return shown;
}

std::string NoticeWorld::Orders() {
  const Answer answer = Call(server_, "ErasureOrderService/ListErasureOrders", v1::ListErasureOrdersRequest());
  EXPECT_TRUE(answer.ok) << answer.text;
  return answer.text;
}

void NoticeWorld::Keep(const std::string& name) {
  server_.Stop();
  CopyDirectory(server_.directory() / "data", Data(name));
  CopyDirectory(server_.directory() / "ring", Ring(name));
  const absl::Status status = server_.Restart([this](ServerOptions& options) { Options(options); });
  EXPECT_TRUE(status.ok()) << status;
}

std::vector<std::string> NoticeWorld::PlainCanaries() const {
  return FindBytes(server_.directory(), PlainAndHex(kCanaries));
}

}  // namespace retention::privacy
