// What is done with backups where no server runs: list, verify, prune, restore.
//
// Exit codes: 0 done, 1 failed, 2 wrong usage.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "storage/rocksdb/rocksdb_backups.h"
#include "storage/secrets/ring_bytes.h"

namespace retention {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

constexpr char kDescription[] =
    "Backups of a retention server's data, where no server runs: lists, verifies, deletes and restores them.";
constexpr char kFooter[] =
    "The key ring is in no backup: without it a backup opens nothing, and with it nothing that has ended since.\n"
    "While a server runs, `retentionctl backup` asks it.";
constexpr char kRestoreFooter[] =
    "Stop the server, restore into an empty directory, and start the server with it and the key ring as it is today.\n"
    "It knows the restored backup by the file RESTORED, completes the ledger, sweeps what has ended since, says what "
    "is "
    "lost, and only then serves.";

struct Arguments {
  std::string directory;
  std::string data_directory;
  std::string ring_directory;
  uint32_t number = 0;  // the youngest
  uint64_t rate_mib = 0;
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "retention_backup: %s\n", std::string(status.message()).c_str());
  return kExitFailed;
}

std::string Made(const Backup& backup) {
  return absl::FormatTime(absl::RFC3339_sec, absl::FromUnixMicros(backup.note.made_us()), absl::UTCTimeZone());
}

// Of the ring in `directory`, which may be in use: its heads say it in the clear.
absl::StatusOr<std::string> IdentityOfRing(const std::string& directory) {
  for (const char* replica : {"/a/head", "/b/head"}) {
    std::ifstream file(directory + replica, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    for (size_t place = 0; place + kHeadBytes <= bytes.size(); place += kHeadBytes) {
      uint32_t version = 0;
      const auto head = ReadHead({reinterpret_cast<const uint8_t*>(bytes.data()) + place, kHeadBytes}, version);
      if (head.has_value()) return std::string(head->identity.begin(), head->identity.end());
    }
  }
  return absl::UnavailableError(absl::StrCat(directory, ": no key ring can be read there; mount its volume"));
}

absl::StatusOr<Backup> Choose(const Backups& backups, const Arguments& given) {
  const auto find = [&]() -> std::optional<Backup> {
    const std::vector<Backup> all = backups.List();
    for (auto backup = all.rbegin(); backup != all.rend(); ++backup) {
      if (given.number == 0 || backup->number == given.number) return *backup;
    }
    return std::nullopt;
  };
  if (auto found = find()) return *std::move(found);
  const std::vector<uint32_t> damaged = backups.Damaged();
  if (given.number == 0) {
    const std::string others =
        damaged.empty() ? "" : absl::StrCat("; damaged ones do: ", absl::StrJoin(damaged, ", "), ": verify says how");
    return absl::NotFoundError(absl::StrCat(given.directory, ": no whole backup lies there", others));
  }
  if (std::find(damaged.begin(), damaged.end(), given.number) != damaged.end()) {
    // That names the file, unless it was put back since.
    if (absl::Status s = backups.Verify(given.number); !s.ok()) return s;
    if (auto found = find()) return *std::move(found);
  }
  return absl::NotFoundError(
      absl::StrCat(given.directory, ": backup ", given.number, " does not lie there; see which do: list"));
}

absl::Status CheckRing(const Backup& backup, const Arguments& given) {
  if (given.ring_directory.empty()) return absl::OkStatus();
  const auto identity = IdentityOfRing(given.ring_directory);
  if (!identity.ok()) return identity.status();
  if (*identity == backup.note.ring_identity()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("backup ", backup.number,
                                                    " is of another key ring than the one in ", given.ring_directory,
                                                    ", which opens nothing of it"));
}

int List(const Arguments& given) {
  const auto backups = OpenRocksDbBackups(given.directory, BackupAccess::kRead, {});
  if (!backups.ok()) return Fail(backups.status());
  std::printf("BACKUP  MADE                       BYTES  FILES\n");
  for (const Backup& backup : (*backups)->List()) {
    std::printf("%6u  %s  %12llu  %5u\n", backup.number, Made(backup).c_str(),
                static_cast<unsigned long long>(backup.bytes), backup.files);
  }
  for (const uint32_t number : (*backups)->Damaged()) std::printf("%6u  damaged\n", number);
  return 0;
}

int Verify(const Arguments& given) {
  const auto backups = OpenRocksDbBackups(given.directory, BackupAccess::kRead, {});
  if (!backups.ok()) return Fail(backups.status());
  const auto backup = Choose(**backups, given);
  if (!backup.ok()) return Fail(backup.status());
  if (absl::Status s = CheckRing(*backup, given); !s.ok()) return Fail(s);
  if (absl::Status s = (*backups)->Verify(backup->number); !s.ok()) return Fail(s);
  std::printf("backup %u of %s: all %u files are whole%s\n", backup->number, Made(*backup).c_str(), backup->files,
              given.ring_directory.empty() ? "" : ", and it is of this key ring");
  return 0;
}

int Prune(const Arguments& given) {
  const auto backups = OpenRocksDbBackups(given.directory, BackupAccess::kWrite, {});
  if (!backups.ok()) return Fail(backups.status());
  if (absl::Status s = (*backups)->Prune(given.number); !s.ok()) return Fail(s);
  std::printf("backup %u is deleted\n", given.number);
  return 0;
}

int Restore(const Arguments& given) {
  RocksDbBackupOptions options;
  options.bytes_per_second = given.rate_mib << 20;
  const auto backups = OpenRocksDbBackups(given.directory, BackupAccess::kRead, options);
  if (!backups.ok()) return Fail(backups.status());
  const auto backup = Choose(**backups, given);
  if (!backup.ok()) return Fail(backup.status());
  if (absl::Status s = CheckRing(*backup, given); !s.ok()) return Fail(s);
  if (absl::Status s = (*backups)->Restore(backup->number, given.data_directory); !s.ok()) return Fail(s);
  std::printf("backup %u of %s is restored in %s: start the server with it\n", backup->number, Made(*backup).c_str(),
              given.data_directory.c_str());
  return 0;
}

int Main(int argc, char** argv) {
  CLI::App app(kDescription, "retention_backup");
  app.footer(kFooter);
  app.require_subcommand(1);
  Arguments given;
  std::function<int(const Arguments&)> act;
  const auto add_verb = [&](const char* name, const char* help, int (*does)(const Arguments&)) {
    CLI::App* verb = app.add_subcommand(name, help);
    verb->add_option("--backup-directory", given.directory, "Directory of the backups")->type_name("DIR")->required();
    verb->callback([&act, does] { act = does; });
    return verb;
  };
  const auto add_ring = [&](CLI::App* verb) {
    verb->add_option("--key-ring-dir", given.ring_directory, "Refuse a backup that is not of this key ring")
        ->type_name("DIR");
  };
  const auto add_number = [&](CLI::App* verb) {
    return verb->add_option("BACKUP", given.number, "Its number; the youngest whole one if none is given");
  };
  add_verb("list", "Which there are", List);
  CLI::App* verify = add_verb("verify", "Reads all files of one, and checks their sizes and checksums", Verify);
  add_number(verify);
  add_ring(verify);
  CLI::App* prune = add_verb("prune", "Deletes one, be it damaged; a server that runs does so by itself", Prune);
  add_number(prune)->required();
  CLI::App* restore =
      add_verb("restore", "Puts one back into an empty directory, and checks its files on the way", Restore);
  add_number(restore);
  add_ring(restore);
  restore->add_option("--data-dir", given.data_directory, "Directory of the store; made if missing, else empty")
      ->type_name("DIR")
      ->required();
  restore->add_option("--rate-mib", given.rate_mib, "How fast, in MiB a second; 0: as fast as can be");
  restore->footer(kRestoreFooter);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  return act(given);
}

}  // namespace
}  // namespace retention

int main(int argc, char** argv) { return retention::Main(argc, argv); }
