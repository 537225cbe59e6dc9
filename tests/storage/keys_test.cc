#include "storage/keys.h"

#include <gtest/gtest.h>

#include "tests/storage/fixtures.h"

namespace retention {
namespace {

TEST(Keys, FiledKey_GoldenBytes) {
  EXPECT_EQ(Hex(SomeKey(kDay).Encode()),
            "00005028"
            "03"
            "1011121314151617"
            "202122232425262728292a2b2c2d2e2f"
            "606162636465666768696a6b6c6d6e6f");
}

TEST(Keys, StateKeys_GoldenBytes) {
  const auto pbx = IdOf<PbxId>(0x10);
  const auto owner = IdOf<OwnerId>(0x20);
  const std::string pbx_hex = "1011121314151617";
  const std::string owner_hex = "202122232425262728292a2b2c2d2e2f";
  EXPECT_EQ(FormatKey(), "V");
  EXPECT_EQ(PolicyVersionKey(), "v");
  EXPECT_EQ(Hex(PolicyKey(0x01020304)), "7601020304");
  EXPECT_EQ(DecodePolicyKey(PolicyKey(0x01020304)), 0x01020304u);
  EXPECT_EQ(DecodePolicyKey(PolicyVersionKey()), std::nullopt);
  EXPECT_EQ(Hex(PbxEntryKey(owner)), "50" + owner_hex);
  EXPECT_EQ(Hex(LocatorKey(pbx, owner)), "4d" + pbx_hex + owner_hex);
  EXPECT_EQ(Hex(DayCountsKey(kDay)), "4e00005028");
  EXPECT_EQ(Hex(DayProgressKey(kDay)), "4400005028");
  EXPECT_EQ(Hex(PurgeMarkKey(kDay)), "5500005028");
  EXPECT_EQ(Hex(MeetingTimerKey(0x0005f5e100abcdef, pbx, owner)), "548005f5e100abcdef" + pbx_hex + owner_hex);
  EXPECT_EQ(Hex(OrderKey(0x0102030405060708)), "4f0102030405060708");
  EXPECT_EQ(DecodeOrderKey(OrderKey(0x0102030405060708)), 0x0102030405060708);
  EXPECT_EQ(DecodeOrderKey(OrderKey(1) + "x"), std::nullopt);
  EXPECT_EQ(OrderCounterKey(), "o");
  EXPECT_EQ(Hex(PbxLifeKey(pbx)), "4c" + pbx_hex);
  EXPECT_EQ(Hex(PbxNameKey(pbx)), "41" + pbx_hex);
  EXPECT_EQ(GoneSweepKey(), "Q");
  EXPECT_EQ(Hex(LogExtensionKey(3)), "4703");
  EXPECT_EQ(Hex(HoldKey(0x0102030405060708)), "480102030405060708");
  EXPECT_EQ(DecodeHoldKey(HoldKey(7)), 7u);
  EXPECT_EQ(DecodeHoldKey(OrderKey(7)), std::nullopt);
  EXPECT_EQ(DecodeHoldKey(HoldKey(7) + "x"), std::nullopt);
  EXPECT_EQ(Hex(ControllerKey(owner)), "63" + owner_hex);
  EXPECT_TRUE(ControllerKey(owner).starts_with(ControllerPrefix()));
  EXPECT_EQ(Hex(HoldCoverKey(owner, pbx)), "43" + owner_hex + pbx_hex);
  EXPECT_EQ(Hex(HoldCoverPrefix(owner)), "43" + owner_hex);
  EXPECT_EQ(DecodeHoldCoverKey(HoldCoverKey(owner, pbx))->controller, owner);
  EXPECT_EQ(DecodeHoldCoverKey(HoldCoverKey(owner, pbx))->pbx, pbx);
  EXPECT_FALSE(DecodeHoldCoverKey(HoldCoverKey(owner, pbx) + "x").has_value());
  EXPECT_EQ(Hex(HeldEndKey(pbx)), "68" + pbx_hex);
  EXPECT_EQ(Hex(HeldEndPrefix()), "68");
  EXPECT_EQ(DecodeHeldEndKey(HeldEndKey(pbx)), pbx);
  EXPECT_FALSE(DecodeHeldEndKey(HeldEndKey(pbx) + "x").has_value());
  EXPECT_EQ(Hex(RefiledMarkKey(kDay, 3, pbx, owner)), "520000502803" + pbx_hex + owner_hex);
  EXPECT_EQ(Hex(CohortSpanKey(kDay, pbx, owner)), "5300005028" + pbx_hex + owner_hex);
  EXPECT_TRUE(CohortSpanKey(kDay, pbx, owner).starts_with(CohortSpanPrefix(kDay)));
  EXPECT_EQ(DecodeCohortSpanKey(CohortSpanKey(kDay, pbx, owner))->pbx, pbx);
  EXPECT_EQ(DecodeCohortSpanKey(CohortSpanKey(kDay, pbx, owner))->meeting, owner);
  EXPECT_FALSE(DecodeCohortSpanKey(CohortSpanPrefix(kDay)).has_value());
  EXPECT_EQ(Hex(EventMarkKey(0x01020304, owner)), "4501020304" + owner_hex);
  EXPECT_EQ(Hex(ReportNoticeKey(0x0102030405060708)), "570102030405060708");
  EXPECT_EQ(DecodeReportNoticeKey(ReportNoticeKey(7)), 7u);
  EXPECT_EQ(DecodeReportNoticeKey(OrderKey(7)), std::nullopt);
  EXPECT_EQ(DecodeReportNoticeKey(ReportNoticeCounterKey()), std::nullopt);
  EXPECT_EQ(ReportNoticeCounterKey(), "w");
  EXPECT_EQ(Hex(DeletedObjectKey(pbx, owner)), "58" + pbx_hex + owner_hex);
  EXPECT_TRUE(DeletedObjectKey(pbx, owner).starts_with(DeletedObjectPrefix(pbx)));
  EXPECT_TRUE(
      DeletedObjectKey(pbx, OccurrenceOwner(RoomOf(owner), 7)).starts_with(DeletedObjectPrefix(pbx, RoomOf(owner))));
  EXPECT_EQ(Hex(RoomOrganizerKey(pbx, RoomOf(owner))), "49" + pbx_hex + "2021222324252627");
  EXPECT_TRUE(RoomOrganizerKey(pbx, RoomOf(owner)).starts_with(RoomOrganizerPrefix(pbx)));
  const FiledKey kept{.day = DueDay::Kept(), .category = 1, .pbx = pbx, .owner = owner, .item = IdOf<ItemId>(0x60)};
  EXPECT_EQ(Hex(ObjectReferenceKey(owner, kept)),
            "46" + owner_hex + pbx_hex + owner_hex + "606162636465666768696a6b6c6d6e6f");
  EXPECT_EQ(Hex(ObjectReferenceBucket(kept)), "fffffffe01");
  EXPECT_EQ(DecodeObjectReference(ObjectReferenceKey(owner, kept), ObjectReferenceBucket(kept)), kept);
  EXPECT_EQ(DecodeObjectReference(ObjectReferenceKey(owner, kept), "day"), std::nullopt);
  EXPECT_EQ(DecodeObjectReference(DeletedObjectKey(pbx, owner), ObjectReferenceBucket(kept)), std::nullopt);
  EXPECT_EQ(Hex(RemnantKey(pbx, owner)), "5a" + pbx_hex + owner_hex);
  EXPECT_TRUE(RemnantKey(pbx, owner).starts_with(RemnantPrefix(pbx, RoomOf(owner))));
  EXPECT_EQ(DecodeRemnantKey(RemnantKey(pbx, owner))->meeting, owner);
  EXPECT_FALSE(DecodeRemnantKey(LocatorKey(pbx, owner)).has_value());
  const std::string room_name = RoomNameKey({.names_key = 0x01020304, .pbx = pbx, .name = owner, .lasting = true});
  EXPECT_EQ(Hex(room_name), "4a01020304" + pbx_hex + owner_hex + "01");
  EXPECT_TRUE(room_name.starts_with(RoomNamePrefix(0x01020304)));
  EXPECT_EQ(RoomNameKey(*DecodeRoomNameKey(room_name)), room_name);
  EXPECT_FALSE(DecodeRoomNameKey(room_name + "x").has_value());
  EXPECT_FALSE(DecodeRoomNameKey(LocatorKey(pbx, owner)).has_value());
  const auto scope = IdOf<OwnerId>(0x40);
  EXPECT_EQ(Hex(BeginKey(pbx, scope, 0x0005f5e100abcdef, owner)),
            "42" + pbx_hex + "404142434445464748494a4b4c4d4e4f" + "8005f5e100abcdef" + owner_hex);
  EXPECT_EQ(DecodeBeginKey(BeginKey(pbx, scope, -5, owner))->begin_us, -5);
  EXPECT_EQ(DecodeBeginKey(BeginKey(pbx, scope, -5, owner))->meeting, owner);
  EXPECT_FALSE(DecodeBeginKey(BeginKey(pbx, scope, -5)).has_value());
  EXPECT_TRUE(BeginKey(pbx, scope, 5, owner).starts_with(BeginPrefix(pbx, scope)));
}

TEST(Keys, CubeAndLedgerKeys_GoldenBytes) {
  EXPECT_EQ(Hex(CubeKey(kDay, DueDay::FromNumber(0x01020304), 7)), "000050280102030407");
  EXPECT_EQ(Hex(LedgerKey(258)), "0000000000000102");
}

TEST(Keys, FiledKey_DecodesWhatItEncodes) {
  for (const DueDay day : {DueDay::None(), kDay, DueDay::Kept(), DueDay::Open()}) {
    const FiledKey key = SomeKey(day);
    EXPECT_EQ(FiledKey::Decode(key.Encode()), key);
  }
}

TEST(Keys, Decode_RefusesOtherLengthsAndLetters) {
  const std::string filed = SomeKey(kDay).Encode();
  EXPECT_FALSE(FiledKey::Decode(filed + "x").has_value());
  EXPECT_FALSE(FiledKey::Decode(filed.substr(1)).has_value());
  EXPECT_FALSE(FiledKey::Decode("").has_value());
  const std::string files_end = MeetingTimerKey(1, IdOf<PbxId>(1), IdOf<OwnerId>(2));
  EXPECT_FALSE(DecodeMeetingTimerKey(files_end.substr(1)).has_value());
  EXPECT_FALSE(DecodeMeetingTimerKey("X" + files_end.substr(1)).has_value());
  EXPECT_FALSE(DecodeLocatorKey("M").has_value());
  EXPECT_FALSE(DecodeDayKey("X0000").has_value());
  EXPECT_FALSE(DecodeDayKey("N000").has_value());
  EXPECT_FALSE(DecodeCubeKey("12345678").has_value());
}

TEST(Keys, Decode_FindsTheParts) {
  const auto pbx = IdOf<PbxId>(0x10);
  const auto owner = IdOf<OwnerId>(0x20);
  for (const int64_t instant : {INT64_MIN, int64_t{-1}, int64_t{0}, int64_t{1773000000000000}, INT64_MAX}) {
    const auto end = DecodeMeetingTimerKey(MeetingTimerKey(instant, pbx, owner));
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->instant_us, instant);
    EXPECT_EQ(end->pbx, pbx);
    EXPECT_EQ(end->meeting, owner);
  }
  EXPECT_EQ(DecodeLocatorKey(LocatorKey(pbx, owner))->meeting, owner);
  EXPECT_EQ(DecodeLocatorKey(LocatorKey(pbx, owner))->pbx, pbx);
  for (const std::string& key : {DayCountsKey(kDay), DayProgressKey(kDay), PurgeMarkKey(kDay)}) {
    EXPECT_EQ(DecodeDayKey(key), kDay);
  }
  const auto cube = DecodeCubeKey(CubeKey(kDay, kDay.Next(), 9));
  ASSERT_TRUE(cube.has_value());
  EXPECT_EQ(cube->erase_day, kDay);
  EXPECT_EQ(cube->cohort_day, kDay.Next());
  EXPECT_EQ(cube->table, 9);
}

TEST(Keys, NumbersSortAsTheyCount) {
  EXPECT_LT(FiledPrefix(DueDay::FromNumber(255)), FiledPrefix(DueDay::FromNumber(256)));
  EXPECT_LT(FiledPrefix(kDay), FiledPrefix(DueDay::Kept()));
  EXPECT_LT(FiledPrefix(DueDay::Kept()), FiledPrefix(DueDay::Open()));
  EXPECT_LT(LedgerKey(255), LedgerKey(256));
  EXPECT_LT(MeetingTimerKey(-1, {}, {}), MeetingTimerKey(0, {}, {}));
  EXPECT_LT(BeginKey({}, {}, -1, {}), BeginKey({}, {}, 0, {}));
  EXPECT_LT(ReportNoticeKey(255), ReportNoticeKey(256));
}

TEST(Keys, FiledPrefixes_AreThoseOfTheKey) {
  const FiledKey key = SomeKey(kDay);
  for (const std::string& prefix :
       {FiledPrefix(key.day), FiledPrefix(key.day, key.category), FiledPrefix(key.day, key.category, key.pbx),
        FiledPrefix(key.day, key.category, key.pbx, key.owner)}) {
    EXPECT_TRUE(key.Encode().starts_with(prefix));
    EXPECT_LT(key.Encode(), PrefixEnd(prefix));
  }
}

TEST(Keys, PrefixEnd_CarriesAndEnds) {
  EXPECT_EQ(PrefixEnd("a"), "b");
  EXPECT_EQ(PrefixEnd("a\xFF\xFF"), "b");
  EXPECT_EQ(PrefixEnd("\xFF\xFF"), "");
  EXPECT_EQ(PrefixEnd(""), "");
  EXPECT_EQ(PrefixEnd(FiledPrefix(DueDay::Open())), "");
}

}  // namespace
}  // namespace retention
