// What the ring remembers for destructions of due days that have no store to ask.
#include <algorithm>
#include <array>
#include <cstring>

#include "storage/secrets/key_ring.h"

namespace retention {
namespace {

// Room for a secret is room for a name; the rest is zeros.
SecretKey ZoneAsSecret(std::string_view zone) {
  std::array<uint8_t, SecretKey::kBytes> bytes{};
  std::copy(zone.begin(), zone.end(), bytes.begin());
  return SecretKey(bytes);
}

std::string ZoneOf(const SecretKey& secret) {
  const std::string_view bytes(reinterpret_cast<const char*>(secret.data()), SecretKey::kBytes);
  return std::string(bytes.substr(0, bytes.find('\0')));
}

RingEntry RuleOf(std::string_view zone, bool suspended) {
  return {.kind = RingEntryKind::kDueRules,
          .until = suspended ? DueDay::Open() : DueDay::None(),
          .name = 0,
          .secret = ZoneAsSecret(zone)};
}

RingEntry HeldEntryOf(const PbxId& pbx, DueDay until) {
  return {.kind = RingEntryKind::kHeldPbx, .until = until, .name = NumberOf(pbx), .secret = SecretKey()};
}

}  // namespace

DueRules KeyRing::due_rules() const {
  const MutexLock lock(mutex_);
  DueRules rules;
  for (auto slot = slots_.lower_bound({RingEntryKind::kDueRules, 0});
       slot != slots_.end() && slot->first.kind <= RingEntryKind::kHeldPbx; ++slot) {
    const RingEntry entry = *KnownEntry(slot->second);
    if (entry.kind == RingEntryKind::kDueRules) {
      rules.zone = ZoneOf(entry.secret);
      rules.suspended = entry.until == DueDay::Open();
    } else {
      rules.held.emplace(PbxOf(entry.name), entry.until);
    }
  }
  return rules;
}

absl::Status KeyRing::PutRules(std::span<const RingEntry> entries) {
  // Until then memory may say what no disk does.
  if (absl::Status s = Finish(); !s.ok()) return s;
  std::vector<RingEntry> added;
  bool changed = false;
  for (const RingEntry& entry : entries) {
    std::optional<RingEntry> known;
    {
      const MutexLock lock(mutex_);
      const auto found = slots_.find(NameOf(entry));
      if (found != slots_.end()) known = KnownEntry(found->second);
    }
    if (!known.has_value()) {
      added.push_back(entry);
    } else if (known->until != entry.until ||
               std::memcmp(known->secret.data(), entry.secret.data(), SecretKey::kBytes) != 0) {
      Rewrite(entry, /*destroys=*/false);
      changed = true;
    }
  }
  if (!changed && added.empty()) return absl::OkStatus();
  if (absl::Status s = added.empty() ? Finish() : Put(added, Room::kKept); !s.ok()) return s;
  return Bump();
}

absl::Status KeyRing::HoldPbxs(std::span<const PbxId> pbxs, DueDay until) {
  const MutexLock writing(write_mutex_);
  std::vector<RingEntry> longer;
  {
    const MutexLock lock(mutex_);
    for (const PbxId& pbx : pbxs) {
      const auto found = slots_.find({RingEntryKind::kHeldPbx, NumberOf(pbx)});
      if (found != slots_.end() && KnownEntry(found->second)->until >= until) continue;
      longer.push_back(HeldEntryOf(pbx, until));
    }
  }
  return PutRules(longer);
}

absl::Status KeyRing::SuspendDue() {
  const MutexLock writing(write_mutex_);
  std::vector<RingEntry> rules;
  {
    const MutexLock lock(mutex_);
    const auto found = slots_.find({RingEntryKind::kDueRules, 0});
    // Without a zone nothing is destroyed either.
    if (found != slots_.end()) rules.push_back(*KnownEntry(found->second));
  }
  for (RingEntry& rule : rules) rule.until = DueDay::Open();
  return PutRules(rules);
}

absl::Status KeyRing::SetDueRules(const DueRules& rules) {
  if (rules.zone.size() > DueRules::kMaxZoneBytes) {
    return absl::InvalidArgumentError("key ring: the name of the time zone is too long");
  }
  const MutexLock writing(write_mutex_);
  std::vector<RingEntry> held;
  for (const auto& [pbx, until] : rules.held) held.push_back(HeldEntryOf(pbx, until));
  // What holds keep is known before anything may be destroyed.
  if (absl::Status s = PutRules(held); !s.ok()) return s;
  const RingEntry rule = RuleOf(rules.zone, rules.suspended);
  if (absl::Status s = PutRules({&rule, 1}); !s.ok()) return s;
  std::vector<EntryName> over;
  {
    const MutexLock lock(mutex_);
    for (auto slot = slots_.lower_bound({RingEntryKind::kHeldPbx, 0});
         slot != slots_.end() && slot->first.kind == RingEntryKind::kHeldPbx; ++slot) {
      if (!rules.held.contains(PbxOf(slot->first.name))) over.push_back(slot->first);
    }
  }
  if (over.empty()) return absl::OkStatus();
  for (const EntryName& name : over) Forget(name, /*destroys=*/false);
  if (absl::Status s = Finish(); !s.ok()) return s;
  return Bump();
}

absl::Status KeyRing::DropZone() {
  Forget({RingEntryKind::kDueRules, 0}, /*destroys=*/false);
  return Finish();
}

std::vector<PbxId> KeyRing::Pbxs() const {
  const MutexLock lock(mutex_);
  std::vector<PbxId> pbxs;
  for (const RingEntryKind kind : {RingEntryKind::kPbx, RingEntryKind::kPbxOrders}) {
    for (auto slot = slots_.lower_bound({kind, 0}); slot != slots_.end() && slot->first.kind == kind; ++slot) {
      pbxs.push_back(PbxOf(slot->first.name));
    }
  }
  return pbxs;
}

}  // namespace retention
