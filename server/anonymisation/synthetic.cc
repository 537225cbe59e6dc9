#include "server/anonymisation/synthetic.h"

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "server/anonymisation/question.h"
#include "server/anonymisation/sampler.h"
#include "server/base/errors.h"

namespace retention {
namespace {

// The distribution of one axis, given another where there is a table of both.
class Conditional {
 public:
  // `given` is the second axis of `pair`, and `alone` the table of the first.
  static absl::StatusOr<Conditional> Read(std::span<const FoundCube> cubes, const CubeSource& source,
                                          const std::vector<DrawnTable>& tables, TableId pair, TableId alone) {
    const bool has_pair = std::any_of(tables.begin(), tables.end(), [&](const auto& t) { return t.spec->id == pair; });
    const TableSpec& spec = SpecOf(has_pair ? pair : alone);
    Conditional read;
    read.columns_ = has_pair ? AxisSize(spec.axes()[1], cubes.front().description.lists) : 1;
    read.weights_.assign(CellCount(spec, cubes.front().description.lists), 0);
    for (const FoundCube& cube : cubes) {
      const auto cells = source.Estimates(cube, spec.id);
      if (!cells.ok()) return cells.status();
      for (size_t i = 0; i < cells->size(); ++i) read.weights_[i] += (*cells)[i];
    }
    for (int64_t& weight : read.weights_) weight = std::max<int64_t>(weight, 0);
    return read;
  }
  size_t columns() const { return columns_; }
  // An index of the first axis, given one of the second.
  size_t Draw(size_t column, RandomBits& bits) const {
    column = columns_ == 1 ? 0 : column;
    uint64_t total = 0;
    for (size_t i = column; i < weights_.size(); i += columns_) total += static_cast<uint64_t>(weights_[i]);
    if (total == 0) return 0;
    bits.BeginDraw();
    auto left = static_cast<uint64_t>(bits.Below(total));
    for (size_t i = column; i < weights_.size(); i += columns_) {
      if (left < static_cast<uint64_t>(weights_[i])) return i / columns_;
      left -= static_cast<uint64_t>(weights_[i]);
    }
    return 0;
  }
  // A cell of both axes.
  std::pair<size_t, size_t> DrawBoth(RandomBits& bits) const {
    Conditional flat;
    flat.weights_ = weights_;
    const size_t cell = flat.Draw(0, bits);
    return {cell / columns_, cell % columns_};
  }

 private:
  size_t columns_ = 1;
  std::vector<int64_t> weights_;
};

}  // namespace

absl::StatusOr<v1::SampleSyntheticRecordsResponse> SampleRecords(const v1::SampleSyntheticRecordsRequest& request,
                                                                 const CubeSource& source, RandomSource& random) {
  if (request.count() < 1 || request.count() > kMaxSyntheticRecords) return InvalidField("count", "1 to 10,000");
  const auto days = CheckDays(request.has_first_day(), request.first_day(), request.has_last_day(), request.last_day());
  if (!days.ok()) return days.status();
  auto cubes = source.Find(days->from, days->to);
  if (!cubes.ok()) return cubes.status();
  v1::SampleSyntheticRecordsResponse response;
  if (cubes->empty()) return response;
  const CubeDescription last = cubes->back().description;
  std::erase_if(*cubes, [&](const FoundCube& cube) {
    return cube.description.schema_version != last.schema_version || !(cube.description.lists == last.lists);
  });
  const std::vector<DrawnTable> tables = TablesOf(*ProfileOfSchema(last.schema_version), last.lists);
  const auto read = [&](TableId pair, TableId alone) { return Conditional::Read(*cubes, source, tables, pair, alone); };
  const auto both = read(TableId::kClientByRegion, TableId::kClient);
  const auto hours = read(TableId::kHourByRegion, TableId::kHour);
  const auto durations = read(TableId::kDurationByClient, TableId::kDuration);
  const auto rejoined = read(TableId::kReconnectionsByClient, TableId::kReconnections);
  for (const auto* part : {&both, &hours, &durations, &rejoined}) {
    if (!part->ok()) return part->status();
  }
  const std::vector<std::string> hour_names = AxisValues(Axis::kHour, last.lists);
  const std::vector<std::string> duration_names = AxisValues(Axis::kDuration12, last.lists);
  const std::vector<std::string> rejoined_names = AxisValues(Axis::kReconnections, last.lists);
  RandomBits bits(random);
  for (int32_t i = 0; i < request.count() && bits.ok(); ++i) {
    const auto [client, region] = both->DrawBoth(bits);
    v1::SyntheticRecord& record = *response.add_records();
    record.set_client(last.lists.clients()[client]);
    record.set_region(last.lists.regions()[region]);
    record.set_hour(hour_names[hours->Draw(region, bits)]);
    // Of a table of 24 buckets two make one of twelve.
    const size_t duration = durations->Draw(client, bits);
    record.set_duration(duration_names[durations->columns() == 1 ? duration / 2 : duration]);
    record.set_reconnections(rejoined_names[rejoined->Draw(client, bits)]);
  }
  if (!bits.ok()) return bits.status();
  return response;
}

}  // namespace retention
