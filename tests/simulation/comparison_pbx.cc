// PBXs, as readers see them, held against the oracle: their data, and what is said of their ends.
#include <gtest/gtest.h>

#include <set>

#include "server/base/errors.h"
#include "tests/engine/test_engine.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/comparison.h"

namespace retention::simulation {
namespace {

// Cause, instant and the warning that applies.
using Warning = std::tuple<v1::PbxEndCause, int64_t, uint32_t>;

std::set<Warning> WarningsDue(const LifeModel& life, const PolicyModel& policy, absl::Time now) {
  std::set<Warning> warnings;
  for (const LifeEnd& end : EndsOf(life, policy)) {
    for (const uint32_t days : policy.warning_days()) {
      if (DayAt(end.time) - DayAt(now) > static_cast<int64_t>(days)) continue;
      warnings.insert({end.cause, absl::ToUnixSeconds(end.time), days});
      break;
    }
  }
  return warnings;
}

std::optional<absl::CivilDay> DayOfField(bool present, const google::type::Date& date) {
  if (!present) return std::nullopt;
  return absl::CivilDay(date.year(), date.month(), date.day());
}

void CompareLife(const v1::Pbx& found, const LifeModel& life, const PolicyModel& policy, absl::Time now) {
  const auto& until = found.licence_valid_until();
  std::optional<int64_t> until_us;
  if (found.has_licence_valid_until()) until_us = until.seconds() * 1000000 + until.nanos() / 1000;
  EXPECT_EQ(until_us, life.licence_until_us) << "end of the licence";
  EXPECT_EQ(DayOfField(found.has_contact_day(), found.contact_day()), life.contact) << "contact";
  EXPECT_EQ(DayOfField(found.has_resolved_day(), found.resolved_day()), life.resolved) << "last resolved";
  EXPECT_EQ(found.unresolved_days(), static_cast<uint32_t>(life.vain)) << "vain look-ups";
  std::set<Warning> warnings;
  for (const v1::PbxWarning& warning : found.warnings()) {
    warnings.insert({warning.cause(), warning.end_time().seconds(), warning.warning_days()});
  }
  EXPECT_EQ(warnings, WarningsDue(life, policy, now));
}

void ComparePbx(const Reader& reader, const PbxModel& pbx, const std::string& pbx_id, const PolicyModel& policy,
                absl::Time now) {
  SCOPED_TRACE(pbx_id);
  v1::GetPbxRequest request;
  request.set_pbx_id(pbx_id);
  const auto found = reader.GetPbx(request, now);
  if (!found.ok()) {
    ADD_FAILURE() << "the PBX is missing: " << found.status();
    return;
  }
  EXPECT_EQ(found->pbx().profile().SerializeAsString(), pbx.data.profile().SerializeAsString());
  CompareLife(found->pbx(), pbx.life, policy, now);
  std::set<std::string> extensions;
  for (const v1::Extension& extension : found->pbx().extensions()) {
    const Person person = pbx.extensions.HeldAt(extension.number());
    EXPECT_NE(person, 0u) << "extension " << extension.number() << " must not be readable";
    if (person == 0) continue;
    EXPECT_EQ(extension.SerializeAsString(), pbx.extensions.held().at(person).extension.SerializeAsString());
    extensions.insert(extension.number());
  }
  EXPECT_EQ(extensions.size(), pbx.extensions.held().size()) << "extensions are missing";
}

}  // namespace

void ComparePbxs(TestEngine& engine, const Model& model, absl::Time now) {
  const Reader reader(engine);
  std::set<std::string> listed;
  v1::ListPbxsRequest request;
  request.set_page_size(2);
  do {
    const auto page = reader.ListPbxs(request, now);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const v1::Pbx& pbx : page->pbxs()) {
      EXPECT_TRUE(listed.insert(pbx.pbx_id()).second) << pbx.pbx_id() << " is listed twice";
      const auto expected = model.pbxs().find(pbx.pbx_id());
      EXPECT_TRUE(expected != model.pbxs().end()) << pbx.pbx_id() << " must be gone";
      if (expected != model.pbxs().end()) CompareLife(pbx, expected->second.life, model.policy(), now);
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  std::map<std::pair<v1::PbxEndCause, uint32_t>, uint64_t> warned;
  for (const auto& [pbx_id, pbx] : model.pbxs()) {
    EXPECT_TRUE(listed.contains(pbx_id)) << pbx_id << " is missing";
    ComparePbx(reader, pbx, pbx_id, model.policy(), now);
    for (const auto& [cause, instant, days] : WarningsDue(pbx.life, model.policy(), now)) ++warned[{cause, days}];
  }
  EXPECT_EQ(engine.registry().Warned(now), warned) << "PBXs that are warned of";
}

}  // namespace retention::simulation
