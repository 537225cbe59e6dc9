#include "server/anonymisation/cube_codec.h"

#include "retention/stored/v1/stored.pb.h"

namespace retention {

class CubeDecoder {
 public:
  static NoisyCube Make(CubeDescription description, std::vector<NoisyTable> tables) {
    return NoisyCube(std::move(description), std::move(tables));
  }
};

EncodedCube EncodeCube(const NoisyCube& cube) {
  const CubeDescription& description = cube.description();
  stored::v1::CubeHead head;
  head.set_first_day(description.first_day.number());
  head.set_day_count(description.day_count);
  head.set_schema_version(description.schema_version);
  // Without "other", which every list has.
  const auto& regions = description.lists.regions();
  const auto& clients = description.lists.clients();
  head.mutable_media_sites()->Add(regions.begin(), regions.end() - 1);
  head.mutable_client_kinds()->Add(clients.begin(), clients.end() - 1);
  head.set_rho_ppm(description.rho_ppm);

  EncodedCube encoded{.head = head.SerializeAsString()};
  stored::v1::CubeTable stored;
  for (const NoisyTable& table : cube.tables()) {
    stored.mutable_cells()->Assign(table.cells.begin(), table.cells.end());
    encoded.tables.emplace_back(table.id, stored.SerializeAsString());
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
  return CubeDescription{.first_day = DueDay::FromNumber(head.first_day()),
                         .day_count = head.day_count(),
                         .schema_version = head.schema_version(),
                         .rho_ppm = head.rho_ppm(),
                         .lists = PublicLists(head.media_sites(), head.client_kinds())};
}

absl::Status DecodeTable(std::string_view bytes, size_t cell_count, std::vector<int64_t>& cells) {
  stored::v1::CubeTable table;
  if (!table.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      static_cast<size_t>(table.cells_size()) != cell_count) {
    return absl::DataLossError("malformed table of a cube");
  }
  cells.assign(table.cells().begin(), table.cells().end());
  return absl::OkStatus();
}

absl::StatusOr<NoisyCube> DecodeCube(const EncodedCube& encoded) {
  absl::StatusOr<CubeDescription> description = DecodeHead(encoded.head);
  if (!description.ok()) return description.status();
  const Profile& profile = *ProfileOfSchema(description->schema_version);
  if (encoded.tables.size() != profile.tables.size()) return absl::DataLossError("a cube lacks tables");
  std::vector<NoisyTable> tables;
  for (size_t i = 0; i < profile.tables.size(); ++i) {
    const TableSpec& spec = profile.tables[i];
    if (encoded.tables[i].first != spec.id) return absl::DataLossError("a cube lacks tables");
    NoisyTable& table = tables.emplace_back(NoisyTable{spec.id, {}});
    const absl::Status decoded =
        DecodeTable(encoded.tables[i].second, CellCount(spec, description->lists), table.cells);
    if (!decoded.ok()) return decoded;
  }
  return CubeDecoder::Make(*std::move(description), std::move(tables));
}

}  // namespace retention
