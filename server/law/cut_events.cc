#include "server/law/cut_events.h"

#include <algorithm>

namespace retention {

void CutEvents::Append(const RoomEvent& event, uint64_t occurrence) {
  const Saying saying(event.protocolled, event.with_recordings, event.organizer, event.participant, event.connection,
                      event.sitting, event.planned_start_us, event.planned_end_us);
  const auto [it, is_new] = saying_index_.try_emplace(saying, static_cast<uint32_t>(sayings_.size()));
  if (is_new) sayings_.push_back(saying);
  const uint32_t number = IndexOf(occurrence);
  slots_.push_back({.id = event.id,
                    .time_us = event.time_us,
                    .place_index = 0,
                    .saying = it->second,
                    .occurrence = number,
                    .filed = number,
                    .kind = event.kind,
                    .place_of = CutPlace::Of::kDay,
                    .counts = false,
                    .placed = false});
}

size_t CutEvents::SortIn(size_t sorted) {
  const auto at = [this](size_t position) { return slots_.begin() + static_cast<std::ptrdiff_t>(position); };
  const auto before = [](const Slot& a, const Slot& b) { return IsBefore(a, b); };
  std::sort(at(sorted), slots_.end(), before);
  const auto from = std::upper_bound(slots_.begin(), at(sorted), slots_[sorted], before);
  const auto position = static_cast<size_t>(from - slots_.begin());
  if (position < sorted) std::inplace_merge(from, at(sorted), slots_.end(), before);
  return position;
}

RoomEvent CutEvents::EventAt(size_t position) const {
  const Slot& slot = slots_[position];
  RoomEvent event;
  event.id = slot.id;
  event.time_us = slot.time_us;
  event.kind = slot.kind;
  std::tie(event.protocolled, event.with_recordings, event.organizer, event.participant, event.connection,
           event.sitting, event.planned_start_us, event.planned_end_us) = sayings_[slot.saying];
  return event;
}

CutEvent CutEvents::operator[](size_t position) const {
  return {.event = EventAt(position),
          .place = PlaceAt(position),
          .placed = IsPlacedAt(position),
          .occurrence = OccurrenceAt(position),
          .filed = FiledAt(position)};
}

CutPlace CutEvents::PlaceAt(size_t position) const {
  const Slot& slot = slots_[position];
  return {.of = slot.place_of, .index = slot.place_index, .counts = slot.counts};
}

void CutEvents::PlaceAt(size_t position, const CutPlace& place) {
  Slot& slot = slots_[position];
  slot.place_of = place.of;
  slot.place_index = place.index;
  slot.counts = place.counts;
  slot.placed = true;
}

bool CutEvents::IsBefore(size_t position, const RoomEvent& event) const {
  const Slot& slot = slots_[position];
  return std::tie(slot.time_us, slot.kind, slot.id) < std::tie(event.time_us, event.kind, event.id);
}

uint32_t CutEvents::IndexOf(uint64_t occurrence) {
  const auto [it, is_new] = number_index_.try_emplace(occurrence, static_cast<uint32_t>(numbers_.size()));
  if (is_new) numbers_.push_back(occurrence);
  return it->second;
}

size_t CutEvents::MemoryBytes() const {
  // With its place in the index.
  constexpr size_t kBytesPerSaying = 3 * sizeof(Saying);
  return slots_.size() * kBytesPerEvent + sayings_.size() * kBytesPerSaying;
}

}  // namespace retention
