// An event is cut into what its meeting's course keeps of it, and values with days of their own. Pure.
#ifndef RETENTION_SERVER_RECORDING_EVENT_CUTTING_H_
#define RETENTION_SERVER_RECORDING_EVENT_CUTTING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "retention/stored/v1/stored.pb.h"
#include "retention/v1/event.pb.h"
#include "server/law/course.h"
#include "server/meetings/meeting_cache.h"
#include "server/rows/extension_names.h"
#include "storage/ids.h"
#include "storage/keys.h"
#include "storage/secrets/vault.h"

namespace retention {

// What an event is in its meeting's course.
CourseKind KindOf(v1::Event::PayloadCase payload);

// How an event of a meeting or poll, or of a removed extension, names an extension.
ExtensionName ExtensionNameOf(const v1::Event& event);
// Who that is, as known when the event is taken in.
struct NamedExtension {
  std::optional<OwnerId> holder;
  std::string address;  // of who joins, in normal form; empty if there is none
};

// Who joins, reconnects or could not join, as the event itself tells: user, else e-mail, else extension, else the
// participant in that room alone; empty if nobody does.
std::string IdentityOf(const v1::Event& event, const NamedExtension& named);

// Of who joins by an address in normal form alone.
std::string IdentityOfAddress(std::string_view normal);
// The token of who joined in a cohort (its last day) that was released before that was told.
PersonToken LateToken(const Vault& vault, DueDay cohort, std::string_view identity);

// What the course keeps; words are added to `course`. Of clients and sites, those on the public lists alone.
CourseEvent CourseEventOf(const v1::Event& event, uint64_t fingerprint, const NamedExtension& named, const Room& room,
                          const Vault& vault, const v1::StatisticsPolicy& lists, Course& course);
// What the place of an event follows from: but for who scheduled, and who comes.
RoomEvent BareRoomEventOf(const v1::Event& event, uint64_t fingerprint, const Room& room, const Vault& vault);

// Fills in the values that `event` brings, each in what `bring` makes for it.
void CutValues(const v1::Event& event, absl::FunctionRef<stored::v1::Value&(CategoryNumber category)> bring);

}  // namespace retention

#endif  // RETENTION_SERVER_RECORDING_EVENT_CUTTING_H_
