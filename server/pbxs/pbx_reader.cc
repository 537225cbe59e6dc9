#include "server/pbxs/pbx_reader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/base/request_parts.h"
#include "server/law/pbx_life.h"
#include "server/rows/row_keys.h"
#include "server/rows/row_walk.h"

namespace retention {

absl::StatusOr<v1::Pbx> PbxReader::ReadPbx(const StoreView& view, const PbxId& pbx, bool with_extensions,
                                           absl::Time now) const {
  v1::Pbx described;
  bool found = false;
  const auto describe = [&](const FiledKey& key, std::string_view envelope) -> absl::Status {
    if (!with_extensions && key.owner != OwnerId{}) return absl::OkStatus();
    auto plaintext = holdings_.vault.Open(key, envelope);
    if (absl::IsNotFound(plaintext.status())) return absl::OkStatus();  // it ended this very moment
    if (!plaintext.ok()) return plaintext.status();
    stored::v1::Value value;
    if (!value.ParseFromString(plaintext->Reveal())) return absl::DataLossError("a PBX row does not parse");
    if (value.has_pbx()) {
      found = true;
      described.set_pbx_id(value.pbx().pbx_id());
      described.set_controller_id(value.pbx().controller_id());
      *described.mutable_profile() = value.pbx().profile();
      SetTime(value.pbx().created_us(), *described.mutable_create_time());
      SetTime(value.pbx().synced_us(), *described.mutable_sync_time());
    } else if (value.has_pbx_extension()) {
      *described.add_extensions() = value.pbx_extension();
    }
    return absl::OkStatus();
  };
  const FiledKey record = PbxRecordKey(pbx);
  const std::string rows = with_extensions ? FiledPrefix(record.day, record.category, pbx) : record.Encode();
  if (absl::Status status = VisitRows(view, rows, describe); !status.ok()) return status;
  if (!found) return PbxUnknown();
  std::sort(described.mutable_extensions()->begin(), described.mutable_extensions()->end(),
            [](const auto& a, const auto& b) { return a.number() < b.number(); });
  if (absl::Status s = DescribeLife(pbx, now, described); !s.ok()) return s;
  return described;
}

absl::Status PbxReader::DescribeLife(const PbxId& pbx, absl::Time now, v1::Pbx& described) const {
  const auto standing = holdings_.registry.StandingOf(pbx);
  if (!standing.has_value()) return PbxUnknown();
  const stored::v1::PbxLife& life = standing->life;
  if (life.licence_until_us() != 0) SetTime(life.licence_until_us(), *described.mutable_licence_valid_until());
  SetDate(DueDay::FromNumber(life.contact_day()), *described.mutable_contact_day());
  if (life.resolved_day() != 0) SetDate(DueDay::FromNumber(life.resolved_day()), *described.mutable_resolved_day());
  described.set_unresolved_days(life.unresolved_days());
  for (v1::PbxWarning& warning : WarningsOf(life, holdings_.policy(), now))
    *described.add_warnings() = std::move(warning);
  return absl::OkStatus();
}

absl::StatusOr<v1::GetPbxResponse> PbxReader::GetPbx(const v1::GetPbxRequest& request, absl::Time now) const {
  if (absl::Status s = CheckIdentifier("pbx_id", request.pbx_id()); !s.ok()) return s;
  const auto pbx = holdings_.registry.Find(request.pbx_id(), now);
  if (!pbx.has_value()) return PbxUnknown();
  const auto view = store_.Snapshot();
  auto described = ReadPbx(*view, *pbx, /*with_extensions=*/true, now);
  if (!described.ok()) return described.status();
  v1::GetPbxResponse response;
  *response.mutable_pbx() = *std::move(described);
  return response;
}

absl::StatusOr<std::optional<std::string>> PbxReader::ControllerOf(std::string_view pbx_id, absl::Time now) const {
  const auto pbx = holdings_.registry.Find(pbx_id, now);
  if (!pbx.has_value()) return std::nullopt;
  const auto record = ReadPbxRecord(*store_.Snapshot(), holdings_.vault, *pbx);
  // One that is damaged belongs to nobody that is known.
  if (IsUnreadable(record.status())) return std::nullopt;
  if (!record.ok()) return record.status();
  if (!record->has_value()) return std::nullopt;
  return (*record)->controller_id();
}

absl::StatusOr<Personal> PbxReader::FqdnOf(const PbxId& pbx) const {
  const auto record = ReadPbxRecord(*store_.Snapshot(), holdings_.vault, pbx);
  if (absl::IsNotFound(record.status())) return Personal();
  if (!record.ok()) return record.status();
  return record->has_value() ? Personal((*record)->profile().fqdn()) : Personal();
}

absl::StatusOr<v1::ListPbxsResponse> PbxReader::ListPbxs(const v1::ListPbxsRequest& request, absl::Time now) const {
  auto page_size = PageSize(request.page_size(), kDefaultPbxsPerPage, kMaxPbxsPerPage);
  if (!page_size.ok()) return page_size.status();
  auto position = PositionIn(request);
  if (!position.ok()) return position.status();
  const auto view = store_.Snapshot();
  const auto page = holdings_.registry.List(*position, static_cast<size_t>(*page_size), now);
  v1::ListPbxsResponse response;
  for (const auto& [pbx_id, pbx] : page) {
    auto described = ReadPbx(*view, pbx, /*with_extensions=*/false, now);
    if (IsUnreadable(described.status())) {
      described = v1::Pbx();
      described->set_pbx_id(pbx_id);
      described->set_unreadable(true);
      if (!DescribeLife(pbx, now, *described).ok()) continue;  // it ended this very moment
    }
    if (!described.ok()) return described.status();
    *response.add_pbxs() = *std::move(described);
  }
  if (page.size() == static_cast<size_t>(*page_size)) response.set_next_page_token(TokenOf(page.back().first, request));
  return response;
}

}  // namespace retention
