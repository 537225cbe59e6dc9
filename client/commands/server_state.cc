// health, status
#include <array>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/enum_names.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "client/status_details.h"
#include "google/protobuf/struct.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "retention/v1/clock_service.pb.h"
#include "retention/v1/policy.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "retention/v1/server_service.pb.h"

namespace retention {
namespace {

// Of the server as a whole; the health service calls it "".
constexpr char kAll[] = "all";
constexpr std::array kServices = {kAll, "liveness", "ingest", "erasure", "statistics", "backup"};
constexpr absl::Duration kHealthInterval = absl::Seconds(1);

using grpc::health::v1::HealthCheckResponse;

// Whoever asks for health wants to know it now.
Client OfOneAttempt(CommandSession& session) {
  const Client client = session.MakeClient();
  ClientOptions options = client.options();
  options.retry.attempts_max = 1;
  return Client(client.connection(), options);
}

absl::StatusOr<bool> IsServing(const Client& client, const std::string& service) {
  grpc::health::v1::HealthCheckRequest request;
  if (service != kAll) request.set_service(service);
  const auto answer = client.CheckHealth(request);
  if (!answer.ok()) return answer.status();
  return answer->status() == HealthCheckResponse::SERVING;
}

// What a server says that does not have `backup`, without a directory for it.
constexpr char kUnknownService[] = "unknown";

std::string StateName(const absl::StatusOr<bool>& is_serving) {
  if (!is_serving.ok()) return kUnknownService;
  return *is_serving ? "serving" : "not-serving";
}

// Asks until the service serves or `wait` is over.
absl::StatusOr<bool> AwaitServing(CommandSession& session, const Client& client, const std::string& service,
                                  absl::Duration wait) {
  auto is_serving = IsServing(client, service);
  for (; !is_serving.value_or(false) && wait > absl::ZeroDuration(); wait -= kHealthInterval) {
    session.Progress(absl::StrCat("waiting for ", service, " ..."));
    session.retry().sleep(std::min(wait, kHealthInterval));
    is_serving = IsServing(client, service);
  }
  session.Progress("");
  return is_serving;
}

void ShowHealth(CommandSession& session, const std::string& service, const std::string& wait_text) {
  const absl::Duration wait =
      wait_text.empty() ? absl::ZeroDuration() : ValueOrUsageError(ParseLength(wait_text), "--wait");
  const Client client = OfOneAttempt(session);
  const auto asked = AwaitServing(session, client, service.empty() ? kAll : service, wait);
  if (!asked.ok() && !absl::IsNotFound(asked.status())) return session.Fail(asked.status());
  OutputTable table({{"SERVICE", "service"}, {"STATE", "state"}});
  google::protobuf::Struct json;
  const auto add = [&](const std::string& name, const std::string& state) {
    table.AddRow({name, state});
    (*json.mutable_fields())[name].set_string_value(state);
  };
  add(service.empty() ? kAll : service, StateName(asked));
  for (const char* name : kServices) {
    if (service.empty() && name != std::string(kAll)) add(name, StateName(IsServing(client, name)));
  }
  session.Print(json, table);
  if (!asked.value_or(false)) {
    session.Fail(absl::StrCat(service.empty() ? kAll : service, ": ", StateName(asked)));
  }
}

// Rows of a field and its value.
class FieldTable {
 public:
  void Add(const std::string& heading, const std::string& name, TableCell value) {
    (*json_.mutable_fields())[name].set_string_value(value.csv_text);
    table_.AddRow({TableCell(heading, name), std::move(value)});
  }
  void Print(CommandSession& session) const { session.Print(json_, table_); }

 private:
  OutputTable table_{{{"FIELD", "field"}, {"VALUE", "value"}}};
  google::protobuf::Struct json_;
};

// What cannot be told, as it is not allowed or not known to the server. The rest may still be.
TableCell Refusal(const absl::Status& status) {
  const StatusDetails details = DecodeErrorDetails(status);
  return {absl::StrCat("not told: ", details.reason.empty() ? absl::StatusCodeToString(status.code()) : details.reason),
          ""};
}

std::string TransportOf(const Target& target) {
  if (target.ca_file.empty()) return "plaintext";
  return target.certificate_file.empty() ? "TLS" : "TLS with a client certificate";
}

void AddInfo(const Client& client, FieldTable& table) {
  const auto info = client.GetServerInfo(v1::GetServerInfoRequest());
  if (!info.ok()) return table.Add("version", "version", Refusal(info.status()));
  table.Add("version", "version", info->version());
  std::vector<std::string> features;
  for (const int feature : info->features()) features.push_back(KebabName(static_cast<v1::ServerFeature>(feature)));
  table.Add("features", "features", TextCell(absl::StrJoin(features, " ")));
  table.Add("largest request, bytes", "request_bytes_max", CountCell(info->limits().request_bytes_max()));
  table.Add("calls on one connection", "calls_per_connection_max",
            CountCell(info->limits().calls_per_connection_max()));
}

void AddClock(const Client& client, FieldTable& table) {
  const auto clock = client.GetClock(v1::GetClockRequest());
  if (!clock.ok()) return table.Add("clock (UTC)", "clock", Refusal(clock.status()));
  table.Add("clock (UTC)", "clock", TimeCell(clock->now()));
  table.Add("clock is", "clock_kind", KebabName(clock->kind()));
  table.Add("clock waits for confirmation", "clock_waits", YesOrNo(clock->waits_for_confirmation()));
}

void AddPolicy(const Client& client, FieldTable& table) {
  const auto policy = client.GetPolicy(v1::GetPolicyRequest());
  if (!policy.ok()) return table.Add("policy", "policy_version", Refusal(policy.status()));
  table.Add("policy", "policy_version", CountCell(policy->policy().version()));
  if (policy->has_in_force_since()) {
    table.Add("policy in force since (UTC)", "policy_in_force_since", TimeCell(policy->in_force_since()));
  }
  table.Add("what was held is being filed", "policy_is_refiling", YesOrNo(policy->has_refile()));
}

void ShowServerStatus(CommandSession& session) {
  const Client client = OfOneAttempt(session);
  FieldTable table;
  const CommandSession::Place& place = session.place();
  table.Add("server", "server", place.target.address);
  if (!place.context.empty()) table.Add("context", "context", place.context);
  table.Add("transport", "transport", TransportOf(place.target));
  for (const char* service : kServices) {
    const auto is_serving = IsServing(client, service);
    if (absl::IsUnavailable(is_serving.status()) || absl::IsDeadlineExceeded(is_serving.status())) {
      return session.Fail(is_serving.status());
    }
    table.Add(absl::StrCat("health ", service), absl::StrCat("health_", service), StateName(is_serving));
  }
  AddInfo(client, table);
  AddClock(client, table);
  AddPolicy(client, table);
  table.Print(session);
}

}  // namespace

void AddServerStateCommands(Command root, CommandSession& session) {
  const Command health = root.AddVerb("health", "Whether the server does what it is for");
  auto service = std::make_shared<std::string>();
  auto wait = std::make_shared<std::string>();
  health
      .AddOption("SERVICE", *service,
                 "all: it is ready; liveness: it runs; ingest, erasure, statistics, backup: that part of it is well")
      .OneOf({kServices.begin(), kServices.end()});
  health.AddOption("--wait", *wait, "Ask again every second until it serves, at most so long, as 2m")
      .Check([](const std::string& text) { return std::string(ParseLength(text).status().message()); });
  health.SetFooter(
      "Exit codes: 0 it serves; 1 it does not, or has no such service; 3 it does not answer.\n"
      "\n"
      "Examples:\n"
      "  retentionctl health                     # all of them; the exit code is that of `all`\n"
      "  retentionctl health liveness\n"
      "  retentionctl health --wait 2m && deploy");
  health.SetAction([=, &session] { ShowHealth(session, *service, *wait); });
  root.AddVerb("status", "The server in a few lines: how it is reached, its health, version, clock and policy")
      .SetFooter("What the caller may not be told is left out; exit code 3 if the server does not answer.")
      .SetAction([&session] { ShowServerStatus(session); });
}

}  // namespace retention
