// Who is meant by an extension's name: its number, or the platform's id.
//
// An extension is a person at a number for a time. Its *holder* is that person: an id that follows them from number to
// number, and that a number's next holder does not inherit. Whatever outlives an event (polls, PDFs, history, holds)
// refers to a holder, never to a number. So nothing of it changes when a number does, and nothing passes on with one.
//
// The tenures of a name say whom it meant when. A number's begin since ever, with a first holder who may never come: so
// what names a number before its PBX was synchronised is theirs. When a holder leaves it, a vacant tenure begins, with
// an id of its own that whoever comes next will have.
#ifndef RETENTION_SERVER_ROWS_EXTENSION_NAMES_H_
#define RETENTION_SERVER_ROWS_EXTENSION_NAMES_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "retention/stored/v1/stored.pb.h"
#include "storage/ids.h"
#include "storage/keys.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

// Tenures of one name that are remembered, the newest: a row that is rewritten with each change of hands stays small.
// What names it before the oldest of them is nobody's.
inline constexpr size_t kMaxTenures = 16;

// The time of whoever asks whose a name is by what was said last, whenever that happened.
inline constexpr int64_t kLastSaid = std::numeric_limits<int64_t>::max();

// An extension as events and callers name it; either may be empty.
struct ExtensionName {
  std::string_view number;
  std::string_view id;  // the platform's
};

// The row of an extension, by its holder: without values once it was removed.
FiledKey HolderKey(const PbxId& pbx, const OwnerId& holder);
// The rows of tenures. A number that only its first holder has had has none.
FiledKey NumberKey(const Vault& vault, const PbxId& pbx, std::string_view number);
FiledKey ExtensionIdKey(const Vault& vault, const PbxId& pbx, std::string_view id);
// The id of a number's holder, who was the `nth` that it got, from 0.
OwnerId HolderOfNumber(const Vault& vault, const PbxId& pbx, std::string_view number, uint32_t nth);

struct Tenure {
  int64_t from_us = 0;            // 0: since ever
  std::optional<OwnerId> holder;  // of an id of the platform none, while nobody has it
};

// Empty if nobody can read the row.
struct Tenures {
  std::vector<Tenure> all;  // in order of time
  uint32_t holders = 0;     // ids that were made for the number

  static Tenures Parse(const stored::v1::Value& value);
  std::string Serialize() const;
  // Who had the name then; nullopt if nobody knows.
  std::optional<OwnerId> At(int64_t time_us) const;
  void Begin(int64_t from_us, std::optional<OwnerId> holder);
};

// Those of a number, which it has even if there is no row; what its row tells if there is one.
Tenures FirstTenures(const Vault& vault, const PbxId& pbx, std::string_view number);
// The tenures in a row; nullopt if it is not there.
absl::StatusOr<std::optional<Tenures>> ReadTenures(const StoreView& store, Vault& vault, const FiledKey& key);

// The extension of a holder; nullopt if it is not held, or nobody can read it.
absl::StatusOr<std::optional<v1::Extension>> ReadExtension(const StoreView& store, Vault& vault, const PbxId& pbx,
                                                           const OwnerId& holder);
// What has become of what the holder of an extension tells of, or told.
enum class HolderFate {
  kUnknown,  // they never came
  kRemoved,  // they were removed, or had been by then: it has ended
  kHeld,
};
// Of what was told at `told_us`.
absl::StatusOr<HolderFate> FateOfHolder(const StoreView& store, Vault& vault, const PbxId& pbx, const OwnerId& holder,
                                        int64_t told_us);
// Whom an extension's name meant at a time: an id goes before a number. The holder may be there, may have been removed,
// or may be yet to come. nullopt if nobody knows, or nothing is named.
absl::StatusOr<std::optional<OwnerId>> FindHolder(const StoreView& store, Vault& vault, const PbxId& pbx,
                                                  const ExtensionName& name, int64_t time_us);

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_EXTENSION_NAMES_H_
