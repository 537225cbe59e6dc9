// Events of one room, made up: every value in them is unlike any other, but for what makes people the same.
#ifndef RETENTION_TESTS_SIMULATION_ROOM_EVENTS_H_
#define RETENTION_TESTS_SIMULATION_ROOM_EVENTS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "retention/v1/event.pb.h"
#include "tests/simulation/random.h"

namespace retention::simulation {

class RoomEvents {
 public:
  // REQUIRES: `dice` outlives it.
  RoomEvents(Dice& dice, std::string meeting_id) : dice_(dice), meeting_id_(std::move(meeting_id)) {}
  // Extensions are named by ids as well: kExtensionId and the number.
  static constexpr char kExtensionId[] = "extension-";
  void NameExtensions() { names_extensions_ = true; }

  v1::Event& Scheduled(absl::Time time, absl::Time start, absl::Duration length);
  v1::Event& Rescheduled(absl::Time time, absl::Time start, absl::Duration length);
  v1::Event& Started(absl::Time time);
  v1::Event& Ended(absl::Time time);
  v1::Event& Deleted(absl::Time time);
  v1::Event& Joined(absl::Time time, const std::string& who);
  v1::Event& Left(absl::Time time, const std::string& who);
  v1::Event& Reconnected(absl::Time time, const std::string& who);
  v1::Event& Quality(absl::Time time, const std::string& who);
  v1::Event& JoinFailed(absl::Time time, const std::string& who);
  v1::Event& Invited(absl::Time time, const std::string& who);
  v1::Event& Uninvited(absl::Time time, const std::string& who);
  v1::Event& DialIn(absl::Time time);
  v1::Event& File(absl::Time time);
  v1::Event& Pdf(absl::Time time);
  v1::Event& Recording(absl::Time time);
  v1::Event& Chat(absl::Time time, const std::string& who);
  v1::Event& Poll(absl::Time time);
  v1::Event& PollDeleted(absl::Time time, const std::string& poll_id);

  // Somebody; their identifier may be an address.
  std::string Anybody();
  const std::string& meeting_id() const { return meeting_id_; }
  // All so far, and none from now on.
  std::vector<v1::Event> Take() { return std::exchange(events_, {}); }

  // Days of a room in which anything happens at any time, from `begin` on for at most `span`. Times are whole minutes,
  // so that much falls together.
  std::vector<v1::Event> Anything(absl::Time begin, absl::Duration span);

 private:
  v1::Event& New(absl::Time time);
  void AddAny(absl::Time time);
  // Some people who are heard of every ten or twenty seconds, there or not.
  void AddDenseSamples(absl::Time begin);
  // Somebody comes and leaves; meanwhile, or about then, another meeting is started, or the same once more, and things
  // are said and shown.
  void AddStartedBeside(absl::Time begin);
  // A meeting to which people come before or after its start, and which is moved on, back, or prolonged meanwhile.
  void AddMovedAway(absl::Time begin);
  std::string Canary(const char* kind);
  void NameExtension(const std::string& number, v1::Event& event);

  Dice& dice_;
  const std::string meeting_id_;
  bool names_extensions_ = false;
  uint64_t canaries_ = 0;
  std::vector<v1::Event> events_;
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_ROOM_EVENTS_H_
