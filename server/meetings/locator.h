// An occurrence as family state holds it: what it is, and where its values are filed.
#ifndef RETENTION_SERVER_MEETINGS_LOCATOR_H_
#define RETENTION_SERVER_MEETINGS_LOCATOR_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/law/filing.h"
#include "server/law/policy.h"
#include "storage/due_day.h"
#include "storage/ids.h"
#include "storage/keys.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

// What an occurrence spans that is cut no more, as it was when it was fixed: what comes late may be a leave, and must
// not decide whose those are that come after it.
struct FixedSpan {
  int64_t said_until_us = 0;             // its last event
  std::optional<int64_t> stay_until_us;  // all had left, or are presumed to have; nothing if nobody came
  std::optional<int64_t> planned_start_us;

  friend bool operator==(const FixedSpan&, const FixedSpan&) = default;
};

// DueDay::None() where nothing is filed.
struct MeetingLocator {
  std::array<DueDay, kCategories> days{};
  int64_t files_end_us = 0;  // none of its files ends later; 0 if it has none
  int64_t timer_us = 0;      // when it is to be looked at again; 0 if it need not
  bool fixed = false;        // something of it was due that is nowhere among `days` any more
  OccurrenceFacts facts;
  std::optional<FixedSpan> span;  // of one that is fixed
  std::string sealed_id;          // the meeting id, under MeetingIdKey of the history's day
  std::string sealed_carried;     // `carried` of the facts' sittings, under CarriedKey of that day; empty if all are
  uint64_t revision = 0;          // another with every change of its history
  uint32_t events = 0;            // in its history
  uint64_t complete_notice = 0;   // that its report is complete; 0 for none
  uint64_t names_notice = 0;      // that names leave it soon; 0 for none
  int64_t names_told_us = 0;      // when, as that says

  friend bool operator==(const MeetingLocator&, const MeetingLocator&) = default;
  // All but `carried`, which is there sealed alone.
  std::string Serialize() const;
  // Without `carried`: OpenCarried. nullopt if malformed.
  static std::optional<MeetingLocator> Parse(std::string_view bytes);
};

// The facts of a locator alone.
std::string SerializeFacts(const OccurrenceFacts& facts);
std::optional<OccurrenceFacts> ParseFacts(std::string_view bytes);

// As which row of its history a locator's meeting id is sealed: with it, and with its day's key, it goes.
FiledKey MeetingIdKey(DueDay history_day, const PbxId& pbx, const OwnerId& meeting);
// The same of who was there already when its sittings began.
FiledKey CarriedKey(DueDay history_day, const PbxId& pbx, const OwnerId& meeting);
// What is sealed of that; empty if nobody was.
std::string SerializeCarried(const OccurrenceFacts& facts);
// Fills in `carried`; nobody, where nobody can read who it was any more. NOT_FOUND and DATA_LOSS are no errors of it.
absl::Status OpenCarried(Vault& vault, const PbxId& pbx, const OwnerId& meeting, MeetingLocator& locator);

// Whether anything that is filed under a day has been due: then the cut of its events is final. (Files end at
// instants.)
bool IsFixed(const MeetingLocator& locator, DueDay last_due);

// The locator of an occurrence, if it is held and its history is not due.
absl::StatusOr<std::optional<MeetingLocator>> ReadLocator(const StoreView& view, const PbxId& pbx,
                                                          const OwnerId& meeting, DueDay last_due);

// The locators of all occurrences of a room, those included whose history is due.
absl::StatusOr<std::vector<std::pair<OwnerId, MeetingLocator>>> ReadLocators(const StoreView& view, const PbxId& pbx,
                                                                             const RoomId& room);

// Whether anything of a meeting lies elsewhere than `filing` says. What lies under `ended` or an earlier day is gone.
bool Misfiled(const MeetingLocator& locator, const Filing& filing, DueDay ended);

}  // namespace retention

#endif  // RETENTION_SERVER_MEETINGS_LOCATOR_H_
