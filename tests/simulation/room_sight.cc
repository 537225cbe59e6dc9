#include "tests/simulation/room_sight.h"

#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "retention/stored/v1/course.pb.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/days/cohort_rows.h"
#include "server/rows/row_keys.h"
#include "server/rows/value_chunk.h"
#include "tests/orders/orders.h"

namespace retention::simulation {
namespace {

std::string HexOf(uint64_t occurrence) { return absl::StrCat(absl::Hex(occurrence, absl::kZeroPad16)); }

SeenValue Seen(v1::DataCategory category, const stored::v1::Value& value) {
  SeenValue seen{.category = category, .event = value.event(), .participant = value.participant_id(), .text = ""};
  seen.text = value.has_object()    ? value.object().object_ref()
              : value.has_dial_in() ? value.dial_in().conference_number()
                                    : value.text();
  return seen;
}

void AddRow(const FiledKey& key, const std::string& row, SeenRoom& room) {
  const auto category = static_cast<v1::DataCategory>(key.category);
  const SeenPlace place{.day = key.day.is_civil() ? key.day.civil() : absl::CivilDay::max(),
                        .occurrence = HexOf(OccurrenceOf(key.owner))};
  if (category == v1::DATA_CATEGORY_HISTORY) {
    stored::v1::CourseChunk chunk;
    EXPECT_TRUE(chunk.ParseFromString(row));
    const auto add = [&](uint64_t event) {
      EXPECT_TRUE(room.history.emplace(event, place).second) << "an event is history twice";
    };
    for (const auto& entry : chunk.entries()) add(entry.event());
    for (const uint64_t sample : chunk.samples().event()) add(sample);
    return;
  }
  stored::v1::ValueChunk chunk;
  const bool single = category == v1::DATA_CATEGORY_RECORDING || category == v1::DATA_CATEGORY_FILE_SHARE ||
                      category == v1::DATA_CATEGORY_PDF_SHARE;
  EXPECT_TRUE(single ? chunk.add_values()->ParseFromString(row) : UnpackValues(row, chunk));
  for (const auto& value : chunk.values()) {
    EXPECT_TRUE(room.values.emplace(Seen(category, value), place).second)
        << "held twice, of " << place.occurrence << ": " << value.ShortDebugString();
  }
}

// Meeting ids by the room that rows name.
std::map<std::string, std::string> IdsByRoom(TestEngine& engine, absl::Time now,
                                             const std::vector<std::string>& meeting_ids) {
  const auto pbx = engine.registry().Find("pbx", now);
  EXPECT_TRUE(pbx.has_value());
  std::map<std::string, std::string> ids;
  for (const std::string& id : meeting_ids) {
    ids[std::string(engine.RoomNamed(*pbx, id).view())] = id;
  }
  return ids;
}

bool IsOfRooms(CategoryNumber category) { return category != kPbxSync && category != kPoll && category != kServerLog; }

}  // namespace

std::map<std::string, SeenRoom> LookAtRooms(TestEngine& engine, absl::Time now,
                                            const std::vector<std::string>& meeting_ids) {
  Vault& vault = engine.vault();
  const std::map<std::string, std::string> id_of = IdsByRoom(engine, now, meeting_ids);
  std::map<std::string, SeenRoom> rooms;
  for (const std::string& id : meeting_ids) rooms[id];
  auto cursor = engine.store().Scan(Family::kFiled, "", "");
  for (; cursor->Valid(); cursor->Next()) {
    const auto key = FiledKey::Decode(cursor->key());
    EXPECT_TRUE(key.has_value());
    if (!key.has_value() || !IsOfRooms(key->category)) continue;
    if (key->day <= engine.ring().destroyed_through()) continue;
    const auto id = id_of.find(std::string(RoomOf(key->owner).view()));
    if (id == id_of.end()) continue;
    const auto plaintext = vault.Open(*key, cursor->value());
    EXPECT_TRUE(plaintext.ok()) << plaintext.status();
    if (plaintext.ok()) AddRow(*key, plaintext->Reveal(), rooms[id->second]);
  }
  EXPECT_TRUE(cursor->status().ok());
  return rooms;
}

CohortsSeen LookAtCohorts(TestEngine& engine, absl::Time now, const std::vector<std::string>& meeting_ids,
                          absl::CivilDay first, absl::CivilDay last) {
  const std::map<std::string, std::string> id_of = IdsByRoom(engine, now, meeting_ids);
  CohortsSeen seen;
  for (absl::CivilDay day = first; day <= last; ++day) {
    const auto view = engine.store().Snapshot();
    const auto add = [&](const CountedPresence& presence) {
      const Participation& of = presence.participation;
      if (of.failure_cause != 0) return;
      const OwnerId owner = OwnerId::From(presence.rows_of.substr(PbxId::kBytes));
      const auto id = id_of.find(std::string(RoomOf(owner).view()));
      if (id == id_of.end()) return;
      seen[{id->second, HexOf(OccurrenceOf(owner))}].emplace(day, of.hour, of.duration_seconds, of.reconnections);
    };
    const auto damaged = ReadCohort(*view, engine.vault(), engine.policies().current(), DueDay(day), add);
    EXPECT_TRUE(damaged.ok()) << damaged.status();
    if (damaged.ok()) {
      EXPECT_EQ(*damaged, 0u);
    }
  }
  return seen;
}

void CompareCountsWithRows(TestEngine& engine) {
  std::map<DueDay, DayCount> rows;
  auto cursor = engine.store().Scan(Family::kFiled, "", "");
  for (; cursor->Valid(); cursor->Next()) {
    const auto key = FiledKey::Decode(cursor->key());
    EXPECT_TRUE(key.has_value());
    if (!key.has_value() || key->day <= engine.ring().destroyed_through()) continue;
    BucketCount& count = rows[key->day][key->category];
    ++count.rows;
    count.values += Vault::ValueCount(cursor->value());
  }
  const std::map<DueDay, DayCount> counted = engine.counts().Read();
  for (const auto& [day, counts] : rows) EXPECT_TRUE(counted.contains(day)) << "rows on an uncounted day";
  for (const auto& [day, counts] : counted) {
    for (size_t i = 1; i < kCategories; ++i) {
      EXPECT_EQ(counts[i].rows, rows[day][i].rows) << "rows of category " << i << " on day " << day.number();
      EXPECT_EQ(counts[i].values, rows[day][i].values) << "values of category " << i << " on day " << day.number();
    }
  }
}

std::multiset<std::string> OrderedAway(TestEngine& engine) {
  std::multiset<std::string> refs;
  for (const v1::ErasureOrder& order : HeldOrders(engine)) refs.insert(order.object_ref());
  return refs;
}

}  // namespace retention::simulation
