#include "server/ledger/ledger_reader.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/base/field_violations.h"
#include "server/base/request_parts.h"
#include "server/ledger/ledger.h"
#include "storage/keys.h"

namespace retention {
namespace {

constexpr std::string_view kWhichTime = "a time from 2000-01-01 on";

absl::Status EntryUnknown(uint64_t size) {
  return ErrorWithReason(absl::StatusCode::kOutOfRange, "LEDGER_ENTRY_UNKNOWN",
                         absl::StrCat("the ledger, or its part that was asked for, has ", size, " entries"));
}

void SetDay(uint32_t number, google::type::Date& date) { SetDate(DueDay::FromNumber(number), date); }

// What a request looks for.
struct EntryFilter {
  const v1::ListLedgerEntriesRequest& request;
  const std::optional<PbxId>& pbx;
  int64_t start_us = std::numeric_limits<int64_t>::min();
  int64_t end_us = std::numeric_limits<int64_t>::max();

  bool Matches(const stored::v1::LedgerEntry& entry) const {
    if (entry.time_us() < start_us || entry.time_us() >= end_us) return false;
    if (pbx.has_value() && entry.pbx() != pbx->view()) return false;
    const auto& acts = request.acts();
    return acts.empty() || std::find(acts.begin(), acts.end(), static_cast<int>(entry.kind())) != acts.end();
  }
};

}  // namespace

v1::LedgerEntry DescribeEntry(const stored::v1::LedgerEntry& entry) {
  v1::LedgerEntry described;
  described.set_sequence(entry.sequence());
  SetTime(entry.time_us(), *described.mutable_entry_time());
  described.set_act(static_cast<v1::LedgerAct>(entry.kind()));
  described.set_policy_version(entry.policy_version());
  if (entry.day() != 0) SetDay(entry.day(), *described.mutable_day());
  if (entry.through_day() != 0) SetDay(entry.through_day(), *described.mutable_through_day());
  described.set_reason(entry.reason());
  for (const auto& count : entry.counts()) {
    v1::LedgerCount& size = *described.add_counts();
    size.set_category(count.category());
    size.set_values_max(count.values());
  }
  described.set_pbx(absl::BytesToHexString(entry.pbx()));
  if (entry.hold() != 0) described.set_hold(absl::StrFormat("%016x", entry.hold()));
  if (entry.controller() != 0) described.set_controller(absl::StrFormat("%016x", entry.controller()));
  if (entry.due_us() != 0) SetTime(entry.due_us(), *described.mutable_due_time());
  if (entry.done_us() != 0) SetTime(entry.done_us(), *described.mutable_done_time());
  described.set_simulated(entry.clock() == stored::v1::LedgerEntry::CLOCK_SIMULATED);
  described.set_ring_generation(entry.ring_generation());
  described.set_role(entry.role());
  described.set_principal(absl::BytesToHexString(entry.principal()));
  if (entry.reads() != 0) described.set_reads(entry.reads());
  if (entry.keys() != 0) described.set_keys(entry.keys());
  if (entry.files() != 0) described.set_files(entry.files());
  if (entry.has_rows_left()) described.set_rows_left(entry.rows_left());
  if (entry.rows_damaged() != 0) described.set_rows_damaged_max(entry.rows_damaged());
  if (entry.clock_from_us() != 0) SetTime(entry.clock_from_us(), *described.mutable_clock_from_time());
  if (entry.backup() != 0) described.set_backup(entry.backup());
  if (entry.backup_us() != 0) SetTime(entry.backup_us(), *described.mutable_backup_time());
  if (entry.lost_until_us() != 0) SetTime(entry.lost_until_us(), *described.mutable_lost_until_time());
  if (entry.schema_version() != 0) described.set_schema_version(entry.schema_version());
  return described;
}

absl::StatusOr<LedgerReader> LedgerReader::Open(const StoreView& store, const CheckpointSigner& signer) {
  const auto size = CountLedgerEntries(store);
  if (!size.ok()) return size.status();
  return LedgerReader(store, signer, *size);
}

absl::StatusOr<TreeHead> LedgerReader::HeadOf(uint64_t size) const {
  auto root = LedgerTree(store_, size).Root();
  if (!root.ok()) return root.status();
  return TreeHead{.size = size, .root = *std::move(root)};
}

absl::StatusOr<uint64_t> LedgerReader::SizeOf(uint64_t asked) const {
  if (asked > size_) return EntryUnknown(size_);
  return asked == 0 ? size_ : asked;
}

absl::StatusOr<v1::GetCheckpointResponse> LedgerReader::Checkpoint() const {
  const auto head = HeadOf(size_);
  if (!head.ok()) return head.status();
  v1::GetCheckpointResponse response;
  response.set_checkpoint(signer_.Sign(*head).Text());
  response.set_size(head->size);
  response.set_root_hash(head->root);
  response.set_verifier_key(signer_.verifier().Text());
  return response;
}

absl::StatusOr<v1::ListLedgerEntriesResponse> LedgerReader::List(const v1::ListLedgerEntriesRequest& request,
                                                                 const std::optional<PbxId>& pbx) const {
  FieldViolations violations;
  const auto page_size = PageSize(request.page_size(), kDefaultEntriesPerPage, kMaxEntriesPerPage);
  violations.Add(page_size.status());
  for (int i = 0; i < request.acts_size(); ++i) {
    if (!v1::LedgerAct_IsValid(request.acts(i)) || request.acts(i) == v1::LEDGER_ACT_UNSPECIFIED) {
      violations.Add(absl::StrCat("acts[", i, "]"), "no act of the ledger");
    }
  }
  EntryFilter filter{.request = request, .pbx = pbx};
  if (request.has_start_time()) {
    if (!IsEventTime(request.start_time())) violations.Add("start_time", kWhichTime);
    filter.start_us = MicrosOf(request.start_time());
  }
  if (request.has_end_time()) {
    if (!IsEventTime(request.end_time())) violations.Add("end_time", kWhichTime);
    filter.end_us = MicrosOf(request.end_time());
  }
  const auto position = PositionIn(request);
  violations.Add(position.status());
  if (!violations.ok()) return violations.status();
  uint64_t next = request.newest_first() ? size_ : 1;
  if (!position->empty() && (!absl::SimpleAtoi(*position, &next) || next == 0)) {
    return InvalidField("page_token", "not a token of this server");
  }
  v1::ListLedgerEntriesResponse response;
  // A token can be of a ledger that has lost entries since.
  auto cursor = store_.Scan(Family::kLedger, LedgerKey(0), LedgerTilesBegin());
  request.newest_first() ? cursor->SeekBefore(LedgerKey(next + 1)) : cursor->Seek(LedgerKey(next));
  for (uint64_t looked_at = 0; cursor->Valid(); ++looked_at) {
    const auto row = ReadRow(cursor->value());
    if (!row.has_value()) return absl::DataLossError(absl::StrCat("ledger entry ", next, " does not parse"));
    next = row->entry.sequence();
    if (response.entries_size() == *page_size || looked_at == kEntriesLookedAt) {
      response.set_next_page_token(TokenOf(absl::StrCat(next), request));
      return response;
    }
    if (filter.Matches(row->entry)) *response.add_entries() = DescribeEntry(row->entry);
    request.newest_first() ? cursor->Previous() : cursor->Next();
  }
  if (!cursor->status().ok()) return cursor->status();
  return response;
}

absl::StatusOr<v1::GetInclusionProofResponse> LedgerReader::Inclusion(
    const v1::GetInclusionProofRequest& request) const {
  if (request.sequence() == 0) return InvalidField("sequence", "required: entries are numbered from 1");
  const auto size = SizeOf(request.tree_size());
  if (!size.ok()) return size.status();
  if (request.sequence() > *size) return EntryUnknown(*size);
  const auto row = LedgerRowAt(store_, request.sequence());
  if (!row.ok()) return row.status();
  if (!row->has_value()) return absl::DataLossError(absl::StrCat("ledger entry ", request.sequence(), " is missing"));
  const uint64_t index = request.sequence() - 1;
  const auto hashes = LedgerTree(store_, *size).InclusionProof(index);
  if (!hashes.ok()) return hashes.status();
  const auto head = HeadOf(*size);
  if (!head.ok()) return head.status();
  v1::GetInclusionProofResponse response;
  *response.mutable_entry() = DescribeEntry((*row)->entry);
  response.set_leaf((*row)->leaf);
  response.set_tree_size(*size);
  for (const std::string& hash : *hashes) response.add_hashes(hash);
  response.set_proof(ProofText(index, (*row)->leaf, *hashes, signer_.Sign(*head).Text()));
  return response;
}

absl::StatusOr<v1::GetConsistencyProofResponse> LedgerReader::Consistency(
    const v1::GetConsistencyProofRequest& request) const {
  const auto size = SizeOf(request.second_size());
  if (!size.ok()) return size.status();
  if (request.first_size() > *size) {
    if (request.second_size() == 0) return EntryUnknown(*size);
    return InvalidField("first_size", "at most `second_size`");
  }
  const auto hashes = LedgerTree(store_, *size).ConsistencyProof(request.first_size());
  if (!hashes.ok()) return hashes.status();
  v1::GetConsistencyProofResponse response;
  response.set_second_size(*size);
  for (const std::string& hash : *hashes) response.add_hashes(hash);
  return response;
}

absl::StatusOr<v1::GetLedgerTileResponse> LedgerReader::Tile(const v1::GetLedgerTileRequest& request) const {
  if (request.kind_case() == v1::GetLedgerTileRequest::KIND_NOT_SET) {
    return InvalidField("kind", "one of `level` and `entries` is required");
  }
  if (request.width() > kTileWidth) return InvalidField("width", absl::StrCat("0 to ", kTileWidth));
  const LedgerTree tree(store_, size_);
  const uint64_t has = tree.WidthOfTile(request.level(), request.index());
  const uint64_t width = request.width() == 0 ? has : request.width();
  if (width == 0 || width > has) {
    return ErrorWithReason(absl::StatusCode::kOutOfRange, "LEDGER_TILE_UNKNOWN",
                           absl::StrCat("the tile has ", has, " of those today"));
  }
  auto tile =
      request.has_level() ? tree.Tile(request.level(), request.index(), width) : tree.Bundle(request.index(), width);
  if (!tile.ok()) return tile.status();
  v1::GetLedgerTileResponse response;
  response.set_tile(*std::move(tile));
  response.set_width(static_cast<uint32_t>(width));
  return response;
}

}  // namespace retention
