// A chart of figures for a terminal: a bar for each, whose end says how sure it is.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "retention/v1/statistics_service.pb.h"

namespace retention {

// Prints a bar for each of `rows`, to one scale that begins at nothing: full to the lower end of the interval, dense to
// the estimate, light to the upper end. Figures that are not shown have their reason in place of a bar.
void PrintChart(const std::vector<v1::StatisticsRow>& rows, const std::string& unit, std::ostream& out);

}  // namespace retention
