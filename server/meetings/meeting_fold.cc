#include "server/meetings/meeting_fold.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "server/law/presence.h"
#include "server/law/room_cut.h"

namespace retention {
namespace {

// Another with every change of what a fold of `meeting` has places for: of its history, and of the categories that
// live. What has ended can live again, if the machine's clock was ahead.
uint64_t RevisionOf(const MeetingView& meeting) {
  uint64_t revision = meeting.revision();
  for (const CategoryNumber category : MeetingFold::kOfPeople)
    revision = revision << 1 | (meeting.Lives(category) ? 1 : 0);
  return revision;
}

// Where an address was first used.
struct AddressUse {
  int64_t time_us = 0;
  uint64_t event = 0;
  ValuePlace place;

  bool Precedes(const AddressUse& other) const {
    return std::tie(time_us, event) < std::tie(other.time_us, other.event);
  }
};

// Makes a fold.
class Folding {
 public:
  explicit Folding(const MeetingView& meeting) : meeting_(meeting) {}

  absl::StatusOr<std::shared_ptr<const MeetingFold>> Make() {
    auto course = meeting_.ReadHistory();
    if (!course.ok()) return course.status();
    fold_->revision = RevisionOf(meeting_);
    fold_->due = meeting_.HistoryDue();
    auto former = meeting_.ReadFormer();
    if (!former.ok()) return former.status();
    AddPresence(*course, *std::move(former));
    AddPolls(*course);
    for (const CategoryNumber category : MeetingFold::kOfPeople) {
      if (absl::Status s = AddValues(category); !s.ok()) return s;
    }
    Sort();
    return fold_;
  }

 private:
  // Of the values of a participant, those that count.
  struct Latest {
    LatestValue name;
    LatestValue email;
    bool has_email = false;
  };

  uint32_t IndexOf(const std::string& name) {
    const auto [it, inserted] = index_.try_emplace(name, static_cast<uint32_t>(fold_->participants.size()));
    if (inserted) {
      fold_->participants.emplace_back();
      latest_.emplace_back();
    }
    return it->second;
  }

  void AddPresence(const Course& course, std::vector<FormerSitting> former) {
    const Presences all = FoldPresence(course, meeting_.cuts(), std::move(former));
    for (const Presence& presence : all.participants) {
      FoldedParticipant& participant = fold_->participants[IndexOf(course.Text(presence.participants.front()))];
      participant.first_join_us = presence.first_join_us;
      participant.first_join = presence.first_join;
      participant.present = presence.present;
      participant.number = ++came_;
    }
    for (const Presence& presence : all.persons) {
      FoldedPerson& person = fold_->persons.emplace_back(FoldedPerson{.participants = {},
                                                                      .total_us = presence.total_us,
                                                                      .reconnections = presence.reconnections,
                                                                      .presumed = presence.presumed});
      for (const Word participant : presence.participants)
        person.participants.push_back(IndexOf(course.Text(participant)));
    }
  }

  void AddPolls(const Course& course) {
    std::set<std::string> polls;
    for (const CourseEvent& event : course.events()) {
      if (event.kind != stored::v1::CourseEntry::KIND_NOTED) continue;
      const std::string& poll = course.Text(event.participant);
      if (!poll.empty() && polls.insert(poll).second) fold_->polls.push_back(poll);
    }
  }

  absl::Status AddValues(CategoryNumber category) {
    return meeting_.ForEachChunk(category, [&](const ItemId& item, const stored::v1::ValueChunk& chunk) {
      const auto row = static_cast<uint32_t>(fold_->rows.size());
      fold_->rows.emplace_back(category, item);
      for (int i = 0; i < chunk.values_size(); ++i) {
        AddValue(category, chunk.values(i), {.row = row, .index = static_cast<uint32_t>(i)});
      }
    });
  }

  void AddValue(CategoryNumber category, const stored::v1::Value& value, const ValuePlace& place) {
    const auto [name, is_new] = names_.try_emplace(value.participant_id());
    if (is_new) name->second = meeting_.NameOf(value.participant_id());
    const uint32_t index = IndexOf(name->second);
    FoldedParticipant& participant = fold_->participants[index];
    Latest& latest = latest_[index];
    // The values of an event stand in its order in one row of each category.
    const uint64_t told_at = uint64_t{category} << 32 | told_[std::make_pair(category, value.event())]++;
    if (std::make_tuple(value.time_us(), value.event(), told_at) <
        std::make_tuple(participant.told_us, participant.told_by, participant.told_at)) {
      participant.told_us = value.time_us();
      participant.told_by = value.event();
      participant.told_at = told_at;
    }
    if (category == kParticipantName) {
      if (latest.name.Is(value)) participant.name = place;
    } else if (category == kParticipantEmail) {
      // One without a text only says that the identifier was told.
      const bool has_text = !value.text().empty();
      if (has_text ? !latest.email.Is(value) : latest.has_email) return;
      latest.has_email = has_text;
      participant.email = place;
    } else {
      const AddressUse use{.time_us = value.time_us(), .event = value.event(), .place = place};
      const auto [known, is_first] = ips_.try_emplace({index, value.text()}, use);
      if (use.Precedes(known->second)) known->second = use;
    }
  }

  // In the order in which they were first used, whatever the order in which that came.
  void PlaceAddresses() {
    std::map<uint32_t, std::vector<AddressUse>> uses;
    for (const auto& [address, use] : ips_) uses[address.first].push_back(use);
    for (auto& [index, of_one] : uses) {
      std::sort(of_one.begin(), of_one.end(), [](const AddressUse& a, const AddressUse& b) { return a.Precedes(b); });
      for (const AddressUse& use : of_one) fold_->participants[index].ips.push_back(use.place);
    }
  }

  void Sort() {
    PlaceAddresses();
    std::vector<FoldedParticipant>& all = fold_->participants;
    std::vector<uint32_t> order(all.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(),
              [&](uint32_t a, uint32_t b) { return all[a].Position() < all[b].Position(); });
    std::vector<FoldedParticipant> sorted;
    std::vector<uint32_t> place(all.size());
    for (const uint32_t at : order) {
      place[at] = static_cast<uint32_t>(sorted.size());
      sorted.push_back(std::move(all[at]));
    }
    all = std::move(sorted);
    for (FoldedPerson& person : fold_->persons) {
      for (uint32_t& participant : person.participants) participant = place[participant];
    }
  }

  const MeetingView& meeting_;
  const std::shared_ptr<MeetingFold> fold_ = std::make_shared<MeetingFold>();
  absl::flat_hash_map<std::string, uint32_t> index_;     // by the name that history gives
  absl::flat_hash_map<std::string, std::string> names_;  // that name, by the portal's
  std::vector<Latest> latest_;
  absl::flat_hash_map<std::pair<CategoryNumber, uint64_t>, uint32_t> told_;  // how many values, by their event
  std::map<std::pair<uint32_t, std::string>, AddressUse> ips_;               // the first of each participant's address
  uint32_t came_ = 0;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const MeetingFold>> MeetingFold::Of(const MeetingView& meeting) {
  return Folding(meeting).Make();
}

bool MeetingFold::Holds(const MeetingView& meeting) const { return revision == RevisionOf(meeting); }

size_t MeetingFold::MemoryBytes() const {
  size_t bytes = sizeof(MeetingFold) + rows.size() * sizeof(rows.front());
  for (const FoldedParticipant& participant : participants) {
    bytes += sizeof(FoldedParticipant) + participant.ips.capacity() * sizeof(ValuePlace);
  }
  for (const FoldedPerson& person : persons) {
    bytes += sizeof(FoldedPerson) + person.participants.capacity() * sizeof(uint32_t);
  }
  for (const std::string& poll : polls) bytes += sizeof(std::string) + poll.capacity();
  return bytes;
}

absl::StatusOr<const stored::v1::Value*> PlacedValues::Read(const ValuePlace& place) {
  if (place.row == ValuePlace::kNowhere) return nullptr;
  auto it = rows_.find(place.row);
  if (it == rows_.end()) {
    const auto& [category, item] = fold_.rows[place.row];
    auto chunk = meeting_.ReadChunk(category, item);
    if (!chunk.ok()) return chunk.status();
    it = rows_.emplace(place.row, *std::move(chunk)).first;
  }
  const auto index = static_cast<int>(place.index);
  if (!it->second.has_value() || index >= it->second->values_size()) return nullptr;
  return &it->second->values(index);
}

absl::StatusOr<const stored::v1::Value*> PlacedValues::Naming(const FoldedParticipant& participant) {
  for (const ValuePlace& place : {participant.name, participant.email}) {
    auto value = Read(place);
    if (!value.ok() || *value != nullptr) return value;
  }
  return participant.ips.empty() ? nullptr : Read(participant.ips.front());
}

}  // namespace retention
