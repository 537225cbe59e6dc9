// What the metrics say of counts by which people could be counted.
#include "server/ops/metrics.h"

#include <gtest/gtest.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <string>
#include <string_view>

#include "retention/v1/category.pb.h"

namespace retention {
namespace {

// The sum of all metrics of a family of which a label has that value; of all if it is empty.
double Shown(const Metrics& metrics, std::string_view family, std::string_view label_value) {
  double shown = 0;
  for (const prometheus::MetricFamily& of : metrics.collectable()->Collect()) {
    if (of.name != family) continue;
    for (const prometheus::ClientMetric& metric : of.metric) {
      bool is_asked = label_value.empty();
      for (const auto& label : metric.label) is_asked = is_asked || label.value == label_value;
      if (is_asked) shown += metric.counter.value;
    }
  }
  return shown;
}

TEST(Metrics, ErasedValuesOfPeopleGoUpInSteps_ThoseOfNobodyExactly) {
  constexpr char kErased[] = "retention_values_erased_total";
  Metrics metrics;
  double former = 0;
  for (int i = 1; i <= 1'200; ++i) {
    metrics.CountErased(v1::DATA_CATEGORY_PARTICIPANT_EMAIL, "DUE", 1);
    metrics.CountErased(v1::DATA_CATEGORY_SERVER_LOG, "DUE", 1);
    EXPECT_EQ(Shown(metrics, kErased, "SERVER_LOG"), i);
    const double shown = Shown(metrics, kErased, "PARTICIPANT_EMAIL");
    EXPECT_GE(shown, former) << "a counter never falls";
    EXPECT_GE(shown, i);
    if (i == 1 || i == 10) EXPECT_EQ(shown, 10) << i;
    if (i == 39 || i == 40) EXPECT_EQ(shown, 50) << "39 to 40 would show one of them";
    if (i == 1'001) EXPECT_EQ(shown, 2'000);
    former = shown;
  }
  metrics.CountErased(v1::DATA_CATEGORY_PARTICIPANT_EMAIL, "REPLACED", 3);
  EXPECT_EQ(Shown(metrics, kErased, "REPLACED"), 10) << "each reason by itself";
}

TEST(Metrics, ValuesThatCameTooLateGoUpInSteps) {
  Metrics metrics;
  v1::RecordResult result;
  metrics.CountBatch(result);
  EXPECT_EQ(Shown(metrics, "retention_values_past_due_total", ""), 0);
  result.set_values_past_due(11);
  metrics.CountBatch(result);
  EXPECT_EQ(Shown(metrics, "retention_values_past_due_total", ""), 20);
  metrics.CountBatch(result);
  EXPECT_EQ(Shown(metrics, "retention_values_past_due_total", ""), 50);
}

}  // namespace
}  // namespace retention
