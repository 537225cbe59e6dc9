#include "storage/secrets/ring_opening.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/secrets/ring_merge.h"

namespace retention {
namespace {

constexpr size_t kCopyBytes = 1 << 20;
// Of owners' numbers that a later generation may have given: more than any has.
constexpr uint64_t kPagesLeftOut = uint64_t{1} << 32;

uint64_t PlaceOf(const RingHead& head) { return head.generation % 2 * kHeadBytes; }

// The later of a replica's two heads that are whole. None if it lacks one of its other files.
struct FoundHead {
  std::optional<RingHead> head;
  uint64_t bytes = 0;                    // of its other files: one that is shorter lacks what was added last
  uint32_t version = 0;                  // of one that cannot be read
  std::set<RingFile> lacks;              // files that are not there, or are another ring's
  std::optional<RingHead> without_them;  // what would be its head, had it all files

  // Be it that it lacks some of them.
  const RingHead* any_head() const {
    if (head.has_value()) return &*head;
    return without_them.has_value() ? &*without_them : nullptr;
  }
};

bool IsNearly(ConstByteSpan identity, const std::array<uint8_t, 16>& known) {
  const auto alike =
      std::inner_product(known.begin(), known.end(), identity.begin(), size_t{0}, std::plus<>(), std::equal_to<>());
  return alike >= known.size() / 2;
}

// Whether a file is there, and no other ring's: that is one whose header has the magic and less than half of the
// identity. Any other header that is not right is damaged, and follows from the head: what is behind it speaks for
// itself.
bool IsOfRing(const RingReplica& replica, RingFile file, const RingHead& head) {
  LockedBytes found(kRingFileHeaderBytes);
  if (!replica.ReadAt(file, 0, found.span()).ok()) return false;
  const std::string_view magic = MagicOf(file);
  if (std::memcmp(found.data(), magic.data(), magic.size()) != 0) return true;
  return IsNearly(ConstByteSpan(found.span()).subspan(magic.size(), head.identity.size()), head.identity);
}

absl::StatusOr<FoundHead> FindHead(const RingReplica& replica) {
  FoundHead found;
  auto bytes = replica.Read(RingFile::kHead);
  if (!bytes.ok()) return bytes.status();
  for (size_t place = 0; place + kHeadBytes <= bytes->size(); place += kHeadBytes) {
    uint32_t version = kRingVersion;
    auto head = ReadHead(std::as_const(*bytes).span().subspan(place, kHeadBytes), version);
    if (version != kRingVersion) found.version = version;
    if (head.has_value() && (!found.head.has_value() || head->generation > found.head->generation)) {
      found.head = *std::move(head);
    }
  }
  for (const RingFile file : {RingFile::kKeys, RingFile::kPages}) {
    const auto size = replica.Size(file);
    if (!size.ok()) return size.status();
    found.bytes += *size;
    if (found.head.has_value() && !IsOfRing(replica, file, *found.head)) found.lacks.insert(file);
  }
  if (!found.lacks.empty()) found.without_them = std::exchange(found.head, std::nullopt);
  return found;
}

// Whether it holds a key.
absl::StatusOr<bool> HoldsKeys(const RingReplica& replica) {
  auto keys = replica.Read(RingFile::kKeys);
  if (!keys.ok()) return keys.status();
  if (keys->size() <= kRingFileHeaderBytes) return false;
  return !IsZero(std::as_const(*keys).span().subspan(kRingFileHeaderBytes));
}

// The one that counts, if any does.
std::optional<size_t> LeaderOf(const std::vector<FoundHead>& heads,
                               const std::vector<std::unique_ptr<RingReplica>>& replicas) {
  std::optional<size_t> leader;
  const auto rank = [&](size_t of) {
    return std::tuple(heads[of].head->generation, replicas[of]->opening().ok(), heads[of].bytes);
  };
  for (size_t i = 0; i < heads.size(); ++i) {
    if (!heads[i].head.has_value()) continue;
    if (!leader.has_value() || rank(i) > rank(*leader)) leader = i;
  }
  return leader;
}

// The replica that counts but for `leader`, and is of an earlier generation, if there is one.
std::optional<size_t> LowerThan(size_t leader, const std::vector<FoundHead>& heads) {
  std::optional<size_t> lower;
  for (size_t i = 0; i < heads.size(); ++i) {
    const RingHead* const head = heads[i].any_head();
    if (head == nullptr || head->identity != heads[leader].head->identity) continue;
    if (head->generation < heads[leader].head->generation) lower = i;
  }
  return lower;
}

absl::Status LacksFile(RingFile file) {
  return absl::DataLossError(absl::StrCat("key ring: its file ", NameOf(file),
                                          " is missing or another ring's in every replica: put an intact one back"));
}

// What cannot be read now may be all that is left.
absl::Status DamagedBesideUnread(const RingReplica& read, RingFile file, const RingReplica& unread) {
  return absl::FailedPreconditionError(
      absl::StrCat("key ring: ", read.directory(), "/", NameOf(file), " is damaged, and ", unread.directory(),
                   ", which may have what is lost there, cannot be read: put it back, or, if there is none, start with "
                   "--accept-lower-replica, which goes on without what is damaged"));
}

absl::Status DamagedAboveLower(const RingReplica& later, RingFile file, uint64_t generation, const RingReplica& lower,
                               uint64_t lower_generation) {
  return absl::FailedPreconditionError(absl::StrCat(
      "key ring: ", later.directory(), "/", NameOf(file), " is damaged, which is of the last generation, ", generation,
      "; ", lower.directory(), " is of ", lower_generation, ", and would be overwritten: put an intact ",
      later.directory(), " back, or, if there is none, start with --accept-lower-replica, which goes on with ",
      lower.directory(), ": what was sealed since is lost, and older copies open again what was erased since; or move ",
      lower.directory(), " away, and start with --accept-lower-replica: then what is damaged is lost"));
}

}  // namespace

absl::Status WriteHeadTo(RingDisk& disk, const RingHead& head) {
  LockedBytes bytes(kHeadBytes);
  WriteHead(head, bytes.span());
  return disk.Write(RingFile::kHead, PlaceOf(head), std::as_const(bytes).span());
}

std::optional<std::array<uint8_t, 16>> IdentityIn(const RingReplica& replica) {
  const std::string_view magic = MagicOf(RingFile::kKeys);
  LockedBytes header(kRingFileHeaderBytes);
  const bool read = replica.ReadAt(RingFile::kKeys, 0, header.span()).ok();
  if (!read || std::memcmp(header.data(), magic.data(), magic.size()) != 0) return std::nullopt;
  std::array<uint8_t, 16> identity{};
  std::memcpy(identity.data(), header.data() + magic.size(), identity.size());
  return identity;
}

absl::StatusOr<OpenedRing> CreateRing(std::vector<std::unique_ptr<RingReplica>> replicas, RingHead head, size_t entries,
                                      size_t blocks, const std::function<absl::Status(RingHead&)>& wrap) {
  OpenedRing ring;
  ring.disk = std::make_unique<RingDisk>(std::move(replicas));
  for (size_t i = 0; i < ring.disk->size(); ++i) {
    RingReplica& replica = ring.disk->replica(i);
    absl::Status s = replica.Extend(RingFile::kKeys, kRingFileHeaderBytes + entries * kEntryBytes);
    if (s.ok()) s = replica.Extend(RingFile::kPages, kRingFileHeaderBytes + blocks * kBlockBytes);
    for (const RingFile file : {RingFile::kKeys, RingFile::kPages}) {
      LockedBytes header(kRingFileHeaderBytes);
      WriteFileHeader(file, head, header.span());
      const RingWrite write{0, std::as_const(header).span()};
      if (s.ok()) s = replica.Write(file, {&write, 1});
    }
    if (!s.ok()) return s;
  }
  if (absl::Status s = wrap(head); !s.ok()) return s;
  // Last, since a ring exists from the moment that it has a head.
  for (size_t i = 0; i < ring.disk->size(); ++i) {
    if (absl::Status s = ring.disk->replica(i).Extend(RingFile::kHead, 2 * kHeadBytes); !s.ok()) return s;
  }
  if (absl::Status s = WriteHeadTo(*ring.disk, head); !s.ok()) return s;
  if (ring.disk->stale_replicas() > 0) return absl::UnavailableError("key ring: a replica cannot be written");
  ring.head = std::move(head);
  return ring;
}

absl::Status ReopenReplica(RingDisk& disk, size_t i, const RingHead& head) {
  RingReplica& replica = disk.replica(i);
  if (absl::Status s = replica.Reopen(); !s.ok()) return s;
  const auto identity = IdentityIn(replica);
  if (identity.has_value() ? IsNearly(*identity, head.identity) : replica.is_on_first_volume()) {
    return absl::OkStatus();
  }
  replica.Close();
  const char* const found = identity.has_value() ? " is of another ring" : " is not there: is its volume mounted?";
  return absl::FailedPreconditionError(absl::StrCat("key ring: ", replica.directory(), found));
}

absl::StatusOr<std::optional<RingHead>> HeadIn(const RingReplica& replica) {
  auto found = FindHead(replica);
  if (!found.ok()) return found.status();
  return std::move(found->head);
}

absl::Status CheckAsLeft(const RingReplica& replica, uint64_t least, uint64_t most) {
  const auto head = HeadIn(replica);
  if (!head.ok()) return head.status();
  const uint64_t generation = head->has_value() ? (*head)->generation : 0;
  if (generation >= least && generation <= most) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("key ring: ", replica.directory(), " has generation ", generation,
                                                    ", and was left with ", least,
                                                    ": it is not the last one, and is not read"));
}

namespace {

// The size that `file` has in a replica that is in reach.
absl::StatusOr<uint64_t> SizeInOthers(RingDisk& disk, RingFile file) {
  absl::StatusOr<uint64_t> size = absl::UnavailableError("key ring: no replica can be read");
  for (size_t i = 0; i < disk.size() && !size.ok(); ++i) {
    if (disk.in_reach(i)) size = disk.replica(i).Size(file);
  }
  return size;
}

// Of `file`, from `from` on up to `to`, what the others hold; zeros beyond their end.
absl::Status CopyTo(RingDisk& disk, size_t i, RingFile file, uint64_t from, uint64_t to) {
  const auto size = SizeInOthers(disk, file);
  if (!size.ok()) return size.status();
  LockedBytes copy(kCopyBytes);
  for (uint64_t at = from; at < to; at += kCopyBytes) {
    const ByteSpan part = copy.span().first(std::min<uint64_t>(kCopyBytes, to - at));
    std::fill(part.begin(), part.end(), 0);
    if (at < *size) {
      const ByteSpan found = part.first(std::min<uint64_t>(part.size(), *size - at));
      if (absl::Status s = disk.ReadAt(file, at, found); !s.ok()) return s;
    }
    const RingWrite write{at, part};
    if (absl::Status s = disk.replica(i).Write(file, {&write, 1}); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ExtendReplica(RingDisk& disk, size_t i) {
  for (const RingFile file : {RingFile::kHead, RingFile::kKeys, RingFile::kPages}) {
    const auto size = SizeInOthers(disk, file);
    if (!size.ok()) return size.status();
    if (absl::Status s = disk.replica(i).Extend(file, *size); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status RebuildReplica(RingDisk& disk, size_t i, const RingHead& head) {
  RingReplica& target = disk.replica(i);
  // No head of it counts until everything else is there.
  LockedBytes none(2 * kHeadBytes);
  if (absl::Status s = target.Extend(RingFile::kHead, none.size()); !s.ok()) return s;
  const RingWrite wipe{0, std::as_const(none).span()};
  if (absl::Status s = target.Write(RingFile::kHead, {&wipe, 1}); !s.ok()) return s;
  // What it has goes, be there room for the rest or not.
  std::array<uint64_t, kRingFiles> copied{};
  for (const RingFile file : {RingFile::kKeys, RingFile::kPages}) {
    const auto own = target.Size(file);
    if (!own.ok()) return own.status();
    copied.at(static_cast<size_t>(file)) = *own;
    if (absl::Status s = CopyTo(disk, i, file, 0, *own); !s.ok()) return s;
  }
  if (absl::Status s = ExtendReplica(disk, i); !s.ok()) return s;
  for (const RingFile file : {RingFile::kKeys, RingFile::kPages}) {
    const auto size = SizeInOthers(disk, file);
    if (!size.ok()) return size.status();
    if (absl::Status s = CopyTo(disk, i, file, copied.at(static_cast<size_t>(file)), *size); !s.ok()) return s;
  }
  LockedBytes bytes(kHeadBytes);
  WriteHead(head, bytes.span());
  const RingWrite write{PlaceOf(head), std::as_const(bytes).span()};
  if (absl::Status s = target.Write(RingFile::kHead, {&write, 1}); !s.ok()) return s;
  disk.SetInReach(i);
  return absl::OkStatus();
}

absl::StatusOr<OpenedRing> OpenRing(std::vector<std::unique_ptr<RingReplica>> replicas, const RingOpening& opening,
                                    const std::function<absl::Status(RingHead&)>& unwrap) {
  std::vector<FoundHead> heads;
  absl::Status unread;
  for (const auto& replica : replicas) {
    auto head = FindHead(*replica);
    // One that cannot be read is as good as none, unless it is the only one.
    if (!head.ok() || !replica->Has(RingFile::kHead)) unread.Update(replica->opening());
    unread.Update(head.status());
    heads.push_back(head.ok() ? *std::move(head) : FoundHead());
  }
  uint32_t unknown_version = 0;
  for (const FoundHead& found : heads) {
    if (found.version != 0) unknown_version = found.version;
  }
  std::optional<size_t> leader = LeaderOf(heads, replicas);
  if (unknown_version != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("key ring: it is of version ", unknown_version, ", not ", kRingVersion));
  }
  // What the one that would lead lacks; `pages` alone, if that is so of any.
  std::optional<RingFile> lacked;
  uint64_t known_generation = opening.known_generation;
  for (const FoundHead& found : heads) {
    if (found.lacks.empty()) continue;
    known_generation = std::max(known_generation, found.without_them->generation);
    const bool would_lead = !leader.has_value() || found.without_them->generation > heads[*leader].head->generation;
    if (!would_lead || !unread.ok()) continue;
    if (!lacked.has_value() || !found.lacks.contains(RingFile::kKeys)) lacked = *found.lacks.begin();
  }
  const bool lacks_pages = opening.only_destroys && lacked == RingFile::kPages;
  if (lacked.has_value() && !lacks_pages && !leader.has_value()) {
    return LacksFile(*lacked);
  }
  if (lacks_pages) {
    for (size_t i = 0; i < heads.size(); ++i) {
      if (heads[i].lacks != std::set{RingFile::kPages}) continue;
      const auto keys = replicas[i]->Size(RingFile::kKeys);
      if (!keys.ok()) return keys.status();
      heads[i].head = std::move(heads[i].without_them);
      heads[i].bytes = *keys;
    }
    leader = LeaderOf(heads, replicas);
  }
  if (!leader.has_value()) {
    if (!unread.ok()) return unread;
    for (const auto& replica : replicas) {
      const auto keys = HoldsKeys(*replica);
      if (!keys.ok()) return keys.status();
      if (*keys) {
        return absl::DataLossError(
            "key ring: its file head is missing or damaged in every replica, but there are keys: put an intact one "
            "back");
      }
    }
    return absl::NotFoundError("key ring: there is none");
  }
  // One of an earlier generation is not overwritten where it has what the later one lacks: it may be all that is left.
  if (const auto lower = LowerThan(*leader, heads)) {
    std::optional<RingHead>& later = heads[*leader].head;
    const auto damaged = LostWithout(*replicas[*lower], *heads[*lower].any_head(), heads[*lower].lacks,
                                     *replicas[*leader], *later, lacks_pages);
    if (!damaged.ok()) return damaged.status();
    if (damaged->has_value()) {
      if (!opening.accept_lower_replica) {
        return DamagedAboveLower(*replicas[*leader], **damaged, later->generation, *replicas[*lower],
                                 heads[*lower].any_head()->generation);
      }
      if (!heads[*lower].head.has_value()) return LacksFile(*heads[*lower].lacks.begin());
      known_generation = std::max(known_generation, later->generation);
      later.reset();
      leader = lower;
    }
  }
  OpenedRing ring;
  ring.lacks_pages = lacks_pages;
  ring.head = *heads[*leader].head;
  const std::string identity(ring.head.identity.begin(), ring.head.identity.end());
  if (!opening.known_identity.empty() && identity != opening.known_identity) {
    return absl::InvalidArgumentError("key ring: it is another one's");
  }
  ring.rolled_back = ring.head.generation < known_generation;
  if (ring.rolled_back && !opening.accept_lower_replica) {
    return absl::FailedPreconditionError(absl::StrCat("key ring: it was rolled back: its generation is ",
                                                      ring.head.generation, ", and ", known_generation,
                                                      " is known: put the last one back, or, if there is none, start "
                                                      "with --accept-lower-replica: what was sealed since is lost, and "
                                                      "older copies open again what was erased since"));
  }
  const auto is_writable = [](const auto& replica) { return replica->opening().ok(); };
  if (std::none_of(replicas.begin(), replicas.end(), is_writable)) return replicas[*leader]->opening();
  std::vector<size_t> equals;
  std::vector<size_t> others;
  std::vector<MergeSource> also;
  std::optional<size_t> unread_replica;
  for (size_t i = 0; i < heads.size(); ++i) {
    const bool readable = heads[i].head.has_value();
    const RingHead* const head = heads[i].any_head();
    if (readable && head->identity != ring.head.identity) {
      return absl::FailedPreconditionError("key ring: its replicas are of different rings");
    }
    // Was it the one that knew of the last destruction? Of what the others know, the leader has everything.
    if (!readable && opening.known_generation == 0 && !opening.accept_lower_replica) {
      return absl::FailedPreconditionError(
          "key ring: a replica is missing or damaged, and nothing tells whether the other is the later: put it back, "
          "or "
          "start with --accept-lower-replica");
    }
    const bool is_leader = i == *leader;
    const bool is_of_last =
        head != nullptr && head->identity == ring.head.identity && head->generation == ring.head.generation;
    const bool equal =
        readable && (is_leader || is_writable(replicas[i])) && is_of_last && heads[i].bytes == heads[*leader].bytes;
    (equal ? equals : others).push_back(i);
    if (!equal && is_of_last) also.push_back({.replica = i, .lacks = heads[i].lacks});
    if (head == nullptr) unread_replica = i;
  }
  // Before anything is written.
  if (absl::Status s = unwrap ? unwrap(ring.head) : absl::OkStatus(); !s.ok()) return s;
  ring.disk = std::make_unique<RingDisk>(std::move(replicas));
  for (const size_t i : others) ring.disk->SetStale(i, absl::OkStatus());
  const auto merged = MergeReplicas(*ring.disk, equals, also, ring.head, ring.lacks_pages);
  if (!merged.ok()) return merged.status();
  const bool lacks_keys = merged->damaged_keys + merged->cut_keys > 0;
  const bool is_damaged = lacks_keys || merged->damaged_pages + merged->cut_pages > 0;
  if (!unread_replica.has_value()) unread_replica = merged->unread;
  if (is_damaged && unread_replica.has_value() && !opening.accept_lower_replica) {
    // Of days nothing lies in pages.
    if (lacks_keys || !opening.only_destroys) {
      return DamagedBesideUnread(ring.disk->replica(*leader), lacks_keys ? RingFile::kKeys : RingFile::kPages,
                                 ring.disk->replica(*unread_replica));
    }
    ring.lacks_pages = true;
  }
  ring.mended = merged->mended;
  ring.damaged = merged->damaged_keys + (ring.lacks_pages ? 0 : merged->damaged_pages);
  ring.not_rebuilt = merged->left_alone;
  for (const size_t i : others) {
    const RingReplica& other = ring.disk->replica(i);
    if (opening.only_destroys && (ring.lacks_pages || !other.Has(RingFile::kKeys))) continue;
    // What could not be looked at may be another ring's.
    absl::Status rebuilt = other.opening();
    if (rebuilt.ok()) rebuilt = RebuildReplica(*ring.disk, i, ring.head);
    if (rebuilt.ok()) ++ring.rebuilt;
    ring.not_rebuilt.Update(rebuilt);
  }
  if (const absl::Status& opening = ring.disk->replica(*leader).opening(); !opening.ok()) {
    if (ring.rebuilt == 0) return opening;
    ring.disk->SetStale(*leader, opening);
    ring.not_rebuilt.Update(opening);
  }
  ring.found_generation = ring.head.generation;
  for (size_t i = 0; i < heads.size(); ++i) {
    if (ring.disk->stale(i) && heads[i].any_head() == nullptr) ring.unseen.insert(i);
  }
  // Those that could not be rebuilt must be told apart when they come back.
  bool bump_owed = ring.rolled_back;
  for (size_t stale = 0; ring.disk->stale_replicas() > stale || bump_owed;) {
    stale = ring.disk->stale_replicas();
    ++ring.head.generation;
    if (std::exchange(bump_owed, false)) {
      // Beyond all that was, and over the older head.
      ring.head.generation += (known_generation - ring.head.generation + 2) / 2 * 2;
      ring.head.pages_reserved += kPagesLeftOut;
    }
    if (absl::Status s = WriteHeadTo(*ring.disk, ring.head); !s.ok()) return s;
  }
  return ring;
}

}  // namespace retention
