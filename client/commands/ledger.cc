// ledger checkpoint | key | entries | certificate | export | verify | watch
#include <algorithm>
#include <filesystem>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/enum_names.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "client/ledger/certificate_page.h"
#include "client/ledger/ledger_archive.h"
#include "client/ledger/ledger_proofs.h"
#include "retention/v1/ledger_service.pb.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

constexpr int kEntriesPerPage = 1000;
constexpr char kCheckpointFile[] = "checkpoint";

struct EntryQuestion {
  std::vector<std::string> acts;
  std::string from;
  std::string to;
  std::string pbx;
  std::string day;
  bool newest_first = false;
  int limit = 0;
};

v1::ListLedgerEntriesRequest RequestOf(const EntryQuestion& question) {
  v1::ListLedgerEntriesRequest request;
  for (const std::string& act : question.acts) request.add_acts(ValueNamed<v1::LedgerAct>(act));
  if (!question.from.empty()) {
    *request.mutable_start_time() = ToTimestamp(ValueOrUsageError(ParseTime(question.from), "--from"));
  }
  if (!question.to.empty()) {
    *request.mutable_end_time() = ToTimestamp(ValueOrUsageError(ParseTime(question.to), "--to"));
  }
  request.set_pbx_id(question.pbx);
  request.set_newest_first(question.newest_first);
  return request;
}

bool IsOfDay(const v1::LedgerEntry& entry, const std::string& day) {
  if (!entry.has_day()) return false;
  const std::string first = ReadableDate(entry.day());
  const std::string last = entry.has_through_day() ? ReadableDate(entry.through_day()) : first;
  return first <= day && day <= last;
}

// The entries that a question is about, in pages, or nothing after saying what failed.
std::optional<v1::ListLedgerEntriesResponse> Ask(CommandSession& session, const EntryQuestion& question) {
  const std::string day = question.day.empty() ? "" : ReadableDate(ValueOrUsageError(ParseDate(question.day), "--day"));
  v1::ListLedgerEntriesRequest request = RequestOf(question);
  request.set_page_size(kEntriesPerPage);
  const Client client = session.MakeClient();
  v1::ListLedgerEntriesResponse all;
  while (true) {
    const auto page = session.Expect(client.ListLedgerEntries(request));
    if (!page) return std::nullopt;
    for (const v1::LedgerEntry& entry : page->entries()) {
      if (!day.empty() && !IsOfDay(entry, day)) continue;
      *all.add_entries() = entry;
      if (all.entries_size() == question.limit) return all;
    }
    request.set_page_token(page->next_page_token());
    if (request.page_token().empty()) return all;
  }
}

std::string SizesOf(const v1::LedgerEntry& entry) {
  std::string text;
  for (const v1::LedgerCount& count : entry.counts()) {
    absl::StrAppend(&text, text.empty() ? "" : " ", KebabName(count.category()), "<=", count.values_max());
  }
  return text;
}

void ListEntries(CommandSession& session, const EntryQuestion& question) {
  const auto all = Ask(session, question);
  if (!all) return;
  OutputTable table({{"ENTRY", "sequence", true},
                     {"ENTERED (UTC)", "entry_time"},
                     {"ACT", "act"},
                     {"DAY", "day"},
                     {"THROUGH", "through_day"},
                     {"DUE (UTC)", "due_time"},
                     {"DONE (UTC)", "done_time"},
                     {"REASON", "reason"},
                     {"SIZES", "sizes"},
                     {"ROLE", "role"},
                     {"", "principal"},
                     {"", "pbx"},
                     {"", "hold"},
                     {"", "controller"},
                     {"", "policy_version"}});
  const auto time = [](bool has, const google::protobuf::Timestamp& at) { return has ? TimeCell(at) : TextCell(""); };
  const auto date = [](bool has, const google::type::Date& day) { return TextCell(has ? ReadableDate(day) : ""); };
  for (const v1::LedgerEntry& entry : all->entries()) {
    table.AddRow({CountCell(entry.sequence()), time(entry.has_entry_time(), entry.entry_time()), KebabName(entry.act()),
                  date(entry.has_day(), entry.day()), date(entry.has_through_day(), entry.through_day()),
                  time(entry.has_due_time(), entry.due_time()), time(entry.has_done_time(), entry.done_time()),
                  TextCell(entry.reason()), TextCell(SizesOf(entry)), TextCell(entry.role()),
                  TextCell(entry.principal()), TextCell(entry.pbx()), TextCell(entry.hold()),
                  TextCell(entry.controller()), CountCell(entry.policy_version())});
  }
  session.Print(*all, table);
}

void ShowCheckpoint(CommandSession& session) {
  const auto checkpoint = session.Expect(session.MakeClient().GetCheckpoint(v1::GetCheckpointRequest()));
  if (!checkpoint) return;
  if (session.format() == OutputFormat::kJson) return session.PrintJson(*checkpoint);
  session.out() << checkpoint->checkpoint();
}

void ShowKey(CommandSession& session) {
  const auto checkpoint = session.Expect(session.MakeClient().GetCheckpoint(v1::GetCheckpointRequest()));
  if (checkpoint) session.out() << checkpoint->verifier_key() << "\n";
}

// A server's ledger as it is now, verified.
struct LiveLedger {
  v1::GetCheckpointResponse checkpoint;
  LedgerKey key;
  LedgerHead head;
};

// Of the key that was given, or else the one that the server says.
std::optional<LiveLedger> AskLedger(CommandSession& session, const std::string& key_text) {
  LiveLedger ledger;
  if (!key_text.empty()) ledger.key = ValueOrUsageError(ParseLedgerKey(key_text), "--ledger-key");
  auto checkpoint = session.Expect(session.MakeClient().GetCheckpoint(v1::GetCheckpointRequest()));
  if (!checkpoint) return std::nullopt;
  ledger.checkpoint = *std::move(checkpoint);
  if (key_text.empty()) {
    auto key = session.Expect(ParseLedgerKey(ledger.checkpoint.verifier_key()));
    if (!key) return std::nullopt;
    ledger.key = *std::move(key);
  }
  auto head = session.Expect(VerifyCheckpoint(ledger.checkpoint.checkpoint(), ledger.key));
  if (!head) return std::nullopt;
  ledger.head = *std::move(head);
  return ledger;
}

// Whether a ledger goes on from a checkpoint that was kept; says what is wrong if not.
bool GoesOnFrom(CommandSession& session, const std::string& kept, const LiveLedger& ledger) {
  const auto before = session.Expect(VerifyCheckpoint(kept, ledger.key));
  if (!before) return false;
  if (before->size > ledger.head.size) {
    session.Fail(absl::DataLossError(absl::StrCat("the ledger has ", ledger.head.size, " entries, and had ",
                                                  before->size, ": an older copy of the data is in its place")));
    return false;
  }
  v1::GetConsistencyProofRequest request;
  request.set_first_size(before->size);
  request.set_second_size(ledger.head.size);
  const auto proof = session.Expect(session.MakeClient().GetConsistencyProof(request));
  if (!proof) return false;
  const absl::Status status = VerifyConsistency(*before, ledger.head, {proof->hashes().begin(), proof->hashes().end()});
  if (!status.ok()) session.Fail(status);
  return status.ok();
}

// Writes what the directory lacks. Full tiles never change, and are not asked for again.
bool FetchParts(CommandSession& session, const fs::path& directory, uint64_t size) {
  const Client client = session.MakeClient();
  const absl::Status status = ForEachPart(size, [&](const TilePart& part) -> absl::Status {
    std::error_code error;
    if (part.width == kTileHashes && fs::exists(directory / part.Path(), error)) return absl::OkStatus();
    v1::GetLedgerTileRequest request;
    if (part.entries) {
      request.set_entries(true);
    } else {
      request.set_level(part.level);
    }
    request.set_index(part.index);
    request.set_width(static_cast<uint32_t>(part.width));
    const auto tile = client.GetLedgerTile(request);
    if (!tile.ok()) return tile.status();
    return WriteArchived(directory, part.Path(), tile->tile());
  });
  if (!status.ok()) session.Fail(status);
  return status.ok();
}

void PrintHead(CommandSession& session, const LedgerKey& key, const LedgerHead& head, const char* state) {
  session.out() << key.origin << ": " << ReadableCount(static_cast<int64_t>(head.size)) << " entries, " << state
                << "\n";
}

void Export(CommandSession& session, const std::string& directory, const std::string& key_text) {
  const auto ledger = AskLedger(session, key_text);
  if (!ledger) return;
  const auto kept = ReadArchived(directory, kCheckpointFile);
  if (!kept.ok() && !absl::IsNotFound(kept.status())) return session.Fail(kept.status());
  if (kept.ok() && !GoesOnFrom(session, *kept, *ledger)) return;
  session.Progress("fetching entries ...");
  const bool fetched = FetchParts(session, directory, ledger->head.size);
  session.Progress("");
  if (!fetched) return;
  const absl::Status written = WriteArchived(directory, kCheckpointFile, ledger->checkpoint.checkpoint());
  if (!written.ok()) return session.Fail(written);
  const auto verified = session.Expect(VerifyArchive(directory, ledger->key));
  if (verified) PrintHead(session, ledger->key, *verified, "all there, and as the checkpoint says");
}

void Verify(CommandSession& session, const std::string& path, const std::string& key_text) {
  const LedgerKey key = ValueOrUsageError(ParseLedgerKey(key_text), "--ledger-key");
  std::error_code error;
  if (fs::is_directory(path, error)) {
    const auto head = session.Expect(VerifyArchive(path, key));
    if (head) PrintHead(session, key, *head, "all there, and as the checkpoint says");
    return;
  }
  const auto text = session.ReadWholeInput(path);
  if (!text) return;
  const auto proof = session.Expect(VerifyEntryProof(*text, key));
  if (!proof) return;
  session.out() << key.origin << ": entry " << proof->index + 1 << " is in the ledger of " << proof->head.size
                << " entries\n";
}

// Looks once: what is there now must go on from what was there when it last looked.
void Watch(CommandSession& session, const std::string& state, const std::string& key_text) {
  const auto ledger = AskLedger(session, key_text);
  if (!ledger) return;
  const fs::path file = fs::absolute(state);
  const auto kept = ReadArchived(file.parent_path(), file.filename());
  if (!kept.ok() && !absl::IsNotFound(kept.status())) return session.Fail(kept.status());
  if (kept.ok() && !GoesOnFrom(session, *kept, *ledger)) return;
  const absl::Status written = WriteArchived(file.parent_path(), file.filename(), ledger->checkpoint.checkpoint());
  if (!written.ok()) return session.Fail(written);
  PrintHead(session, ledger->key, ledger->head,
            kept.ok() ? "goes on from what was seen last" : "seen for the first time");
}

void Certify(CommandSession& session, const EntryQuestion& question, uint64_t sequence, const std::string& directory,
             const std::string& key_text) {
  const auto ledger = AskLedger(session, key_text);
  if (!ledger) return;
  std::vector<uint64_t> sequences;
  if (sequence != 0) {
    sequences.push_back(sequence);
  } else {
    const auto entries = Ask(session, question);
    if (!entries) return;
    for (const v1::LedgerEntry& entry : entries->entries()) sequences.push_back(entry.sequence());
  }
  if (sequences.empty()) return session.Fail("no entry of the ledger is of that");
  OutputTable table({{"ENTRY", "sequence", true}, {"PROOF", "proof"}, {"PAGE", "page"}});
  v1::ListLedgerEntriesResponse certified;
  for (const uint64_t each : sequences) {
    v1::GetInclusionProofRequest request;
    request.set_sequence(each);
    request.set_tree_size(ledger->head.size);
    const auto proof = session.Expect(session.MakeClient().GetInclusionProof(request));
    if (!proof) return;
    if (!session.Expect(VerifyEntryProof(proof->proof(), ledger->key))) return;
    const std::string name = absl::StrCat("entry-", each);
    const std::string page =
        CertificatePage(*proof, ledger->key, ledger->checkpoint.verifier_key(), name + ".tlog-proof");
    for (const auto& [file, text] :
         {std::pair(name + ".tlog-proof", proof->proof()), std::pair(name + ".html", page)}) {
      const absl::Status written = WriteArchived(directory, file, text);
      if (!written.ok()) return session.Fail(written);
    }
    *certified.add_entries() = proof->entry();
    table.AddRow({CountCell(each), (fs::path(directory) / (name + ".tlog-proof")).string(),
                  (fs::path(directory) / (name + ".html")).string()});
  }
  session.Print(certified, table);
}

}  // namespace

void AddLedgerCommands(Command root, CommandSession& session) {
  const Command ledger =
      root.AddNoun("ledger", "What ended, when and why, and proof that nobody has changed it since")
          .SetFooter(
              "Keep what `ledger key` shows where others can compare it. Formats are those of c2sp.org (tlog-tiles, "
              "tlog-checkpoint, tlog-proof), so that foreign tools can verify them.");
  auto question = std::make_shared<EntryQuestion>();
  auto key = std::make_shared<std::string>();
  auto path = std::make_shared<std::string>();
  auto sequence = std::make_shared<uint64_t>(0);
  ledger.AddVerb("checkpoint", "The ledger's head, signed").SetAction([&session] { ShowCheckpoint(session); });
  ledger.AddVerb("key", "The key that its checkpoints are verified with").SetAction([&session] { ShowKey(session); });

  const Command entries = ledger.AddVerb("entries", "Lists entries");
  entries.AddOption("--act", question->acts, "Only these acts").OneOf(KebabNames<v1::LedgerAct>()).SeparatedBy(',');
  entries.AddOption("--from", question->from, "Only what was entered at or after this time");
  entries.AddOption("--to", question->to, "Only what was entered before this time");
  entries.AddOption("--day", question->day, "Only what is of this due day");
  entries.AddOption("--pbx", question->pbx, "Only what is of this PBX");
  entries.AddFlag("--newest-first", question->newest_first, "The latest first");
  entries.AddOption("--limit", question->limit, "So many at most; 0: all").NonNegative();
  entries.SetAction([&session, question] { ListEntries(session, *question); });

  const char* const kKeyHelp = "Verifies with this key; else with the one that the server says, which proves less";
  const Command certificate = ledger.AddVerb(
      "certificate", "Writes for entries a proof, and a page for people, that can be verified without the server");
  const OptionGroup which = certificate.AddChoice("Which entries");
  which.AddOption("--entry", *sequence, "The one of this number");
  which.AddOption("--day", question->day, "All that are of this due day");
  which.AddOption("--pbx", question->pbx, "All that are of this PBX, while it is known");
  certificate.AddOption("--ledger-key", *key, kKeyHelp);
  certificate.AddOption("--out", *path, "Directory to write to").Required();
  certificate.SetAction(
      [&session, question, sequence, path, key] { Certify(session, *question, *sequence, *path, *key); });

  const Command exporting =
      ledger.AddVerb("export", "Writes the whole ledger as files, or what is new since, and verifies it");
  exporting.AddOption("DIR", *path, "Directory, which any web server can serve").Required();
  exporting.AddOption("--ledger-key", *key, kKeyHelp);
  exporting.SetAction([&session, path, key] { Export(session, *path, *key); });

  const Command verify =
      ledger.AddVerb("verify", "Verifies an exported ledger, or a proof of an entry, without a server");
  verify.AddOption("PATH", *path, "A directory of `export`, or a .tlog-proof file").Required();
  verify.AddOption("--ledger-key", *key, "The ledger's key").Required();
  verify.SetAction([&session, path, key] { Verify(session, *path, *key); });

  const Command watch = ledger.AddVerb(
      "watch",
      "Remembers the ledger's head, and fails if it does not go on from what was seen last: it was changed, or an "
      "older copy of the data is in its place. For a timer, on another machine");
  watch.AddOption("FILE", *path, "Where it is remembered; keep it away from the server").Required();
  watch.AddOption("--ledger-key", *key, kKeyHelp);
  watch.SetAction([&session, path, key] { Watch(session, *path, *key); });
}

}  // namespace retention
