#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/secrets/key_ring.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 2> kReplicaNames = {"a", "b"};
// What may lie in a ring's directory beside its replicas.
constexpr std::array<std::string_view, 3> kOtherNames = {"witness", "ledger", "lost+found"};
// Room for the keys of some months' days; grown when it is used up.
constexpr size_t kFirstEntries = 256;
// A replica is overwritten again after this, and after twice as long each time that it fails.
constexpr absl::Duration kFirstRebuildWait = absl::Seconds(1);

// A directory that is not a ring's is not touched.
absl::Status CheckDirectory(const std::string& directory) {
  struct stat info;
  if (::stat(directory.c_str(), &info) != 0) {
    return errno == ENOENT ? absl::OkStatus() : StatusFromErrno(errno, "stat");
  }
  if (!S_ISDIR(info.st_mode)) return absl::FailedPreconditionError("key ring: its path is no directory");
  std::error_code error;
  fs::directory_iterator entries(directory, error);
  if (error) return StatusFromErrno(error.value(), "list directory");
  bool empty = true;
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename().string();
    const bool own = std::find(kReplicaNames.begin(), kReplicaNames.end(), name) != kReplicaNames.end() ||
                     std::find(kOtherNames.begin(), kOtherNames.end(), name) != kOtherNames.end();
    if (!own) {
      return absl::FailedPreconditionError(absl::StrCat("key ring: ", directory, " holds '", name,
                                                        "', which is none of a key ring's: give it a directory "
                                                        "of its own"));
    }
    empty = false;
  }
  // An empty one is made ours; one with a ring in it is as it was left.
  if (!empty && (info.st_mode & 0077) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("key ring: others have access to ", directory, ": chmod 0700 it"));
  }
  return absl::OkStatus();
}

// Of a ring without a head: the files that come before it say which one it was to be.
std::optional<std::array<uint8_t, 16>> UnfinishedIdentity(const std::vector<std::unique_ptr<RingReplica>>& replicas) {
  for (const auto& replica : replicas) {
    if (const auto identity = IdentityIn(*replica)) return identity;
  }
  return std::nullopt;
}

// Damaged in all replicas, or they would have been mended: of no use, and to be overwritten.
std::vector<OwnerNumber> DamagedOwnersIn(uint64_t place, uint64_t page, ConstByteSpan block) {
  std::vector<OwnerNumber> damaged;
  for (size_t n = 0; n < kPageNumbers; ++n) {
    const OwnerNumber number = page * kPageNumbers + n;
    const ConstByteSpan slot = block.subspan(kBlockHeaderBytes + n * kOwnerSlotBytes, kOwnerSlotBytes);
    if (!ReadOwnerSlot({.block = place, .number = number}, slot).has_value()) damaged.push_back(number);
  }
  return damaged;
}

absl::Status MakeDirectory(const std::string& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return StatusFromErrno(error.value(), "create directory");
  if (::chmod(directory.c_str(), 0700) != 0) return StatusFromErrno(errno, "chmod");
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> KeyRing::Directories(const std::string& directory) const {
  return {directory, options_.second_directory.empty() ? directory : options_.second_directory};
}

absl::StatusOr<std::vector<std::unique_ptr<RingReplica>>> KeyRing::OpenReplicas(const std::string& directory) const {
  const std::vector<std::string> directories = Directories(directory);
  std::vector<std::unique_ptr<RingReplica>> replicas;
  for (size_t i = 0; i < directories.size(); ++i) {
    RingReplica::OnIo on_io;
    if (options_.on_io) on_io = [this, i](RingFile file, RingReplica::Io io) { return options_.on_io(i, file, io); };
    RingReplica::OnAccess on_access;
    if (options_.on_access) {
      on_access = [this, i](RingFile file, RingReplica::Access access) { return options_.on_access(i, file, access); };
    }
    auto replica = RingReplica::Open(absl::StrCat(directories[i], "/", kReplicaNames[i]), std::move(on_io),
                                     std::move(on_access), !options_.opening.only_destroys);
    if (!replica.ok()) return replica.status();
    replicas.push_back(*std::move(replica));
  }
  return replicas;
}

absl::Status KeyRing::CheckDirectories(const std::string& directory) const {
  for (const std::string& used : Directories(directory)) {
    // What is out of reach cannot be looked at; its opening tells.
    if (absl::Status s = CheckDirectory(used); !s.ok() && !absl::IsUnavailable(s)) return s;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<KeyRing>> KeyRing::Create(const std::string& directory, Options options) {
  std::unique_ptr<KeyRing> ring(new KeyRing(std::move(options)));
  if (absl::Status s = ring->CheckDirectories(directory); !s.ok()) return s;
  for (const std::string& used : ring->Directories(directory)) {
    if (absl::Status s = MakeDirectory(used); !s.ok()) return s;
  }
  auto replicas = ring->OpenReplicas(directory);
  if (!replicas.ok()) return replicas.status();
  const auto found = OpenRing(*std::move(replicas), {}, nullptr);
  if (found.ok()) return absl::AlreadyExistsError("key ring: there is one already");
  if (!absl::IsNotFound(found.status())) return found.status();

  RingHead head;
  head.generation = 1;
  head.pages_reserved = 1;  // no number is 0
  if (absl::Status s = ring->Draw(head.identity.data(), head.identity.size()); !s.ok()) return s;
  for (SecretKey* key : {&head.keys.hash, &head.keys.open, &head.keys.entries}) {
    absl::StatusOr<SecretKey> drawn = ring->DrawKey();
    if (!drawn.ok()) return drawn.status();
    *key = *drawn;
  }
  head.root_generation = head.generation;
  replicas = ring->OpenReplicas(directory);
  if (!replicas.ok()) return replicas.status();
  // An earlier creation that was cut short may have made the root of this ring.
  if (const auto identity = UnfinishedIdentity(*replicas)) head.identity = *identity;
  const auto wrap = [&ring](RingHead& made) { return ring->WrapHead(made); };
  auto created = CreateRing(*std::move(replicas), std::move(head), kFirstEntries, ring->options_.spare_blocks, wrap);
  if (!created.ok()) return created.status();
  const MutexLock writing(ring->write_mutex_);
  {
    const MutexLock lock(ring->mutex_);
    ring->Take(*std::move(created));
  }
  ring->former_root_ = ring->options_.root != nullptr;
  if (absl::Status s = ring->Load(); !s.ok()) return s;
  if (absl::Status s = ring->DropFormerRoot(); !s.ok()) return s;
  return ring;
}

absl::StatusOr<std::unique_ptr<KeyRing>> KeyRing::Open(const std::string& directory, Options options) {
  std::unique_ptr<KeyRing> ring(new KeyRing(std::move(options)));
  if (!ring->options_.opening.only_destroys) {
    if (absl::Status s = ring->CheckDirectories(directory); !s.ok()) return s;
  }
  auto replicas = ring->OpenReplicas(directory);
  if (!replicas.ok()) return replicas.status();
  const auto unwrap = [&ring](RingHead& head) { return ring->UnwrapHead(head); };
  auto opened = OpenRing(*std::move(replicas), ring->options_.opening, unwrap);
  if (!opened.ok()) return opened.status();
  const bool takes_on = opened->head.is_wrapped != ring->options_.wrapping.has_value() ||
                        (opened->head.root == RootKind::kNone) != (ring->options_.root == nullptr);
  const MutexLock writing(ring->write_mutex_);
  {
    const MutexLock lock(ring->mutex_);
    ring->Take(*std::move(opened));
  }
  if (absl::Status s = ring->Load(); !s.ok()) return s;
  if (takes_on) {
    if (absl::Status s = ring->Reseal(absl::UnixEpoch()); !s.ok()) return s;
    return ring;
  }
  // What it cannot drop now it drops with the next change.
  ring->former_root_ = ring->options_.root != nullptr;
  ring->DropFormerRoot().IgnoreError();
  return ring;
}

void KeyRing::Take(OpenedRing ring) {
  disk_ = std::move(ring.disk);
  const auto reach = [this](size_t i, const absl::Status& why) {
    if (options_.on_reach) options_.on_reach(disk_->replica(i).directory(), why);
  };
  disk_->set_on_reach(reach);
  for (size_t i = 0; i < disk_->size(); ++i) {
    if (!disk_->in_reach(i)) reach(i, ring.not_rebuilt);
  }
  lacks_pages_ = ring.lacks_pages;
  returns_.found_generation = ring.rolled_back ? ring.head.generation : ring.found_generation;
  returns_.unseen = ring.unseen;
  for (size_t i = 0; i < disk_->size(); ++i) {
    if (disk_->stale(i) && options_.opening.accept_lower_replica) returns_.asked.insert(i);
  }
  head_ = std::move(ring.head);
  next_page_ = head_.pages_reserved;
  last_generation_ = head_.generation;
  // A change of the root writes two heads, so that none is left under the former.
  second_head_owed_ = head_.epoch > 1 && head_.generation == head_.root_generation;
  erased_since_root_ = head_.root != RootKind::kNone && head_.generation > head_.root_generation + 1;
  found_ = {.replicas_rebuilt = ring.rebuilt,
            .entries_mended = ring.mended,
            .entries_damaged = ring.damaged,
            .rolled_back = ring.rolled_back};
}

bool KeyRing::LoadEntries(ConstByteSpan entries) {
  bool damaged = false;
  const size_t slots = entries.size() / kEntryBytes;
  entries_ = LockedBytes(slots * kEntryBytes);
  const auto lies_at = [entries](size_t slot) { return entries.subspan(slot * kEntryBytes, kEntryBytes); };
  // What was cut off is lost, as what is damaged.
  if (slots < head_.entries_written) {
    damaged = true;
    found_.entries_damaged += head_.entries_written - slots;
    head_.entries_written = static_cast<uint32_t>(slots);
  }
  // Of a change that was cut short some may lie behind those that the head knows of.
  written_slots_ = head_.entries_written;
  for (size_t slot = written_slots_; slot < slots; ++slot) {
    if (ReadEntry(slot, lies_at(slot)).has_value()) written_slots_ = slot + 1;
  }
  SecretSeal seal(head_.keys.entries);
  for (size_t slot = 0; slot < slots; ++slot) {
    auto entry = ReadEntry(slot, lies_at(slot));
    if (entry.has_value() && !entry->lives()) {
      Know(slot, *entry);
      free_slots_.insert(slot);
      continue;
    }
    if (!entry.has_value() && slot >= written_slots_) {
      free_slots_.insert(slot);
      if (!IsZero(lies_at(slot))) leftover_slots_.insert(slot);
      continue;
    }
    // What is damaged in all replicas is of no use, and must not outlive what it was of. What is of another epoch was
    // left by a change of the root.
    const bool counts = entry.has_value() && entry->epoch == head_.epoch;
    const bool is_cut_off = counts && !lacks_pages_ && entry->block.has_value() && *entry->block >= blocks_;
    if (is_cut_off) ++found_.entries_damaged;
    if (!counts || is_cut_off || !slots_.try_emplace(NameOf(*entry), slot).second) {
      Know(slot, RingEntry());
      dirty_slots_.insert(slot);
      damaged = damaged || is_cut_off || (!entry.has_value() && slot < head_.entries_written);
      continue;
    }
    entry->secret = seal.Open(SealNameOf(*entry), entry->secret);
    Know(slot, *entry);
    if (entry->kind != RingEntryKind::kPage) continue;
    pages_.insert_or_assign(entry->name, Page{.block = entry->block, .until = entry->until});
    pages_until_.emplace(entry->until, entry->name);
  }
  return damaged;
}

absl::Status KeyRing::Load() {
  auto file = disk_->Read(RingFile::kKeys);
  if (!file.ok()) return file.status();
  if (absl::Status s = lacks_pages_ ? absl::OkStatus() : CountBlocks(); !s.ok()) return s;
  bool damaged = false;
  {
    const MutexLock lock(mutex_);
    damaged = LoadEntries(std::as_const(*file).span().subspan(kRingFileHeaderBytes));
  }
  // A hold may have been lost with it, or since. What is damaged is overwritten after that, since after a crash nothing
  // would tell.
  std::set<size_t> useless = std::exchange(dirty_slots_, {});
  if (damaged || options_.opening.accept_lower_replica) {
    if (absl::Status s = DropZone(); !s.ok()) return s;
  }
  if (absl::Status s = damaged ? PutLoss() : absl::OkStatus(); !s.ok()) return s;
  dirty_slots_.merge(useless);
  if (absl::Status s = lacks_pages_ ? absl::OkStatus() : LoadBlocks(); !s.ok()) return s;
  if (absl::Status s = WriteLost(); !s.ok()) return s;
  // What a destruction that was cut short left behind.
  ForgetThrough(destroyed_through());
  return Finish();
}

absl::Status KeyRing::CountBlocks() {
  const auto size = [this]() -> absl::StatusOr<uint64_t> {
    size_t sound = 0;
    while (disk_->stale(sound)) ++sound;
    return disk_->replica(sound).Size(RingFile::kPages);
  }();
  if (!size.ok()) return size.status();
  blocks_ = (*size - kRingFileHeaderBytes) / kBlockBytes;
  return absl::OkStatus();
}

absl::Status KeyRing::LoadBlocks() {
  std::map<size_t, uint64_t> pages;
  {
    const MutexLock lock(mutex_);
    for (const auto& [page, known] : pages_) {
      if (known.block.has_value()) pages.emplace(*known.block, page);
    }
  }
  LockedBytes block(kBlockBytes);
  for (size_t i = 0; i < blocks_; ++i) {
    if (absl::Status s = disk_->ReadAt(RingFile::kPages, kRingFileHeaderBytes + i * kBlockBytes, block.span());
        !s.ok()) {
      return s;
    }
    const auto page = pages.find(i);
    if (page != pages.end()) {
      if (options_.root != nullptr && !IsBlockAsFirstWritten(i, block.span())) touched_.insert(page->second);
      for (const OwnerNumber number : DamagedOwnersIn(i, page->second, std::as_const(block).span())) {
        lost_owners_.insert(number);
      }
    } else if (IsZero(block.span())) {
      free_blocks_.insert(i);
    } else {
      // Its page was not opened yet, or lies in another.
      dirty_blocks_.insert(i);
    }
  }
  return absl::OkStatus();
}

absl::Status KeyRing::ReopenLost(size_t i) {
  RingReplica& replica = disk_->replica(i);
  // It may have been lost by that alone that a file of it was removed; nothing else has what that holds.
  const auto put_back = PutBackFiles(i);
  if (!put_back.ok() && replica.HoldsNameless()) return put_back.status();
  const MutexLock lock(mutex_);
  if (!put_back.ok() || !*put_back) {
    absl::Status status = CheckDirectory(fs::path(replica.directory()).parent_path().string());
    if (status.ok()) status = ReopenReplica(*disk_, i, head_);
    if (status.ok()) status = CheckAsLeft(replica, head_.generation, last_generation_);
    if (!status.ok()) {
      replica.Close();
      return status;
    }
  }
  for (size_t slot = 0; slot < entries_.size() / kEntryBytes; ++slot) leftover_slots_.insert(slot);
  return absl::OkStatus();
}

absl::Status KeyRing::Overwrite(size_t i) {
  const auto head = [this] {
    const MutexLock lock(mutex_);
    return head_;
  };
  if (absl::Status s = TakeBack(i, head()); !s.ok()) {
    const bool is_left = absl::IsFailedPrecondition(s);
    if (is_left && returns_.told.insert(i).second && options_.on_reach) {
      options_.on_reach(disk_->replica(i).directory(), s);
    }
    return s;
  }
  overwritten_at_.erase(i);
  absl::Status status = RebuildReplica(*disk_, i, head());
  if (absl::IsResourceExhausted(status)) overwritten_at_[i] = erasures_;
  if (!status.ok()) return status;
  returns_.asked.erase(i);
  returns_.unseen.erase(i);
  returns_.told.erase(i);
  return status;
}

absl::Status KeyRing::RebuildStale(size_t i, absl::Time now) {
  RingHead head;
  {
    const MutexLock lock(mutex_);
    head = head_;
  }
  absl::Status status = CheckDirectory(fs::path(disk_->replica(i).directory()).parent_path().string());
  if (status.ok()) status = ReopenReplica(*disk_, i, head);
  const auto overwritten = overwritten_at_.find(i);
  // Nothing is to be overwritten; is there room by now?
  if (status.ok() && overwritten != overwritten_at_.end() && overwritten->second == erasures_) {
    status = ExtendReplica(*disk_, i);
    if (status.ok()) failed_rebuilds_.erase(i);
  }
  if (const auto failed = failed_rebuilds_.find(i); status.ok() && failed != failed_rebuilds_.end()) {
    const FailedAttempt& last = failed->second;
    if (last.at.IsWithin(last.wait, AttemptAt(now))) status = last.why;
  }
  if (status.ok()) {
    status = Overwrite(i);
    if (status.ok()) {
      failed_rebuilds_.erase(i);
    } else {
      FailedAttempt& last = failed_rebuilds_[i];
      last = {.at = AttemptAt(now), .wait = std::clamp(2 * last.wait, kFirstRebuildWait, kRebuildWait), .why = status};
    }
  }
  if (!status.ok()) disk_->replica(i).Close();
  return status;
}

absl::Status KeyRing::Mend(absl::Time now) {
  const MutexLock writing(write_mutex_);
  absl::Status lost;
  for (size_t i = 0; i < disk_->size(); ++i) {
    if (disk_->lost(i)) lost.Update(ReopenLost(i));
    // What a removed file holds nobody else may have.
    if (disk_->in_reach(i)) PutBackFiles(i).status().IgnoreError();
    // A write tells whether it is lost.
    if (disk_->in_reach(i) && !disk_->replica(i).Look().ok()) bump_owed_ = true;
  }
  absl::Status status = Finish();
  if (disk_->out_of_reach() == disk_->size()) return lost.ok() ? status : lost;
  status.Update(DropFormerRoot());
  for (size_t i = 0; i < disk_->size(); ++i) {
    if (disk_->stale(i)) status.Update(RebuildStale(i, now));
  }
  return status;
}

}  // namespace retention
