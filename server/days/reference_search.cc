#include "server/days/reference_search.h"

#include <algorithm>
#include <array>
#include <string>

#include "server/rows/day_progress.h"
#include "server/rows/object_references.h"
#include "server/rows/object_rows.h"
#include "server/rows/row_walk.h"

namespace retention {
namespace {

// Where rows of objects may come next, after `key`, which is none; empty if nowhere.
std::string NextObjects(const FiledKey& key) {
  std::array<CategoryNumber, 3> categories = {kRecording, kPdfShare, kFileShare};
  std::sort(categories.begin(), categories.end());
  for (const CategoryNumber category : categories) {
    if (category > key.category) return FiledPrefix(key.day, category);
  }
  return PrefixEnd(FiledPrefix(key.day));
}

// One step, which goes on at `from`; empty at the end.
absl::Status SearchStep(const Enders& enders, std::string& from, Change& change) {
  const StepBounds bounds;
  const Holdings& holdings = enders.holdings;
  size_t visited = 0;
  size_t bytes = 0;
  auto rows = enders.store.Scan(Family::kFiled, from, "", AtLoss::kPass);
  while (rows->Valid()) {
    const auto key = FiledKey::Decode(rows->key());
    if (visited++ == bounds.rows || bytes >= bounds.bytes) {
      from = std::string(rows->key());
      return absl::OkStatus();
    }
    if (key.has_value() && !IsObject(key->category)) {
      const std::string next = NextObjects(*key);
      if (next.empty()) break;
      rows->Seek(next);
      continue;
    }
    bytes += rows->value().size();
    // What has had its order is no object's any more.
    if (key.has_value() && !HasOrder(holdings.gate.ProgressOf(key->day), *key)) {
      const auto plaintext = holdings.vault.Open(*key, rows->value());
      if (plaintext.ok()) {
        change.Refer(*key, *plaintext);
      } else if (!IsUnreadable(plaintext.status())) {
        return plaintext.status();
      }
    }
    rows->Next();
  }
  from.clear();
  return rows->status();
}

}  // namespace

absl::Status FindReferences(const Enders& enders, const Commands& commands, absl::Time now) {
  const auto lost = ObjectReferences::AreLost(enders.store);
  if (!lost.ok() || !*lost) return lost.status();
  absl::Status step = commands.Do(now, [](Change& change) {
    ObjectReferences::Forget(change.batch());
    return absl::OkStatus();
  });
  std::string from = FiledPrefix(DueDay::None());
  while (step.ok() && !from.empty()) {
    std::string next = from;
    step = commands.Do(now, [&](Change& change) {
      next = from;
      return SearchStep(enders, next, change);
    });
    from = std::move(next);
  }
  if (!step.ok()) return step;
  return commands.Do(now, [](Change& change) {
    ObjectReferences::AllFound(change.batch());
    return absl::OkStatus();
  });
}

}  // namespace retention
