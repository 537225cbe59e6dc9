// What a notice promises: its sentences about how long which data are kept, as the words of promises.*.txt find them.
// Every word of such a sentence must be among them: one that is not could be what turns it round.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "client/notice/notice_texts.h"
#include "client/notice/sentences.h"

namespace retention {

struct PromisedLength {
  enum class Unit { kImmediately, kHours, kDays, kMonths };

  Unit unit = Unit::kDays;
  uint32_t count = 0;
  bool is_most = false;  // "up to"
};

struct Promise {
  Sentence sentence;
  // A category ("RECORDING"), or what ends a PBX: "NO_CONTACT", "FQDN_UNRESOLVED".
  std::string about;
  std::optional<PromisedLength> length;  // Until an event if there is none.
  std::set<std::string> events;          // "POLL_DELETED": all of them end it; empty if there is a length.
  std::set<std::string> starts;          // "MEETING_END": any of them; empty if nothing is said.
  bool is_anonymised = false;            // That is what happens then, not erasure.
  bool is_extended = false;              // In certain cases.
};

struct Promises {
  std::vector<Promise> made;
  // Sentences that speak of how long something is kept, and are not understood word by word, or not what they are
  // about.
  std::vector<Sentence> unclear;
};

// `text`: plain, Markdown or HTML; UTF-8.
Promises ReadPromises(std::string_view text, Language language);

}  // namespace retention
