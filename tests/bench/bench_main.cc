// The benches that need no server process: `retention_bench
// access|ingest|cost|backup|drop|pbx|cohort|query|reads|ring|scrub|webinar|fill`.
#include <CLI/CLI.hpp>

#include "tests/bench/bench_engine.h"

int main(int argc, char** argv) {
  CLI::App app("Benches of engine and store");
  retention::BenchOptions options;
  std::string data_directory;
  std::string ring_directory;
  uint64_t rows = 0;
  app.add_option("--directory", options.directory, "Where the benches make their directories")->default_val("/tmp");
  app.add_option("--policy", options.policy_file, "Policy file")->required();
  app.add_flag("--quick", options.quick, "A tenth of the rows");
  app.require_subcommand(1);
  CLI::App* access = app.add_subcommand("access", "The check of a caller's role");
  access->add_option("--certificates", data_directory, "Directory of deploy/dev-certificates.sh")->required();
  access->callback([&] { retention::BenchAccess(options, data_directory); });
  app.add_subcommand("ingest", "The committer alone")->callback([&] { retention::BenchIngest(options); });
  app.add_subcommand("cost", "What an event costs, in processor and bytes")->callback([&] {
    retention::BenchCost(options);
  });
  app.add_subcommand("drop", "The end of a due day")->callback([&] { retention::BenchDrop(options); });
  app.add_subcommand("backup", "Backups beside ingest, and a restore")->callback([&] {
    retention::BenchBackup(options);
  });
  app.add_subcommand("close", "The closing of a day with many objects")->callback([&] {
    retention::BenchClose(options);
  });
  app.add_subcommand("pbx", "The end of a PBX")->callback([&] { retention::BenchPbx(options); });
  app.add_subcommand("cohort", "Building a cohort")->callback([&] { retention::BenchCohort(options); });
  app.add_subcommand("query", "Statistics queries")->callback([&] { retention::BenchQuery(options); });
  app.add_subcommand("reads", "What the organiser's page asks for, of what is large")->callback([&] {
    retention::BenchReads(options);
  });
  app.add_subcommand("ring", "Owners destroyed in the key ring")->callback([&] { retention::BenchRing(options); });
  app.add_subcommand("scrub", "What it takes that no byte of deleted meetings is left")->callback([&] {
    retention::BenchScrub(options);
  });
  app.add_subcommand("webinar", "A webinar with a million samples of quality")->callback([&] {
    retention::BenchWebinar(options);
  });
  CLI::App* fill = app.add_subcommand("fill", "Fills a data directory for a server");
  fill->add_option("--data-dir", data_directory, "Data directory")->required();
  fill->add_option("--key-ring-dir", ring_directory, "Key ring")->required();
  fill->add_option("--rows", rows, "Live rows")->required();
  fill->callback([&] { retention::FillDirectory(options, data_directory, ring_directory, rows); });
  CLI11_PARSE(app, argc, argv);
  return 0;
}
