// What tests see of the held bucket, and holds to place.
#ifndef RETENTION_TESTS_HOLDS_HELD_H_
#define RETENTION_TESTS_HOLDS_HELD_H_

#include <set>
#include <string>

#include "retention/stored/v1/stored.pb.h"
#include "server/base/request_parts.h"
#include "server/rows/object_rows.h"
#include "tests/engine/test_engine.h"

namespace retention {

// A hold until the end of a year from `now`, to be looked at after a month; the scope is the test's.
inline v1::Hold NewHold(const std::string& id, absl::Time now) {
  v1::Hold hold;
  hold.set_hold_id(id);
  hold.set_basis(v1::HOLD_BASIS_LEGAL_CLAIMS);
  hold.set_owner("legal department");
  hold.set_reason("a claim was announced");
  const DueDay today = LastDueDay(now, absl::UTCTimeZone()).Next();
  SetDate(DueDay::FromNumber(today.number() + 30), *hold.mutable_review_date());
  SetDate(DueDay::FromNumber(today.number() + 365), *hold.mutable_end_date());
  return hold;
}
inline v1::Hold PbxHold(const std::string& id, absl::Time now, const std::string& pbx = "pbx") {
  v1::Hold hold = NewHold(id, now);
  hold.mutable_scope()->set_pbx_id(pbx);
  return hold;
}
inline v1::Hold MeetingHold(const std::string& id, absl::Time now, const std::string& meeting) {
  v1::Hold hold = NewHold(id, now);
  hold.mutable_scope()->mutable_meeting()->set_pbx_id("pbx");
  hold.mutable_scope()->mutable_meeting()->set_meeting_id(meeting);
  return hold;
}
inline v1::Hold ExtensionHold(const std::string& id, absl::Time now, const std::string& number) {
  v1::Hold hold = NewHold(id, now);
  hold.mutable_scope()->mutable_extension()->set_pbx_id("pbx");
  hold.mutable_scope()->mutable_extension()->set_number(number);
  return hold;
}
inline v1::Hold EmailHold(const std::string& id, absl::Time now, const std::string& email) {
  v1::Hold hold = NewHold(id, now);
  hold.mutable_scope()->mutable_subject()->set_email(email);
  hold.mutable_scope()->mutable_subject()->set_controller_id("controller");
  return hold;
}

// The texts, object references and numbers that are held of a category.
inline std::set<std::string> HeldTexts(TestEngine& engine, CategoryNumber category) {
  std::set<std::string> texts;
  auto cursor = engine.store().ScanPrefix(Family::kFiled, FiledPrefix(DueDay::Kept(), category));
  for (; cursor->Valid(); cursor->Next()) {
    auto plaintext = engine.vault().Open(*FiledKey::Decode(cursor->key()), cursor->value());
    stored::v1::KeptRow held;
    if (!plaintext.ok() || !held.ParseFromString(plaintext->Reveal())) {
      texts.insert("a row that does not open");
      continue;
    }
    stored::v1::ValueChunk chunk;
    if (category == kHistory) {
      stored::v1::CourseChunk course;
      course.ParseFromString(held.row());
      texts.insert(course.words().begin(), course.words().end());
      continue;
    }
    const bool single = IsObject(category) || category == kPoll || category == kPbxSync;
    if (!(single ? chunk.add_values()->ParseFromString(held.row()) : chunk.ParseFromString(held.row()))) {
      texts.insert("a row that does not parse");
    }
    for (const stored::v1::Value& value : chunk.values()) {
      texts.insert(value.has_object()          ? value.object().object_ref()
                   : value.has_poll()          ? value.poll().poll_id()
                   : value.has_answer()        ? value.answer().participant_id()
                   : value.has_pbx()           ? value.pbx().pbx_id()
                   : value.has_pbx_extension() ? value.pbx_extension().number() + "/" + value.pbx_extension().email()
                                               : value.text());
    }
  }
  return texts;
}

inline uint64_t HeldValues(const TestEngine& engine, CategoryNumber category) {
  return engine.counts().Of(DueDay::Kept())[category].values;
}

}  // namespace retention

#endif  // RETENTION_TESTS_HOLDS_HELD_H_
