#include "server/recording/refused_objects.h"

#include <string>

#include "server/rows/object_rows.h"

namespace retention {

void RefusedObjects::NoteTaken(CategoryNumber category, std::string_view pbx_id,
                               const stored::v1::StoredObjectRef& object) {
  held_.insert(ObjectName(holdings_.vault, category, pbx_id, object));
}

std::optional<PbxId> RefusedObjects::PbxOf(std::string_view pbx_id) const {
  if (const auto held = holdings_.registry.Held(pbx_id); held.has_value()) return held;
  for (const PbxRegistry::EndingPbx& ending : holdings_.registry.Ending()) {
    if (ending.pbx_id == pbx_id) return ending.pbx;
  }
  return std::nullopt;
}

absl::Status RefusedObjects::Read(CategoryNumber category, std::string_view pbx_id, const PbxId& pbx) {
  if (!read_.emplace(pbx, category).second) return absl::OkStatus();
  const auto note = [&](const FiledKey&, std::string_view, const stored::v1::Value& value) {
    if (value.has_object()) NoteTaken(category, pbx_id, value.object());
    return absl::OkStatus();
  };
  for (const auto& [day, counts] : holdings_.counts.Read()) {
    if (counts[category].rows == 0 || day == DueDay::Kept()) continue;
    absl::Status status = VisitObjects(holdings_.store, holdings_.vault, FiledPrefix(day, category, pbx), note);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> RefusedObjects::IsToGo(CategoryNumber category, std::string_view pbx_id,
                                            const stored::v1::StoredObjectRef& object) {
  const auto kept = change_.Keeps(category, pbx_id, object);
  if (!kept.ok()) return kept.status();
  if (*kept) return false;
  const auto pbx = PbxOf(pbx_id);
  if (!pbx.has_value() || !change_.Concerned(*pbx)) return true;
  if (absl::Status s = Read(category, pbx_id, *pbx); !s.ok()) return s;
  return !held_.contains(ObjectName(holdings_.vault, category, pbx_id, object));
}

}  // namespace retention
