// The load generator: `retention_bench_load --target HOST:PORT stream|logs|unary|read`.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/bench/load_connection.h"

namespace retention {
namespace {

void Summarise(const std::string& name, const std::vector<double>& milliseconds) {
  if (milliseconds.empty()) Fail("no reports were read");
  Remark(absl::StrCat(name, ": median ", Percentile(milliseconds, 0.5), " ms, p90 ", Percentile(milliseconds, 0.9),
                      " ms, slowest ", *std::max_element(milliseconds.begin(), milliseconds.end()), " ms"));
  Report(name, Percentile(milliseconds, 0.99), "ms");
}

}  // namespace
}  // namespace retention

int main(int argc, char** argv) {
  CLI::App app("Load for a running server");
  retention::LoadOptions options;
  std::string name;
  app.add_option("--target", options.target, "HOST:PORT")->required();
  app.add_option("--tls-ca", options.tls_ca, "Authority of the server, PEM; without: plain");
  app.add_option("--tls-cert", options.tls_cert, "Own certificate, PEM");
  app.add_option("--tls-key", options.tls_key, "Its key, PEM");
  app.add_option("--name", name, "Name of the figure");
  app.add_option("--seconds", options.seconds, "Length of the measurement")->capture_default_str();
  app.add_option("--open-meetings", options.open_meetings, "Meetings at the same time on a stream")
      ->capture_default_str();
  app.add_option("--batches-per-second", options.batches_per_second, "Over all streams; 0: as many as are answered")
      ->capture_default_str();
  app.add_option("--first-stream", options.first_stream, "Must differ by 100 between runs against one server")
      ->capture_default_str();
  app.require_subcommand(1);
  app.add_subcommand("stream", "Four streams of batches of 100 events")->callback([&] {
    retention::SyncPbxs(options);
    retention::Report(name.empty() ? "ingest_stream" : name, retention::RunStreams(options), "events/s");
  });
  app.add_subcommand("logs", "Four streams of batches of 1,000 log lines")->callback([&] {
    retention::Report(name.empty() ? "log_lines" : name, retention::RunLogStreams(options), "lines/s");
  });
  app.add_subcommand("unary", "64 callers of one event each")->callback([&] {
    retention::SyncPbxs(options);
    retention::Report(name.empty() ? "ingest_unary" : name, retention::RunUnary(options), "events/s");
  });
  app.add_subcommand("read", "Reports of what the server holds")->callback([&] {
    retention::Summarise(name.empty() ? "report_of_held_p99" : name, retention::ReadReports(options));
  });
  CLI11_PARSE(app, argc, argv);
  return 0;
}
