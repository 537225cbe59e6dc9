// The facts of what is one occurrence, however its events cut it by themselves.
#include <algorithm>
#include <tuple>

#include "server/law/room_cut.h"

namespace retention {
namespace {

bool AreAlike(const OccurrenceFacts& cut, const OccurrenceFacts& facts) {
  // Where both say that nobody came, those of another may say when it ended.
  const auto are_alike = [](const SittingFacts& a, const SittingFacts& b) {
    const bool nobody_came = a.nobody_until_us == kNobodyCame && b.nobody_until_us == kNobodyCame;
    return a.start_us == b.start_us && (!nobody_came || a.emptied_us == b.emptied_us);
  };
  return cut.first_us == facts.first_us && cut.last_us == facts.last_us && cut.plan == facts.plan &&
         std::ranges::equal(cut.sittings, facts.sittings, are_alike);
}

// Adds another part's.
void AddPart(const OccurrenceFacts& part, OccurrenceFacts& facts) {
  facts.first_us = std::min(facts.first_us, part.first_us);
  facts.last_us = std::max(facts.last_us, part.last_us);
  facts.waits_until_us = std::max(facts.waits_until_us, part.waits_until_us);
  if (part.tries.has_value()) {
    const OccurrenceFacts::Tries others = facts.tries.value_or(*part.tries);
    facts.tries = {.first_us = std::min(others.first_us, part.tries->first_us),
                   .last_us = std::max(others.last_us, part.tries->last_us)};
  }
  facts.present += part.present;
  facts.sittings.insert(facts.sittings.end(), part.sittings.begin(), part.sittings.end());
}

// In order of their begin, and by which of them the plan took place.
void SortSittings(OccurrenceFacts& facts) {
  const auto order = [](const SittingFacts& a, const SittingFacts& b) {
    return std::tie(a.start_us, a.name) < std::tie(b.start_us, b.name);
  };
  if (!facts.plan.has_value()) return std::stable_sort(facts.sittings.begin(), facts.sittings.end(), order);
  PlanFacts& plan = *facts.plan;
  std::optional<SittingFacts> by;
  if (plan.took_place) by = facts.sittings[plan.took_place_in];
  std::stable_sort(facts.sittings.begin(), facts.sittings.end(), order);
  for (size_t i = 0; i < facts.sittings.size(); ++i) {
    const SittingFacts& sitting = facts.sittings[i];
    if (plan.took_place ? !(sitting == *by) : sitting.last_us < plan.start_us) continue;
    if (!plan.took_place) plan.took_place_us = std::max(plan.start_us, sitting.start_us);
    plan.took_place = true;
    plan.took_place_in = i;
    return;
  }
}

}  // namespace

bool RoomCut::Cuts(uint64_t occurrence, const OccurrenceFacts& facts) const {
  if (!Has(occurrence)) return false;
  uint32_t organizer = 0;
  return AreAlike(FactsOf(occurrence, organizer), facts);
}

bool RoomCut::CutsTogether(const OccurrenceFacts& facts) const {
  if (group_of_.empty()) return false;
  uint32_t organizer = 0;
  return AreAlike(FactsOfAll(organizer), facts);
}

uint64_t RoomCut::Speaker() const {
  const auto rank = [&](uint64_t occurrence) {
    uint32_t organizer = 0;
    const OccurrenceFacts facts = FactsOf(occurrence, organizer);
    return std::make_tuple(!facts.plan.has_value(), !facts.IsMeeting(), facts.first_us, facts.last_us);
  };
  uint64_t speaker = group_of_.begin()->first;
  for (const auto& [occurrence, group] : group_of_) {
    if (group_of_.size() > 1 && rank(occurrence) < rank(speaker)) speaker = occurrence;
  }
  return speaker;
}

OccurrenceFacts RoomCut::FactsOfAll(uint32_t& organizer_number) const {
  const uint64_t speaker = Speaker();
  OccurrenceFacts facts = FactsOf(speaker, organizer_number);
  if (group_of_.size() == 1) return facts;
  for (const auto& [occurrence, group] : group_of_) {
    uint32_t organizer = 0;
    if (occurrence != speaker) AddPart(FactsOf(occurrence, organizer), facts);
  }
  SortSittings(facts);
  return facts;
}

}  // namespace retention
