// The events of a room in the order of the walk, each with where it lies.
//
// A webinar's samples of quality are a million, and of a thousand people: what events say alike is held once, and
// beside it an event takes 40 bytes.
#ifndef RETENTION_SERVER_LAW_CUT_EVENTS_H_
#define RETENTION_SERVER_LAW_CUT_EVENTS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/law/occurrences.h"
#include "server/law/room_event.h"

namespace retention {

// An event with the number of the occurrence that it lies with.
struct CutEvent {
  RoomEvent event;
  CutPlace place;
  bool placed = false;      // `place` is known
  uint64_t occurrence = 0;  // 0: not known yet
  uint64_t filed = 0;       // the occurrence that its rows lie with; 0: it has none
};

class CutEvents {
 public:
  // Gives events by value.
  class Iterator {
   public:
    // As the standard library names them. NOLINTBEGIN(readability-identifier-naming)
    using iterator_category = std::input_iterator_tag;
    using value_type = CutEvent;
    using difference_type = std::ptrdiff_t;
    using pointer = const CutEvent*;
    using reference = CutEvent;
    // NOLINTEND(readability-identifier-naming)

    Iterator(const CutEvents& events, size_t position) : events_(&events), position_(position) {}
    CutEvent operator*() const { return (*events_)[position_]; }
    Iterator& operator++() {
      ++position_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++position_;
      return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const CutEvents* events_;
    size_t position_;
  };

  size_t size() const { return slots_.size(); }
  bool empty() const { return slots_.empty(); }
  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, size()}; }

  // Puts an event at the end. `occurrence`: where its rows lie.
  void Append(const RoomEvent& event, uint64_t occurrence);
  // Puts those from `sorted` on, which were appended, where they belong among those before. Returns the position of the
  // first that was moved, or put in; `sorted` if those before stay where they are.
  size_t SortIn(size_t sorted);

  CutEvent operator[](size_t position) const;
  RoomEvent EventAt(size_t position) const;
  RoomEventKind KindAt(size_t position) const { return slots_[position].kind; }
  int64_t TimeAt(size_t position) const { return slots_[position].time_us; }
  uint64_t IdAt(size_t position) const { return slots_[position].id; }
  CutPlace PlaceAt(size_t position) const;
  bool IsPlacedAt(size_t position) const { return slots_[position].placed; }
  uint64_t OccurrenceAt(size_t position) const { return numbers_[slots_[position].occurrence]; }
  uint64_t FiledAt(size_t position) const { return numbers_[slots_[position].filed]; }
  // Whether it comes before `event` in the walk.
  bool IsBefore(size_t position, const RoomEvent& event) const;

  void PlaceAt(size_t position, const CutPlace& place);
  void SetOccurrence(size_t position, uint64_t occurrence) { slots_[position].occurrence = IndexOf(occurrence); }
  void SetFiled(size_t position, uint64_t occurrence) { slots_[position].filed = IndexOf(occurrence); }

  // About what it holds.
  size_t MemoryBytes() const;

 private:
  struct Slot {
    uint64_t id;
    int64_t time_us;
    size_t place_index;
    uint32_t saying;      // into sayings_
    uint32_t occurrence;  // into numbers_
    uint32_t filed;       // the same
    RoomEventKind kind;
    CutPlace::Of place_of;
    bool counts : 1;
    bool placed : 1;
  };
  static constexpr size_t kBytesPerEvent = sizeof(Slot);
  // What one says and another may say too: all but id, time and kind.
  using Saying = std::tuple<bool, bool, uint32_t, uint64_t, uint64_t, uint64_t, int64_t, int64_t>;

  static bool IsBefore(const Slot& a, const Slot& b) {
    return std::tie(a.time_us, a.kind, a.id) < std::tie(b.time_us, b.kind, b.id);
  }
  uint32_t IndexOf(uint64_t occurrence);

  std::deque<Slot> slots_;
  std::vector<Saying> sayings_;
  absl::flat_hash_map<Saying, uint32_t> saying_index_;
  std::vector<uint64_t> numbers_ = {0};  // of occurrences
  absl::flat_hash_map<uint64_t, uint32_t> number_index_ = {{0, 0}};
};

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_CUT_EVENTS_H_
