// How an occurrence stands in lists: by its begin, among all of its PBX and of the extension that scheduled it. A list
// reads as many rows as it shows, whatever there is besides.
#ifndef RETENTION_SERVER_MEETINGS_LISTING_H_
#define RETENTION_SERVER_MEETINGS_LISTING_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/time/time.h"
#include "server/meetings/locator.h"
#include "storage/ids.h"
#include "storage/store.h"

namespace retention {

struct Listing {
  int64_t begin_us = 0;  // ListedBeginOf
  int64_t end_us = 0;    // reported or planned, of what has neither the last event; 0 while somebody is there
  OwnerId organizer;     // zero for none

  friend bool operator==(const Listing&, const Listing&) = default;
};

// No occurrence ends later than so long after its begin: a plan of the longest kind, people who come as late as they
// may, and stay as long as they can.
absl::Duration LongestOccurrence();

// By what lists are ordered: the planned start; without a plan the begin; of what has neither, of which only an
// invitation, an object or the like is known, the first event.
int64_t ListedBeginOf(const OccurrenceFacts& facts);
// nullopt of what is in no list: deleted, or its history is over. Whether any of it can be shown is for who reads it.
std::optional<Listing> ListingOf(const MeetingLocator& locator);
// Files an occurrence anew, which stood as `before` says: nullopt if it did, or does, not.
void FileListing(const PbxId& pbx, const OwnerId& meeting, const std::optional<Listing>& before,
                 const std::optional<Listing>& after, Batch& batch);
// The end that a row says; nullopt if it is malformed.
std::optional<int64_t> ListedEnd(std::string_view row);

}  // namespace retention

#endif  // RETENTION_SERVER_MEETINGS_LISTING_H_
