#include "server/days/room_renamer.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "retention/stored/v1/stored.pb.h"
#include "server/meetings/locator.h"
#include "server/rows/room_names.h"
#include "server/rows/room_organizers.h"
#include "server/rows/row_walk.h"
#include "storage/keys.h"
#include "storage/secrets/personal.h"

namespace retention {
namespace {

absl::StatusOr<bool> AnyWith(const StoreView& view, Family family, const std::string& prefix) {
  const auto cursor = view.ScanPrefix(family, prefix, AtLoss::kPass);
  if (!cursor->status().ok()) return cursor->status();
  return cursor->Valid();
}

// What a row says of which meeting id its room has; nullopt if it says nothing, or nobody can read it.
struct Told {
  PbxId pbx;
  RoomId room;
  Personal meeting_id;
};

absl::StatusOr<std::optional<Told>> ToldByOccurrence(const Holdings& holdings, std::string_view key,
                                                     std::string_view value) {
  const auto name = DecodeLocatorKey(key);
  const auto locator = MeetingLocator::Parse(value);
  if (!name.has_value() || !locator.has_value()) return std::nullopt;  // it costs itself
  auto id = holdings.vault.Open(MeetingIdKey(locator->days[kHistory], name->pbx, name->meeting), locator->sealed_id);
  if (IsUnreadable(id.status())) return std::nullopt;
  if (!id.ok()) return id.status();
  return Told{.pbx = name->pbx, .room = RoomOf(name->meeting), .meeting_id = *std::move(id)};
}

absl::StatusOr<std::optional<Told>> ToldByPdf(const Holdings& holdings, std::string_view key, std::string_view value) {
  const auto name = FiledKey::Decode(key);
  // Nobody asks for what is of a PBX that is ending.
  if (!name.has_value() || !holdings.registry.Lives(name->pbx)) return std::nullopt;
  const auto pdf = holdings.vault.Open(*name, value);
  if (IsUnreadable(pdf.status())) return std::nullopt;
  if (!pdf.ok()) return pdf.status();
  stored::v1::Value parsed;
  if (!parsed.ParseFromString(pdf->Reveal()) || parsed.meeting_id().empty()) return std::nullopt;
  return Told{
      .pbx = name->pbx, .room = RoomOf(name->owner), .meeting_id = Personal(std::move(*parsed.mutable_meeting_id()))};
}

const NamesKey* KeyOf(const std::vector<NamesKey>& keys, uint32_t number) {
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const NamesKey& key) { return key.number == number; });
  return found == keys.end() ? nullptr : &*found;
}

}  // namespace

absl::Status RoomRenamer::Run(const Commands& commands, absl::Time now) {
  if (absl::Status s = commands.DoWithoutStore([&] { return Mint(now); }); !s.ok()) return s;
  const std::vector<NamesKey> keys = holdings_.ring.NamesKeys();
  if (keys.size() < 2) return absl::OkStatus();
  if (renamed_for_ != keys.back().number) {
    for (std::string from = RoomNamePrefix(); !from.empty();) {
      absl::Status stepped = commands.Do(now, [&](Change& change) { return Step(from, change); });
      if (!stepped.ok()) return stepped;
    }
    renamed_for_ = keys.back().number;
  }
  // No copy of the store is as old as that, and nobody reads who began before.
  const DueDay today = holdings_.LastDue(now).Next();
  if (today.number() < keys.back().made.number() + kDaysKept) return absl::OkStatus();
  return commands.DoWithoutStore([&] { return holdings_.ring.DestroyNamesBefore(keys.back().number); });
}

absl::Status RoomRenamer::Mint(absl::Time now) {
  const DueDay today = holdings_.LastDue(now).Next();
  const std::vector<NamesKey> keys = holdings_.ring.NamesKeys();
  // One that was made on a later day comes from a clock that was ahead.
  const bool is_due =
      keys.empty() || today < keys.back().made || today.number() >= keys.back().made.number() + kDaysOfKey;
  if (!is_due || keys.size() > 1) return absl::OkStatus();
  return holdings_.ring.MintNames(keys.empty() ? 1 : keys.back().number + 1, today);
}

absl::Status RoomRenamer::Step(std::string& from, Change& change) {
  const std::vector<NamesKey> keys = holdings_.ring.NamesKeys();
  const NamesKey& next = keys.back();
  auto cursor = holdings_.store.Scan(Family::kState, from, RoomNamePrefix(next.number), AtLoss::kPass);
  size_t rows = 0;
  for (; cursor->Valid() && rows < kRowsPerStep; cursor->Next(), ++rows) {
    const auto parts = DecodeRoomNameKey(cursor->key());
    const auto room = RoomNames::RoomOfRow(cursor->value());
    change.batch().Delete(Family::kState, std::string(cursor->key()));
    if (!parts.has_value() || !room.has_value()) {  // it leads nowhere
      change.ThenDo([this] { ++dropped_; });
      continue;
    }
    const RoomNames::Row row{.parts = *parts, .value = std::string(cursor->value())};
    const auto used = IsUsed(parts->pbx, *room);
    if (!used.ok()) return used.status();
    if (!*used) {
      PutRoomOrganizer(RoomOrganizer(), parts->pbx, *room, change);
      change.ThenDo([this, pbx = parts->pbx, id = *room] { meetings_.Forget(pbx, id); });
    }
    const auto held = *used ? used : IsKnown(row, *room);
    if (!held.ok()) return held.status();
    const NamesKey* key = KeyOf(keys, parts->names_key);
    const auto renamed = *held && key != nullptr ? RoomNames::Renamed(row, *key, next) : std::nullopt;
    if (renamed.has_value()) {
      change.batch().Put(Family::kState, RoomNameKey(renamed->parts), renamed->value);
    } else {
      change.ThenDo([this, pbx = parts->pbx, id = *room, is_held = *held] {
        meetings_.ForgetNamed(pbx, id);
        if (is_held) ++dropped_;
      });
    }
  }
  from = cursor->Valid() ? std::string(cursor->key()) : std::string();
  return cursor->status();
}

absl::StatusOr<bool> RoomRenamer::IsUsed(const PbxId& pbx, const RoomId& room) const {
  // What outlives its PBX is found by nobody's meeting id.
  if (!holdings_.ring.FindPbx(pbx).has_value()) return false;
  for (const std::string& prefix : {LocatorPrefix(pbx, room), RemnantPrefix(pbx, room)}) {
    const auto any = AnyWith(holdings_.store, Family::kState, prefix);
    if (!any.ok() || *any) return any;
  }
  return HasRows(holdings_.store, FiledPrefix(DueDay::Open(), kPdfShare, pbx, room));
}

absl::StatusOr<bool> RoomRenamer::IsKnown(const RoomNames::Row& name, const RoomId& room) const {
  const PbxId& pbx = name.parts.pbx;
  if (!holdings_.ring.FindPbx(pbx).has_value()) return false;
  if (name.parts.lasting) return true;
  RoomNameParts lasting = name.parts;
  lasting.lasting = true;
  const auto kept = holdings_.store.Get(Family::kState, RoomNameKey(lasting));
  if (!kept.ok()) return kept.status();
  if (kept->has_value()) return true;
  return AnyWith(holdings_.store, Family::kState, DeletedObjectPrefix(pbx, room));
}

absl::StatusOr<std::vector<uint32_t>> RoomRenamer::NumbersInUse() const {
  std::vector<uint32_t> numbers;
  for (std::string from = RoomNamePrefix();;) {
    const auto cursor = holdings_.store.Scan(Family::kState, from, PrefixEnd(RoomNamePrefix()), AtLoss::kPass);
    if (!cursor->status().ok()) return cursor->status();
    if (!cursor->Valid()) return numbers;
    const auto parts = DecodeRoomNameKey(cursor->key());
    // What leads nowhere goes when rooms are named anew.
    if (parts.has_value()) numbers.push_back(parts->names_key);
    from = parts.has_value() ? PrefixEnd(RoomNamePrefix(parts->names_key)) : std::string(cursor->key()) + '\0';
  }
}

absl::Status RoomRenamer::Recall(Writer& writer, absl::Time now) {
  auto lost = NumbersInUse();
  if (!lost.ok() || lost->empty()) return lost.status();
  // A ring that lost its only key of names gets one that no row was ever named by.
  if (holdings_.ring.NamesKeys().empty()) {
    absl::Status minted = holdings_.ring.MintNames(lost->back() + 1, holdings_.LastDue(now).Next());
    if (!minted.ok()) return minted;
  }
  const std::vector<NamesKey> keys = holdings_.ring.NamesKeys();
  std::erase_if(*lost, [&](uint32_t number) { return KeyOf(keys, number) != nullptr; });
  if (lost->empty()) return absl::OkStatus();
  for (std::string from = LocatorPrefix(); !from.empty();) {
    absl::Status s = writer.Do(now, [&](Change& change) { return RecallStep(from, change); });
    if (!s.ok()) return s;
  }
  return writer.Do(now, [&](Change& change) {
    for (const uint32_t number : *lost) {
      const std::string names = RoomNamePrefix(number);
      change.batch().DeleteRange(Family::kState, names, PrefixEnd(names));
    }
    return absl::OkStatus();
  });
}

absl::Status RoomRenamer::RecallStep(std::string& from, Change& change) {
  // Locators of family `state` first, then PDFs of family `filed`, whose keys come after all of theirs.
  static const std::string pdfs = FiledPrefix(DueDay::Open(), kPdfShare);
  const bool of_pdfs = from >= pdfs;
  auto cursor = of_pdfs ? holdings_.store.Scan(Family::kFiled, from, PrefixEnd(pdfs), AtLoss::kPass)
                        : holdings_.store.Scan(Family::kState, from, PrefixEnd(LocatorPrefix()), AtLoss::kPass);
  for (size_t rows = 0; cursor->Valid() && rows < kRowsPerStep; cursor->Next(), ++rows) {
    const auto told = (of_pdfs ? ToldByPdf : ToldByOccurrence)(holdings_, cursor->key(), cursor->value());
    if (!told.ok()) return told.status();
    if (!told->has_value()) continue;
    const auto& [pbx, room, meeting_id] = **told;
    const auto named = holdings_.names.Find(holdings_.store, pbx, meeting_id.Reveal());
    if (!named.ok()) return named.status();
    if (named->stored()) continue;
    absl::Status s = holdings_.names.Put(pbx, meeting_id.Reveal(), room, change.batch());
    if (!s.ok()) return s;
  }
  if (absl::Status s = cursor->status(); !s.ok()) return s;
  from = cursor->Valid() ? std::string(cursor->key()) : of_pdfs ? std::string() : pdfs;
  return absl::OkStatus();
}

}  // namespace retention
