#include "client/ledger/certificate_page.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/human_units.h"
#include "retention/v1/ledger_service.pb.h"

namespace retention {
namespace {

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

// "DAY_ENDED".
std::string NameOf(v1::LedgerAct act) {
  const std::string name = v1::LedgerAct_Name(act);
  const std::string prefix = "LEDGER_ACT_";
  return name.rfind(prefix, 0) == 0 ? name.substr(prefix.size()) : name;
}

// The act in a sentence.
std::string SentenceOf(const v1::LedgerEntry& entry) {
  switch (entry.act()) {
    case v1::LEDGER_ACT_DAY_ENDED:
      return "The keys of everything that had to be gone by the end of this day were destroyed: since then no copy of "
             "it can "
             "be read, backups included.";
    case v1::LEDGER_ACT_DAY_PHYSICALLY_ERASED:
      return "No byte of what had to be gone by the end of this day is left in any file of the store.";
    case v1::LEDGER_ACT_PURGED:
      return "Personal data was erased before its day: since then no copy of it can be read.";
    case v1::LEDGER_ACT_PURGE_PHYSICALLY_ERASED:
      return "No byte of what was erased before its day, until this entry, is left in any file of the store.";
    case v1::LEDGER_ACT_PBX_ENDED:
      return "A PBX ended, and with it everything that is kept for as long as it is there.";
    case v1::LEDGER_ACT_ORDERS_CONFIRMED:
      return "The portal confirmed that it deleted objects that it was ordered to delete.";
    case v1::LEDGER_ACT_KEPT:
      return "Data whose end had come was kept, because a hold suspends its erasure.";
    case v1::LEDGER_ACT_BACKUP_PRUNED:
      return "A backup was deleted.";
    default:
      return "An act that the ledger tells of.";
  }
}

class Rows {
 public:
  void Add(const char* name, const std::string& value) {
    if (!value.empty()) absl::StrAppend(&html_, "<tr><th>", name, "</th><td>", Escaped(value), "</td></tr>\n");
  }
  void AddTime(const char* name, bool is_given, const google::protobuf::Timestamp& time) {
    if (is_given) Add(name, absl::StrCat(ReadableTime(time), " UTC"));
  }
  const std::string& html() const { return html_; }

 private:
  std::string html_;
};

std::string CountsOf(const v1::LedgerEntry& entry) {
  std::string text;
  for (const v1::LedgerCount& count : entry.counts()) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", v1::DataCategory_Name(count.category()).substr(14), ": at most ",
                    ReadableCount(static_cast<int64_t>(count.values_max())));
  }
  return text;
}

}  // namespace

std::string CertificatePage(const v1::GetInclusionProofResponse& proof, const LedgerKey& key,
                            const std::string& key_text, const std::string& proof_file) {
  const v1::LedgerEntry& entry = proof.entry();
  Rows rows;
  rows.Add("Act", NameOf(entry.act()));
  if (entry.has_day()) rows.Add("Day", ReadableDate(entry.day()));
  if (entry.has_through_day()) rows.Add("Through day", ReadableDate(entry.through_day()));
  rows.AddTime("Due", entry.has_due_time(), entry.due_time());
  rows.AddTime("Done", entry.has_done_time(), entry.done_time());
  rows.AddTime("Entered", entry.has_entry_time(), entry.entry_time());
  rows.Add("Reason", entry.reason());
  rows.Add("Sizes", CountsOf(entry));
  rows.Add("Policy version", absl::StrCat(entry.policy_version()));
  rows.Add("PBX (opaque)", entry.pbx());
  rows.Add("Hold", entry.hold());
  rows.Add("Controller", entry.controller());
  rows.Add("Role", entry.role());
  rows.Add("By (opaque)", entry.principal());
  rows.Add("Clock", entry.simulated() ? "simulated: this is a trial" : "");
  rows.Add("Ledger", key.origin);
  rows.Add("Entry", absl::StrCat(entry.sequence(), " of ", proof.tree_size()));
  rows.Add("Leaf (SHA-256)", absl::BytesToHexString(Sha256Of(std::string(1, '\0') + proof.leaf())));
  rows.Add("Key", key_text);
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Ledger entry ", entry.sequence(),
      "</title>\n<style>body{font:15px/1.5 sans-serif;max-width:46em;margin:2em auto;padding:0 1em}"
      "th{text-align:left;vertical-align:top;padding-right:1.5em;white-space:nowrap}td{overflow-wrap:anywhere}"
      "pre{font-size:12px;white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid #999;padding:1em}"
      "@media print{body{margin:0}}</style></head><body>\n<h1>Certificate of ledger entry ",
      entry.sequence(), "</h1>\n<p>", SentenceOf(entry), "</p>\n<table>\n", rows.html(),
      "</table>\n<h2>How to verify</h2>\n<p>The proof below, also in <code>", Escaped(proof_file),
      "</code>, shows by itself that this entry is in the ledger that the signed checkpoint at its end is of "
      "(c2sp.org/tlog-proof, RFC 6962). It holds for who compares the key above with the one that was published "
      "before:</p>\n"
      "<pre>retentionctl ledger verify --key KEY ",
      Escaped(proof_file), "</pre>\n<pre>", Escaped(proof.proof()), "</pre>\n</body></html>\n");
}

}  // namespace retention
