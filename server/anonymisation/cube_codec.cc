#include "server/anonymisation/cube_codec.h"

#include "retention/stored/v1/stored.pb.h"

namespace retention {

class CubeDecoder {
 public:
  static NoisyCube Make(CubeDescription description, std::vector<NoisyTable> tables) {
    return NoisyCube(std::move(description), std::move(tables));
  }
};

std::string EncodeHead(const CubeDescription& description) {
  stored::v1::CubeHead head;
  head.set_first_day(description.first_day.number());
  head.set_day_count(description.day_count);
  head.set_schema_version(description.schema_version);
  head.set_rho_ppm(description.rho_ppm);
  // Without "other", which every list has.
  const auto put = [](const std::vector<std::string>& list, auto* names) { names->Add(list.begin(), list.end() - 1); };
  put(description.lists.regions(), head.mutable_media_sites());
  put(description.lists.clients(), head.mutable_client_kinds());
  put(description.lists.controllers(), head.mutable_controllers());
  head.set_damaged(description.damaged);
  if (description.late_people.has_value()) head.set_late_people(*description.late_people);
  if (description.is_month) {
    head.set_month_of_cohorts(description.cohorts);
    head.set_cohorts_damaged(description.cohorts_damaged);
    head.set_cohorts_late_counted(description.cohorts_late_counted);
  }
  return head.SerializeAsString();
}

std::string EncodeCells(const std::vector<int64_t>& cells) {
  stored::v1::CubeTable stored;
  stored.mutable_cells()->Assign(cells.begin(), cells.end());
  return stored.SerializeAsString();
}

EncodedCube EncodeCube(const NoisyCube& cube) {
  EncodedCube encoded{.head = EncodeHead(cube.description()), .parts = {}};
  for (const NoisyTable& table : cube.tables()) {
    encoded.parts.emplace_back(DrawnPart(table.id), EncodeCells(table.cells));
    encoded.parts.emplace_back(EstimatesPart(table.id), EncodeCells(table.estimates));
  }
  return encoded;
}

absl::StatusOr<CubeDescription> DecodeHead(std::string_view bytes) {
  stored::v1::CubeHead head;
  if (!head.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || head.day_count() == 0) {
    return absl::DataLossError("malformed head of a cube");
  }
  if (ProfileOfSchema(head.schema_version()) == nullptr) {
    return absl::DataLossError("a cube of a schema version that this build does not know");
  }
  CubeDescription description{.first_day = DueDay::FromNumber(head.first_day()),
                              .day_count = head.day_count(),
                              .schema_version = head.schema_version(),
                              .rho_ppm = head.rho_ppm(),
                              .lists = PublicLists(head.media_sites(), head.client_kinds(), head.controllers()),
                              .damaged = head.damaged(),
                              .late_people = {}};
  if (head.has_late_people()) description.late_people = head.late_people();
  if (head.month_of_cohorts() > 0) {
    description.is_month = true;
    description.cohorts = head.month_of_cohorts();
    description.cohorts_damaged = head.cohorts_damaged();
    description.cohorts_late_counted = head.cohorts_late_counted();
  }
  return description;
}

absl::StatusOr<std::vector<int64_t>> DecodeCells(std::string_view bytes, size_t cell_count) {
  stored::v1::CubeTable table;
  if (!table.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      static_cast<size_t>(table.cells_size()) != cell_count) {
    return absl::DataLossError("malformed table of a cube");
  }
  return std::vector<int64_t>(table.cells().begin(), table.cells().end());
}

absl::StatusOr<NoisyCube> DecodeCube(const EncodedCube& encoded) {
  absl::StatusOr<CubeDescription> description = DecodeHead(encoded.head);
  if (!description.ok()) return description.status();
  const std::vector<DrawnTable> drawn = TablesOf(*ProfileOfSchema(description->schema_version), description->lists);
  if (encoded.parts.size() != 2 * drawn.size()) return absl::DataLossError("a cube lacks tables");
  std::vector<NoisyTable> tables;
  for (size_t i = 0; i < drawn.size(); ++i) {
    const TableSpec& spec = *drawn[i].spec;
    const auto& [cells_part, cells_bytes] = encoded.parts[2 * i];
    const auto& [estimates_part, estimates_bytes] = encoded.parts[2 * i + 1];
    if (cells_part != DrawnPart(spec.id) || estimates_part != EstimatesPart(spec.id)) {
      return absl::DataLossError("a cube lacks tables");
    }
    auto cells = DecodeCells(cells_bytes, CellCount(spec, description->lists));
    if (!cells.ok()) return cells.status();
    auto estimates = DecodeCells(estimates_bytes, CellCount(spec, description->lists));
    if (!estimates.ok()) return estimates.status();
    tables.push_back({.id = spec.id, .cells = *std::move(cells), .estimates = *std::move(estimates)});
  }
  return CubeDecoder::Make(*std::move(description), std::move(tables));
}

}  // namespace retention
