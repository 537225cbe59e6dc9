#include "tests/bench/meeting_feed.h"

#include <algorithm>
#include <utility>

#include "client/simulation/simulated_platform.h"

namespace retention {

struct MeetingFeed::Loads {
  std::vector<MeetingLoad> by_start;
  std::vector<size_t> turns;  // indexes into by_start, each as often as it weighs
  size_t next_turn = 0;
};

MeetingFeed::MeetingFeed(const FeedOptions& options)
    : loads_(std::make_unique<Loads>()), slots_(static_cast<size_t>(options.open_meetings)) {
  int weight_max = 1;
  for (const FeedOptions::Start& start : options.starts) {
    MeetingLoadOptions load;
    load.seed = options.seed;
    load.stream = options.first_stream + static_cast<int>(loads_->by_start.size());
    load.pbxs = options.pbxs;
    load.start = start.time;
    load.interval = options.interval;
    loads_->by_start.emplace_back(load);
    weight_max = std::max(weight_max, start.weight);
  }
  for (int round = 0; round < weight_max; ++round) {
    for (size_t i = 0; i < options.starts.size(); ++i) {
      if (round < options.starts[i].weight) loads_->turns.push_back(i);
    }
  }
  for (size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].idle_turns = static_cast<int>(i) % MeetingLoad::kEventsPerMeeting;
  }
}

MeetingFeed::~MeetingFeed() = default;

std::vector<v1::SyncPbxRequest> MeetingFeed::Pbxs() const {
  std::vector<v1::SyncPbxRequest> requests;
  for (const SimulatedPbx& pbx : loads_->by_start.front().pbxs()) requests.push_back(pbx.sync);
  return requests;
}

void MeetingFeed::Append(int count, google::protobuf::RepeatedPtrField<v1::Event>* events) {
  const bool whole = slots_.size() == 1;
  while (count > 0) {
    Slot& slot = slots_[next_slot_];
    next_slot_ = (next_slot_ + 1) % slots_.size();
    if (slot.idle_turns > 0 && !whole) {
      --slot.idle_turns;
      continue;
    }
    if (slot.next == slot.events.size()) Refill(slot);
    *events->Add() = std::move(slot.events[slot.next++]);
    --count;
  }
}

void MeetingFeed::Refill(Slot& slot) {
  slot.events.Clear();
  slot.next = 0;
  loads_->by_start[loads_->turns[loads_->next_turn]].AppendMeeting(&slot.events);
  loads_->next_turn = (loads_->next_turn + 1) % loads_->turns.size();
}

}  // namespace retention
