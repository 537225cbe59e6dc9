#include "tests/scenarios/scenario.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "retention/v1/event_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "tests/rpc/api_methods.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

constexpr char kAnswerMark[] = "----\n";
constexpr size_t kMaxLine = 200;  // longer answers take several

std::string JsonOf(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) return "?\n";
  if (json.size() > kMaxLine) {
    json.clear();
    options.add_whitespace = true;
    if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) return "?\n";
  }
  if (!absl::EndsWith(json, "\n")) json += "\n";
  return json;
}

class ScenarioRun {
 public:
  // The answer to a step; none to one that has none.
  std::optional<std::string> Do(const std::string& step) {
    auto answer = Answer(WithOccurrences(step));
    if (answer.has_value()) answer = WithLabels(*answer);
    return answer;
  }

 private:
  // Calls `change` with every text that is given under `name`, in order, and puts what it returns in its place.
  static std::string Replace(std::string text, const std::string& name, const auto& change) {
    for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
      const size_t begin = text.find('"', at + name.size()) + 1;
      const size_t length = text.find('"', begin) - begin;
      text.replace(begin, length, change(text.substr(begin, length)));
    }
    return text;
  }
  // What is another in every run: occurrences are called "#1", "#2" in the order in which they first come up, and the
  // random names of files and holds are left out.
  std::string WithLabels(const std::string& text) {
    const std::string labelled = Replace(text, "\"occurrence\"", [&](const std::string& name) {
      auto it = std::find(occurrences_.begin(), occurrences_.end(), name);
      if (it == occurrences_.end()) it = occurrences_.insert(it, name);
      return absl::StrCat("#", it - occurrences_.begin() + 1);
    });
    const auto unnamed = [](const std::string&) { return std::string("(random)"); };
    return Replace(Replace(labelled, "\"display_name\"", unnamed), "\"ledger_id\"", unnamed);
  }
  std::string WithOccurrences(std::string text) const {
    for (size_t i = 0; i < occurrences_.size(); ++i) {
      text = absl::StrReplaceAll(text, {{absl::StrCat("\"#", i + 1, "\""), absl::StrCat("\"", occurrences_[i], "\"")}});
    }
    return text;
  }
  std::optional<std::string> Answer(const std::string& step) {
    absl::string_view rest = step;
    if (absl::ConsumePrefix(&rest, "at ")) return MoveTo(absl::StripAsciiWhitespace(rest));
    if (server_ == nullptr) return "?\n";
    if (absl::ConsumePrefix(&rest, "record\n")) return Record(rest);
    if (absl::ConsumePrefix(&rest, "call ")) return Call(rest);
    if (absl::ConsumePrefix(&rest, "policy\n")) return ChangePolicy(rest);
    return "?\n";
  }

  std::optional<std::string> MoveTo(absl::string_view text) {
    absl::Time time;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return "?\n";
    if (server_ != nullptr) {
      server_->AdvanceTo(time);
      // What is due is swept by then; not some moments later.
      Call("RetentionService/Sweep {}");
      return std::nullopt;
    }
    server_ = std::make_unique<RunningServer>([&](ServerOptions& options) { options.simulated_start = time; });
    server_->SyncPbx();
    return std::nullopt;
  }

  std::string Record(absl::string_view lines) {
    v1::BatchRecordEventsRequest request;
    for (const absl::string_view line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
      v1::Event& event = *request.add_events();
      event.set_pbx_id("pbx");
      v1::Event given;
      if (!google::protobuf::util::JsonStringToMessage(std::string(line), &given).ok()) return "?\n";
      event.MergeFrom(given);
    }
    v1::BatchRecordEventsResponse response;
    const CallEnd end = server_->Call("/retention.v1.EventService/BatchRecordEvents", request, &response);
    return end.ok() ? JsonOf(response.result()) : absl::StrCat(end.Summary(), "\n");
  }

  std::string Call(absl::string_view text) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits(' ', 1));
    const std::string name(absl::StripAsciiWhitespace(parts.first));
    const auto* method = MethodOf(name);
    if (method == nullptr || method->client_streaming()) return "?\n";
    const auto request = NewMessage(method->input_type());
    const std::string json = parts.second.empty() ? "{}" : parts.second;
    if (!google::protobuf::util::JsonStringToMessage(json, request.get()).ok()) return "?\n";
    const auto response = NewMessage(method->output_type());
    if (method->server_streaming()) return Watch(name, *request, *response);
    const CallEnd end = server_->Call(PathOf(name), *request, response.get());
    return end.ok() ? JsonOf(*response) : absl::StrCat(end.Summary(), "\n");
  }

  std::string ChangePolicy(absl::string_view json) {
    v1::Policy changes;
    if (!google::protobuf::util::JsonStringToMessage(std::string(json), &changes).ok()) return "?\n";
    v1::GetPolicyResponse current;
    CallEnd end = server_->Call(PathOf("RetentionService/GetPolicy"), v1::GetPolicyRequest(), &current);
    if (!end.ok()) return absl::StrCat(end.Summary(), "\n");
    v1::PlanPolicyRequest plan;
    v1::Policy& next = *plan.mutable_policy() = current.policy();
    next.MergeFrom(changes);
    next.set_version(current.policy().version() + 1);
    v1::PlanPolicyResponse planned;
    end = server_->Call(PathOf("RetentionService/PlanPolicy"), plan, &planned);
    if (!end.ok()) return absl::StrCat(end.Summary(), "\n");
    v1::ApplyPolicyRequest apply;
    *apply.mutable_policy() = next;
    apply.set_plan_token(planned.plan_token());
    v1::ApplyPolicyResponse applied;
    end = server_->Call(PathOf("RetentionService/ApplyPolicy"), apply, &applied);
    if (!end.ok()) return absl::StrCat(end.Summary(), "\n");
    Call("RetentionService/Sweep {}");
    return JsonOf(applied);
  }

  // A stream that the server ends, as one answer.
  std::string Watch(const std::string& name, const google::protobuf::Message& request,
                    google::protobuf::Message& message) {
    auto stream = server_->caller().Open(PathOf(name));
    stream->Write(request);
    stream->WritesDone();
    const std::unique_ptr<google::protobuf::Message> all(message.New());
    while (stream->Read(message)) all->MergeFrom(message);
    const CallEnd end = stream->Finish();
    return end.ok() ? JsonOf(*all) : absl::StrCat(end.Summary(), "\n");
  }

  std::unique_ptr<RunningServer> server_;
  std::vector<std::string> occurrences_;
};

}  // namespace

std::string RunScenario(const std::string& text) {
  ScenarioRun run;
  std::vector<std::string> told;
  for (const std::string& part : std::vector<std::string>(absl::StrSplit(text, "\n\n"))) {
    std::string block = part;
    if (!absl::EndsWith(block, "\n")) block += "\n";
    const std::string step = block.substr(0, block.find(kAnswerMark));
    if (absl::StartsWith(step, "#")) {
      told.push_back(step);
      continue;
    }
    const auto answer = run.Do(step);
    told.push_back(answer.has_value() ? absl::StrCat(step, kAnswerMark, *answer) : step);
  }
  std::string all;
  for (const std::string& block : told) absl::StrAppend(&all, all.empty() ? "" : "\n", block);
  return all;
}

}  // namespace retention
