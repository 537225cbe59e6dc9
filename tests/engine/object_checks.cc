#include "tests/engine/object_checks.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "server/rows/day_progress.h"
#include "server/rows/object_rows.h"
#include "storage/keys.h"

namespace retention {
namespace {

// What a row says, if it can be read.
std::optional<HeldObject> ObjectOf(const TestEngine& engine, const FiledKey& key, std::string_view envelope) {
  const auto plaintext = engine.vault().Open(key, envelope);
  if (!plaintext.ok()) return std::nullopt;
  std::string row = plaintext->Reveal();
  std::string pbx_id = engine.registry().ExternalId(key.pbx);
  if (key.day == DueDay::Kept()) {
    stored::v1::KeptRow kept;
    if (!kept.ParseFromString(row)) return std::nullopt;
    row = kept.row();
    pbx_id = kept.pbx_id();
  }
  stored::v1::Value value;
  if (pbx_id.empty() || !value.ParseFromString(row) || value.object().object_ref().empty()) return std::nullopt;
  return HeldObject(pbx_id, value.object().object_ref());
}

bool HasHadItsOrder(const TestEngine& engine, const FiledKey& key) {
  if (!key.day.is_civil()) return false;
  const auto progress = ReadDayProgress(engine.holdings().store, key.day);
  EXPECT_TRUE(progress.ok()) << progress.status();
  return progress.ok() && progress->contains(key.day) && HasOrder(progress->at(key.day), key);
}

}  // namespace

std::set<HeldObject> HeldObjects(const TestEngine& engine) {
  const StoreView& store = engine.holdings().store;
  std::set<HeldObject> held;
  std::map<std::string, std::string> expected;
  for (auto cursor = store.Scan(Family::kFiled, "", "", AtLoss::kPass); cursor->Valid(); cursor->Next()) {
    const auto key = FiledKey::Decode(cursor->key());
    if (!key.has_value() || !IsObject(key->category)) continue;
    const auto object = ObjectOf(engine, *key, cursor->value());
    if (!object.has_value() || HasHadItsOrder(engine, *key)) continue;
    held.insert(*object);
    stored::v1::StoredObjectRef reference;
    reference.set_object_ref(object->second);
    const OwnerId name = ObjectName(engine.vault(), object->first, reference);
    expected.emplace(ObjectReferenceKey(name, *key), ObjectReferenceBucket(*key));
  }
  std::map<std::string, std::string> found;
  const std::string prefix = ObjectReferenceKey(OwnerId(), FiledKey()).substr(0, 1);
  for (auto cursor = store.ScanPrefix(Family::kState, prefix, AtLoss::kPass); cursor->Valid(); cursor->Next()) {
    const auto key = DecodeObjectReference(cursor->key(), cursor->value());
    const auto row = key.has_value() ? store.Get(Family::kFiled, key->Encode()) : absl::NotFoundError("no row");
    // What nobody could read went without a word.
    if (!row.ok() || !row->has_value() || !ObjectOf(engine, *key, **row).has_value()) continue;
    found.emplace(cursor->key(), cursor->value());
  }
  EXPECT_EQ(found, expected) << "rows of objects are found by their objects";
  return held;
}

}  // namespace retention
