// orders execute
#include <atomic>
#include <limits>
#include <memory>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/enum_names.h"
#include "client/human_units.h"
#include "client/objects/local_store.h"
#include "client/objects/order_executor.h"
#include "client/objects/s3_store.h"
#include "client/objects/stop_signals.h"
#include "client/status_details.h"
#include "retention/v1/category.pb.h"
#include "retention/v1/erasure_order_service.pb.h"

namespace retention {
namespace {

constexpr char kDirectoryScheme[] = "dir:";
constexpr char kBucketScheme[] = "s3://";

constexpr char kExecuteFooter[] =
    "Deletes the objects that orders name, confirms what became of them, and waits for more until SIGINT or SIGTERM.\n"
    "An object that is not there counts as done, so the store must be the right one: it needs an object\n"
    ".retention-store at its root, which --init-store puts there once, and that something is missing is confirmed\n"
    "only after another object was found. If all are missing, nothing is confirmed and the exit code is 4: look\n"
    "whether it is the right store. If it is, say so with --accept-missing.\n"
    "\n"
    "  dir:/srv/recordings      the reference is a path below the directory. Not deleted, and reported as failed: "
    "what\n"
    "                           lies behind symbolic links, is no ordinary file or has further hard links\n"
    "  s3://bucket[/prefix]     the reference is a key below the prefix; all its versions are deleted\n"
    "\n"
    "Credentials for s3 come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or from the files\n"
    "that AWS_ACCESS_KEY_ID_FILE and so on name. They need ListBucket, GetObject, DeleteObject and, for a versioned\n"
    "bucket, DeleteObjectVersion; --init-store needs PutObject.\n"
    "Exit codes: 0 done or stopped, 1 an order failed (with --once) or nothing can be done, 2 wrong usage,\n"
    "3 the server or the store is unavailable, 4 the store may be the wrong one.\n"
    "\n"
    "Examples:\n"
    "  retentionctl orders execute --store dir:/srv/recordings --category recording\n"
    "  retentionctl orders execute --store s3://meetings/files --s3-endpoint https://minio.example:9000 --once";

struct ExecuteCommand {
  std::string store;
  std::string endpoint;
  std::string region = "us-east-1";
  std::string ca_file;
  std::vector<std::string> categories;
  int concurrency = 8;
  bool once = false;
  bool verbose = false;
  bool init_store = false;
  bool accept_missing = false;
};

absl::StatusOr<std::unique_ptr<ObjectStore>> OpenStore(const ExecuteCommand& command) {
  if (absl::StartsWith(command.store, kDirectoryScheme)) {
    return OpenLocalStore(command.store.substr(sizeof(kDirectoryScheme) - 1));
  }
  if (!absl::StartsWith(command.store, kBucketScheme)) {
    return absl::InvalidArgumentError("neither dir:/path nor s3://bucket[/prefix]");
  }
  S3Options options;
  const std::string place = command.store.substr(sizeof(kBucketScheme) - 1);
  const size_t slash = place.find('/');
  options.bucket = place.substr(0, slash);
  if (slash != std::string::npos) options.prefix = place.substr(slash + 1);
  if (absl::EndsWith(options.prefix, "/")) options.prefix.pop_back();
  options.endpoint = command.endpoint;
  options.region = command.region;
  options.ca_file = command.ca_file;
  auto credentials = AwsCredentialsFromEnvironment();
  if (!credentials.ok()) return credentials.status();
  options.credentials = *std::move(credentials);
  return OpenS3Store(std::move(options));
}

std::string DescribeOrder(const v1::ErasureOrder& order, const Erasure& erasure) {
  std::string text =
      absl::StrCat("order ", order.order_id(), " ", KebabName(order.category()), " of ", order.pbx_id(), ": ",
                   order.object_id(), " at ", order.object_ref(), ": ", KebabName(erasure.outcome));
  if (!erasure.why.empty()) absl::StrAppend(&text, " (", erasure.why, ")");
  return Printable(text);
}

void PrintHeading(CommandSession& session) {
  if (session.format() == OutputFormat::kCsv) session.out() << "erased,not_found,failed,in_doubt\n";
}

void PrintCounts(CommandSession& session, const OrderCounts& counts) {
  switch (session.format()) {
    case OutputFormat::kJson:
      session.out() << "{\"erased\": " << counts.erased << ", \"not_found\": " << counts.not_found
                    << ", \"failed\": " << counts.failed << ", \"in_doubt\": " << counts.in_doubt << "}\n";
      break;
    case OutputFormat::kCsv:
      session.out() << counts.erased << "," << counts.not_found << "," << counts.failed << "," << counts.in_doubt
                    << "\n";
      break;
    case OutputFormat::kTable:
      session.out() << "Orders: erased " << counts.erased << ", not found " << counts.not_found << ", failed "
                    << counts.failed
                    << (counts.in_doubt > 0 ? absl::StrCat(", missing and not confirmed ", counts.in_doubt) : "")
                    << "\n";
  }
  session.out() << std::flush;
}

void ReportFailures(CommandSession& session, const OrderCounts& counts) {
  for (const auto& [why, count] : counts.failures) {
    session.err() << "retentionctl: " << count << (count == 1 ? " order" : " orders") << " failed: " << why << "\n";
  }
  session.err() << std::flush;
}

OrderExecutorOptions ExecutorOptions(CommandSession& session, const ExecuteCommand& command) {
  OrderExecutorOptions options;
  options.concurrent_max = command.concurrency;
  options.accept_missing = command.accept_missing;
  for (const auto& name : command.categories) {
    options.categories.push_back(ValueNamed<v1::DataCategory>(name));
  }
  if (command.verbose) {
    options.on_order = [&session](const v1::ErasureOrder& order, const Erasure& erasure) {
      session.err() << DescribeOrder(order, erasure) << std::endl;
    };
  }
  return options;
}

void SayDoubt(CommandSession& session, StoreDoubt doubt) {
  session.Fail(
      doubt == StoreDoubt::kNoMarker
          ? absl::StrCat("the store has no object ", kStoreMarker,
                         ", and may be the wrong one: nothing was deleted, nothing confirmed. If it is the "
                         "right one, say so once with --init-store")
          : std::string("the store has had none of the objects that it was asked for, and may be the wrong "
                        "one: none of these orders was confirmed. If it is the right one, use --accept-missing"),
      kExitInDoubt);
}

// Whether the store is what it has to be before anything is waited for. What may pass is left to the executor.
bool IsRightStore(CommandSession& session, ObjectStore& store) {
  if (const absl::Status status = store.Check(); !status.ok()) {
    if (!absl::IsUnavailable(status)) session.Fail(status);
    return absl::IsUnavailable(status);
  }
  const auto has_marker = store.HasMarker();
  if (has_marker.ok() && !*has_marker) SayDoubt(session, StoreDoubt::kNoMarker);
  return !has_marker.ok() || *has_marker;
}

void InitStore(CommandSession& session, ObjectStore& store) {
  absl::Status status = store.Check();
  if (status.ok()) status = store.WriteMarker();
  if (!status.ok()) return session.Fail(status);
  session.out() << "The store has its marker, " << kStoreMarker << ".\n";
}

void ExecuteOnce(CommandSession& session, OrderExecutor& executor) {
  const auto counts = executor.RunOnce();
  if (executor.doubt() == StoreDoubt::kNoMarker) return SayDoubt(session, executor.doubt());
  if (!counts.ok()) return session.Fail(counts.status());
  PrintHeading(session);
  PrintCounts(session, *counts);
  ReportFailures(session, *counts);
  if (counts->failed > 0) session.Fail("not all orders were carried out; those that failed are delivered again");
  if (executor.doubt() != StoreDoubt::kNone) SayDoubt(session, executor.doubt());
}

void ExecuteUntilStopped(CommandSession& session, OrderExecutor& executor) {
  PrintHeading(session);
  const absl::Status status = executor.Watch();
  if (executor.doubt() != StoreDoubt::kNone) return SayDoubt(session, executor.doubt());
  if (!status.ok()) session.Fail(status);
}

void Execute(CommandSession& session, const ExecuteCommand& command) {
  auto store = OpenStore(command);
  if (absl::IsInvalidArgument(store.status())) {
    throw UsageError("--store", std::string(store.status().message()));
  }
  if (!store.ok()) return session.Fail(store.status());
  if (command.init_store) return InitStore(session, **store);
  if (!IsRightStore(session, **store)) return;
  OrderExecutorOptions options = ExecutorOptions(session, command);
  options.retry = session.retry();
  if (!command.once) {
    // A server that is away comes back; who started this expects it to go on.
    options.retry.attempts_max =
        session.handles_signals() ? std::numeric_limits<int>::max() : options.retry.attempts_max;
    // Said once, not with every attempt.
    auto said = std::make_shared<std::string>();
    options.on_interruption = [&session, said](const absl::Status& end) {
      std::string interruption = end.ok() ? "the server ended the stream" : DescribeError(end);
      if (interruption == *said) return;
      *said = std::move(interruption);
      session.err() << "retentionctl: " << *said << "; trying again" << std::endl;
    };
    options.on_batch = [&session, said](const OrderCounts& counts) {
      said->clear();
      PrintCounts(session, counts);
      ReportFailures(session, counts);
    };
  }
  OrderExecutor* running = nullptr;
  std::atomic<bool> stopped = false;
  std::mutex mutex;
  std::optional<StopSignals> signals;
  if (session.handles_signals()) {
    signals.emplace([&] {
      stopped = true;
      std::lock_guard lock(mutex);
      if (running != nullptr) running->Stop();
    });
    options.retry.sleep = [&signals](absl::Duration delay) { signals->WaitFor(delay); };
  }
  OrderExecutor executor(session.MakeClient(), **store, std::move(options));
  {
    std::lock_guard lock(mutex);
    running = &executor;
    if (stopped) executor.Stop();
  }
  if (command.once) {
    ExecuteOnce(session, executor);
  } else {
    ExecuteUntilStopped(session, executor);
  }
  std::lock_guard lock(mutex);
  running = nullptr;
}

}  // namespace

void AddOrderExecuteCommand(Command root, CommandSession& session) {
  const Command orders = root.AddNoun("orders", "Erasure orders: objects that the portal is to delete");
  const Command execute = orders.AddVerb("execute", "Carries orders out: deletes recordings, PDFs and shared files");
  auto command = std::make_shared<ExecuteCommand>();
  execute.AddOption("--store", command->store, "Where the objects lie: dir:/path or s3://bucket[/prefix]").Required();
  execute.AddOption("--s3-endpoint", command->endpoint, "https://host[:port] of the store (default: that of AWS)");
  execute.AddOption("--s3-region", command->region, "Region of the bucket").FromEnvironment("AWS_REGION").ShowDefault();
  execute.AddOption("--s3-ca-file", command->ca_file, "Certificate authorities of the endpoint (PEM)").ExistingFile();
  execute.AddOption("--category", command->categories, "Only these, as recording,pdf-share,file-share")
      .SeparatedBy(',')
      .OneOf(ObjectCategoryNames());
  execute.AddOption("--concurrency", command->concurrency, "Objects that are being deleted at a time")
      .Between(1, OrderExecutor::kConcurrentMax)
      .ShowDefault();
  execute.AddFlag("--once", command->once, "Carry out what is there and end");
  execute.AddFlag("--verbose", command->verbose, "Say for each order what became of it; this names objects");
  execute.AddFlag("--init-store", command->init_store,
                  "Mark the store as the right one (.retention-store at its root), and do nothing else");
  execute.AddFlag("--accept-missing", command->accept_missing,
                  "Confirm that objects are missing even where none was found; for this run alone");
  execute.SetFooter(kExecuteFooter);
  execute.SetAction([command, &session] { Execute(session, *command); });
}

}  // namespace retention
