#include "storage/keys.h"

namespace retention {
namespace {

// First bytes of `state` keys. Do not change or reuse a letter.
constexpr char kLedgerTileMark = '\xFF';  // no sequence comes so far
constexpr char kFormat = 'V';
constexpr char kPolicyVersion = 'v';
constexpr char kPbxEntry = 'P';
constexpr char kPbxEnd = 'e';
constexpr char kLocator = 'M';
constexpr char kDayCounts = 'N';
constexpr char kDayProgress = 'D';
constexpr char kPurgeMark = 'U';
constexpr char kMeetingTimer = 'T';
constexpr char kOrder = 'O';
constexpr char kOrderCounter = 'o';
constexpr char kPbxLife = 'L';
constexpr char kPbxName = 'A';
constexpr char kGoneSweep = 'Q';
constexpr char kLogExtension = 'G';
constexpr char kHold = 'H';
constexpr char kHoldCover = 'C';
constexpr char kController = 'c';
constexpr char kHeldEnd = 'h';
constexpr char kReleasedHold = 'r';
constexpr char kRefiledMark = 'R';
constexpr char kEventMark = 'E';
constexpr char kOwnerEnd = 'Y';
constexpr char kRingGeneration = 'K';
constexpr char kReportNotice = 'W';
constexpr char kReportNoticeCounter = 'w';
constexpr char kBegin = 'B';
constexpr char kDeletedObject = 'X';
constexpr char kCohortSpan = 'S';
constexpr char kRoomName = 'J';
constexpr char kRemnant = 'Z';
constexpr char kObjectReference = 'F';
constexpr char kRoomOrganizer = 'I';

// Big-endian, so that keys sort as their numbers do.
template <typename Number>
void AppendNumber(std::string& out, Number number) {
  for (int shift = static_cast<int>(sizeof(Number)) * 8 - 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>((number >> shift) & 0xFF));
  }
}

// REQUIRES: raw.size() >= sizeof(Number).
template <typename Number>
Number ReadNumber(std::string_view raw) {
  Number number = 0;
  for (size_t i = 0; i < sizeof(Number); ++i) number = static_cast<Number>(number << 8) | static_cast<uint8_t>(raw[i]);
  return number;
}

// Flipping the sign bit makes negative instants sort before positive ones.
constexpr uint64_t kSignBit = 1ull << 63;

std::string LetterKey(char letter) { return std::string(1, letter); }

std::string DayKey(char letter, DueDay day) {
  std::string key(1, letter);
  AppendNumber(key, day.number());
  return key;
}

}  // namespace

std::string FiledKey::Encode() const {
  std::string key;
  key.reserve(kBytes);
  AppendNumber(key, day.number());
  key.push_back(static_cast<char>(category));
  key.append(pbx.view()).append(owner.view()).append(item.view());
  return key;
}

std::optional<DueDay> DayOfFiled(std::string_view key) {
  if (key.size() < sizeof(uint32_t)) return std::nullopt;
  return DueDay::FromNumber(ReadNumber<uint32_t>(key));
}

std::optional<FiledKey> FiledKey::Decode(std::string_view raw) {
  if (raw.size() != kBytes) return std::nullopt;
  FiledKey key;
  key.day = DueDay::FromNumber(ReadNumber<uint32_t>(raw));
  key.category = static_cast<CategoryNumber>(raw[4]);
  key.pbx = PbxId::From(raw.substr(kPbxBegin));
  key.owner = OwnerId::From(raw.substr(kPbxBegin + PbxId::kBytes));
  key.item = ItemId::From(raw.substr(kPbxBegin + PbxId::kBytes + OwnerId::kBytes));
  return key;
}

std::string FiledPrefix(DueDay day) {
  std::string prefix;
  AppendNumber(prefix, day.number());
  return prefix;
}

std::string FiledPrefix(DueDay day, CategoryNumber category) {
  std::string prefix = FiledPrefix(day);
  prefix.push_back(static_cast<char>(category));
  return prefix;
}

std::string FiledPrefix(DueDay day, CategoryNumber category, const PbxId& pbx) {
  return FiledPrefix(day, category).append(pbx.view());
}

std::string FiledPrefix(DueDay day, CategoryNumber category, const PbxId& pbx, const OwnerId& owner) {
  return FiledPrefix(day, category, pbx).append(owner.view());
}

std::string FiledPrefix(DueDay day, CategoryNumber category, const PbxId& pbx, const RoomId& room) {
  return FiledPrefix(day, category, pbx).append(room.view());
}

OwnerId OccurrenceOwner(const RoomId& room, uint64_t occurrence) {
  std::string raw(room.view());
  AppendNumber(raw, occurrence);
  return OwnerId::From(raw);
}

RoomId RoomOf(const OwnerId& owner) { return RoomId::From(owner.view()); }

uint64_t OccurrenceOf(const OwnerId& owner) { return ReadNumber<uint64_t>(owner.view().substr(RoomId::kBytes)); }

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<uint8_t>(end.back()) == 0xFF) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<uint8_t>(end.back()) + 1);
  return end;
}

std::string FormatKey() { return LetterKey(kFormat); }
std::string PolicyVersionKey() { return LetterKey(kPolicyVersion); }
std::string PolicyKey(uint32_t version) {
  std::string key = PolicyPrefix();
  AppendNumber(key, version);
  return key;
}
std::string PolicyPrefix() { return LetterKey(kPolicyVersion); }
std::string PbxEntryKey(const OwnerId& external) { return LetterKey(kPbxEntry).append(external.view()); }
std::string PbxEntryPrefix() { return LetterKey(kPbxEntry); }
std::string PbxEndPrefix() { return LetterKey(kPbxEnd); }
std::string PbxEndPrefix(DueDay day) {
  std::string prefix = PbxEndPrefix();
  AppendNumber(prefix, day.number());
  return prefix;
}
std::optional<PbxEndKeyParts> DecodePbxEndKey(std::string_view raw) {
  if (raw.size() != 1 + sizeof(uint32_t) + OwnerId::kBytes || raw.front() != kPbxEnd) return std::nullopt;
  return PbxEndKeyParts{.until = DueDay::FromNumber(ReadNumber<uint32_t>(raw.substr(1))),
                        .external = OwnerId::From(raw.substr(1 + sizeof(uint32_t)))};
}
std::string PbxEndKey(DueDay day, const OwnerId& external) { return PbxEndPrefix(day).append(external.view()); }
std::string LocatorKey(const PbxId& pbx, const OwnerId& meeting) { return LocatorPrefix(pbx).append(meeting.view()); }
std::string LocatorPrefix() { return LetterKey(kLocator); }
std::string LocatorPrefix(const PbxId& pbx) { return LetterKey(kLocator).append(pbx.view()); }
std::string LocatorPrefix(const PbxId& pbx, const RoomId& room) { return LocatorPrefix(pbx).append(room.view()); }
std::string DayCountsKey(DueDay day) { return DayKey(kDayCounts, day); }
std::string DayCountsPrefix() { return LetterKey(kDayCounts); }
std::string DayProgressKey(DueDay day) { return DayKey(kDayProgress, day); }
std::string DayProgressPrefix() { return LetterKey(kDayProgress); }
std::string PurgeMarkKey(DueDay day) { return DayKey(kPurgeMark, day); }
std::string PurgeMarkPrefix() { return LetterKey(kPurgeMark); }

std::string MeetingTimerKey(int64_t instant_us, const PbxId& pbx, const OwnerId& meeting) {
  std::string key(1, kMeetingTimer);
  AppendNumber(key, static_cast<uint64_t>(instant_us) ^ kSignBit);
  return key.append(pbx.view()).append(meeting.view());
}

std::string MeetingTimerPrefix() { return LetterKey(kMeetingTimer); }

std::string OrderKey(uint64_t sequence) {
  std::string key(1, kOrder);
  AppendNumber(key, sequence);
  return key;
}

std::string OrderPrefix() { return LetterKey(kOrder); }
std::string OrderCounterKey() { return LetterKey(kOrderCounter); }
std::string PbxLifeKey(const PbxId& pbx) { return PbxLifePrefix().append(pbx.view()); }
std::string PbxLifePrefix() { return LetterKey(kPbxLife); }
std::string PbxNameKey(const PbxId& pbx) { return LetterKey(kPbxName).append(pbx.view()); }
std::string GoneSweepKey() { return LetterKey(kGoneSweep); }
std::string LogExtensionKey(uint8_t server) { return LogExtensionPrefix().append(1, static_cast<char>(server)); }
std::string LogExtensionPrefix() { return LetterKey(kLogExtension); }

std::string HoldKey(uint64_t number) {
  std::string key(1, kHold);
  AppendNumber(key, number);
  return key;
}

std::string HoldPrefix() { return LetterKey(kHold); }

std::string ControllerKey(const OwnerId& controller) { return ControllerPrefix().append(controller.view()); }
std::string ControllerPrefix() { return LetterKey(kController); }

std::string HoldCoverKey(const OwnerId& controller, const PbxId& pbx) {
  return HoldCoverPrefix(controller).append(pbx.view());
}

std::string HoldCoverPrefix() { return LetterKey(kHoldCover); }

std::string HoldCoverPrefix(const OwnerId& controller) { return LetterKey(kHoldCover).append(controller.view()); }

std::string ReleasedHoldKey(int64_t released_us, uint64_t number) {
  std::string key = ReleasedHoldPrefix();
  AppendNumber(key, ~(static_cast<uint64_t>(released_us) ^ kSignBit));
  AppendNumber(key, number);
  return key;
}
std::string ReleasedHoldPrefix() { return LetterKey(kReleasedHold); }

std::string HeldEndKey(const PbxId& pbx) { return HeldEndPrefix().append(pbx.view()); }
std::string HeldEndPrefix() { return LetterKey(kHeldEnd); }

std::string RefiledMarkKey(DueDay day, CategoryNumber category, const PbxId& pbx, const OwnerId& meeting) {
  return RefiledMarkPrefix().append(FiledPrefix(day, category, pbx, meeting));
}
std::string RefiledMarkPrefix() { return LetterKey(kRefiledMark); }

std::string CohortSpanKey(DueDay history_day, const PbxId& pbx, const OwnerId& meeting) {
  return CohortSpanPrefix(history_day).append(pbx.view()).append(meeting.view());
}
std::string CohortSpanPrefix() { return LetterKey(kCohortSpan); }
std::string CohortSpanPrefix(DueDay history_day) { return CohortSpanPrefix().append(FiledPrefix(history_day)); }

std::string EventMarkKey(uint32_t span, const OwnerId& event) { return EventMarkPrefix(span).append(event.view()); }

std::string EventMarkPrefix(uint32_t span) {
  std::string prefix = LetterKey(kEventMark);
  AppendNumber(prefix, span);
  return prefix;
}

std::string ReportNoticeKey(uint64_t number) {
  std::string key = ReportNoticePrefix();
  AppendNumber(key, number);
  return key;
}

std::string RingGenerationKey() { return LetterKey(kRingGeneration); }

std::string OwnerEndKey(uint64_t first) {
  std::string key(1, kOwnerEnd);
  AppendNumber(key, first);
  return key;
}

std::string OwnerEndPrefix() { return LetterKey(kOwnerEnd); }
std::string ReportNoticePrefix() { return LetterKey(kReportNotice); }
std::string ReportNoticeCounterKey() { return LetterKey(kReportNoticeCounter); }

std::string BeginKey(const PbxId& pbx, const OwnerId& scope, int64_t begin_us, const OwnerId& meeting) {
  return BeginKey(pbx, scope, begin_us).append(meeting.view());
}

std::string BeginKey(const PbxId& pbx, const OwnerId& scope, int64_t begin_us) {
  std::string key = BeginPrefix(pbx, scope);
  AppendNumber(key, static_cast<uint64_t>(begin_us) ^ kSignBit);
  return key;
}

std::string BeginPrefix() { return LetterKey(kBegin); }

std::string BeginPrefix(const PbxId& pbx) { return BeginPrefix().append(pbx.view()); }

std::string BeginPrefix(const PbxId& pbx, const OwnerId& scope) { return BeginPrefix(pbx).append(scope.view()); }

std::string DeletedObjectKey(const PbxId& pbx, const OwnerId& object) {
  return DeletedObjectPrefix(pbx).append(object.view());
}

std::string DeletedObjectPrefix(const PbxId& pbx) { return LetterKey(kDeletedObject).append(pbx.view()); }

std::string DeletedObjectPrefix(const PbxId& pbx, const RoomId& room) {
  return DeletedObjectPrefix(pbx).append(room.view());
}

std::string RoomOrganizerKey(const PbxId& pbx, const RoomId& room) {
  return RoomOrganizerPrefix(pbx).append(room.view());
}
std::string RoomOrganizerPrefix(const PbxId& pbx) { return LetterKey(kRoomOrganizer).append(pbx.view()); }

std::string ObjectReferenceKey(const OwnerId& object, const FiledKey& row) {
  return ObjectReferencePrefix(object).append(row.Encode(), FiledKey::kPbxBegin);
}
std::string ObjectReferenceBucket(const FiledKey& row) { return FiledPrefix(row.day, row.category); }
std::string ObjectReferencePrefix(const OwnerId& object) { return LetterKey(kObjectReference).append(object.view()); }
std::optional<FiledKey> DecodeObjectReference(std::string_view key, std::string_view bucket) {
  constexpr size_t kRowBegin = 1 + OwnerId::kBytes;
  if (key.size() < kRowBegin || key[0] != kObjectReference) return std::nullopt;
  return FiledKey::Decode(std::string(bucket).append(key.substr(kRowBegin)));
}

std::string RemnantKey(const PbxId& pbx, const OwnerId& meeting) {
  return RemnantPrefix().append(pbx.view()).append(meeting.view());
}
std::string RemnantPrefix() { return LetterKey(kRemnant); }
std::string RemnantPrefix(const PbxId& pbx, const RoomId& room) {
  return RemnantPrefix().append(pbx.view()).append(room.view());
}
std::optional<LocatorName> DecodeRemnantKey(std::string_view raw) {
  if (raw.size() != 1 + PbxId::kBytes + OwnerId::kBytes || raw[0] != kRemnant) return std::nullopt;
  return LocatorName{.pbx = PbxId::From(raw.substr(1)), .meeting = OwnerId::From(raw.substr(1 + PbxId::kBytes))};
}

std::string RoomNamePrefix() { return LetterKey(kRoomName); }
std::string RoomNamePrefix(uint32_t names_key) {
  std::string prefix = RoomNamePrefix();
  AppendNumber(prefix, names_key);
  return prefix;
}
std::string RoomNameKey(const RoomNameParts& parts) {
  return RoomNamePrefix(parts.names_key)
      .append(parts.pbx.view())
      .append(parts.name.view())
      .append(1, parts.lasting ? '\1' : '\0');
}

std::optional<RoomNameParts> DecodeRoomNameKey(std::string_view raw) {
  constexpr size_t kPbxBegin = 1 + sizeof(uint32_t);
  constexpr size_t kNameBegin = kPbxBegin + PbxId::kBytes;
  constexpr size_t kLast = kNameBegin + OwnerId::kBytes;
  if (raw.size() != kLast + 1 || raw[0] != kRoomName || static_cast<uint8_t>(raw[kLast]) > 1) return std::nullopt;
  return RoomNameParts{.names_key = ReadNumber<uint32_t>(raw.substr(1)),
                       .pbx = PbxId::From(raw.substr(kPbxBegin)),
                       .name = OwnerId::From(raw.substr(kNameBegin)),
                       .lasting = raw[kLast] == '\1'};
}

std::optional<uint64_t> DecodeReportNoticeKey(std::string_view raw) {
  if (raw.size() != 1 + sizeof(uint64_t) || raw[0] != kReportNotice) return std::nullopt;
  return ReadNumber<uint64_t>(raw.substr(1));
}

std::optional<LocatorName> DecodeCohortSpanKey(std::string_view raw) {
  constexpr size_t kDayEnd = 1 + sizeof(uint32_t);
  if (raw.size() != kDayEnd + PbxId::kBytes + OwnerId::kBytes || raw[0] != kCohortSpan) return std::nullopt;
  return LocatorName{.pbx = PbxId::From(raw.substr(kDayEnd, PbxId::kBytes)),
                     .meeting = OwnerId::From(raw.substr(kDayEnd + PbxId::kBytes))};
}

std::optional<BeginName> DecodeBeginKey(std::string_view raw) {
  constexpr size_t kScopeEnd = 1 + PbxId::kBytes + OwnerId::kBytes;
  if (raw.size() != kScopeEnd + sizeof(uint64_t) + OwnerId::kBytes || raw[0] != kBegin) return std::nullopt;
  raw.remove_prefix(kScopeEnd);
  return BeginName{.begin_us = static_cast<int64_t>(ReadNumber<uint64_t>(raw) ^ kSignBit),
                   .meeting = OwnerId::From(raw.substr(sizeof(uint64_t)))};
}

std::optional<HoldCoverName> DecodeHoldCoverKey(std::string_view raw) {
  if (raw.size() != 1 + OwnerId::kBytes + PbxId::kBytes || raw[0] != kHoldCover) return std::nullopt;
  return HoldCoverName{.controller = OwnerId::From(raw.substr(1, OwnerId::kBytes)),
                       .pbx = PbxId::From(raw.substr(1 + OwnerId::kBytes))};
}

std::optional<PbxId> DecodeHeldEndKey(std::string_view raw) {
  if (raw.size() != 1 + PbxId::kBytes || raw[0] != kHeldEnd) return std::nullopt;
  return PbxId::From(raw.substr(1));
}

std::optional<MeetingTimer> DecodeMeetingTimerKey(std::string_view raw) {
  constexpr size_t kInstantBytes = sizeof(uint64_t);
  if (raw.size() != 1 + kInstantBytes + PbxId::kBytes + OwnerId::kBytes || raw[0] != kMeetingTimer) return std::nullopt;
  raw.remove_prefix(1);
  return MeetingTimer{.instant_us = static_cast<int64_t>(ReadNumber<uint64_t>(raw) ^ kSignBit),
                      .pbx = PbxId::From(raw.substr(kInstantBytes)),
                      .meeting = OwnerId::From(raw.substr(kInstantBytes + PbxId::kBytes))};
}

std::optional<uint32_t> DecodePolicyKey(std::string_view raw) {
  if (raw.size() != 1 + sizeof(uint32_t) || raw[0] != kPolicyVersion) return std::nullopt;
  return ReadNumber<uint32_t>(raw.substr(1));
}

std::optional<uint64_t> DecodeOrderKey(std::string_view raw) {
  if (raw.size() != 1 + sizeof(uint64_t) || raw[0] != kOrder) return std::nullopt;
  return ReadNumber<uint64_t>(raw.substr(1));
}

std::optional<int64_t> DecodeReleasedHoldKey(std::string_view raw) {
  if (raw.size() != 1 + 2 * sizeof(uint64_t) || raw[0] != kReleasedHold) return std::nullopt;
  return static_cast<int64_t>(~ReadNumber<uint64_t>(raw.substr(1)) ^ kSignBit);
}

std::optional<uint64_t> DecodeHoldKey(std::string_view raw) {
  if (raw.size() != 1 + sizeof(uint64_t) || raw[0] != kHold) return std::nullopt;
  return ReadNumber<uint64_t>(raw.substr(1));
}

std::optional<LocatorName> DecodeLocatorKey(std::string_view raw) {
  if (raw.size() != 1 + PbxId::kBytes + OwnerId::kBytes || raw[0] != kLocator) return std::nullopt;
  return LocatorName{.pbx = PbxId::From(raw.substr(1)), .meeting = OwnerId::From(raw.substr(1 + PbxId::kBytes))};
}

std::optional<DueDay> DecodeDayKey(std::string_view raw) {
  if (raw.size() != 5) return std::nullopt;
  if (raw[0] != kDayCounts && raw[0] != kDayProgress && raw[0] != kPurgeMark) return std::nullopt;
  return DueDay::FromNumber(ReadNumber<uint32_t>(raw.substr(1)));
}

std::string CubeKey(DueDay erase_day, DueDay cohort_day, uint8_t table) {
  std::string key = CubePrefix(erase_day, cohort_day);
  key.push_back(static_cast<char>(table));
  return key;
}

std::string CubePrefix(DueDay erase_day, DueDay cohort_day) {
  std::string prefix;
  AppendNumber(prefix, erase_day.number());
  AppendNumber(prefix, cohort_day.number());
  return prefix;
}

std::optional<CubeKeyParts> DecodeCubeKey(std::string_view raw) {
  if (raw.size() != 9) return std::nullopt;
  return CubeKeyParts{.erase_day = DueDay::FromNumber(ReadNumber<uint32_t>(raw)),
                      .cohort_day = DueDay::FromNumber(ReadNumber<uint32_t>(raw.substr(4))),
                      .table = static_cast<uint8_t>(raw[8])};
}

std::string LedgerKey(uint64_t sequence) {
  std::string key;
  AppendNumber(key, sequence);
  return key;
}

std::string LedgerTilesBegin() { return std::string(1, kLedgerTileMark); }

std::string LedgerTileKey(uint8_t level, uint64_t index) {
  std::string key = LedgerTilesBegin();
  key.push_back(static_cast<char>(level));
  AppendNumber(key, index);
  return key;
}

}  // namespace retention
