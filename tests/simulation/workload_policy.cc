// The workload's changes of policy, and of plans.
#include <algorithm>
#include <cstdlib>

#include "tests/simulation/calendar.h"
#include "tests/simulation/workload.h"

namespace retention::simulation {
namespace {

constexpr v1::DataCategory kOfDays[] = {
    v1::DATA_CATEGORY_RECORDING,    v1::DATA_CATEGORY_PARTICIPANT_NAME, v1::DATA_CATEGORY_PARTICIPANT_EMAIL,
    v1::DATA_CATEGORY_MEETING_NAME, v1::DATA_CATEGORY_MEETING_COMMENT,  v1::DATA_CATEGORY_PARTICIPANT_IP,
    v1::DATA_CATEGORY_DIAL_IN,      v1::DATA_CATEGORY_CHAT_PROTOCOL,
};
constexpr v1::StartingPoint kOfMeeting[] = {v1::STARTING_POINT_MEETING_PLANNED_DATE,
                                            v1::STARTING_POINT_MEETING_SCHEDULED_ON, v1::STARTING_POINT_MEETING_END};
// No event is older, but for a few.
constexpr int kShortestHistory = 12;

v1::DeletionRule& RuleOf(v1::Policy& policy, v1::DataCategory category) {
  for (v1::DeletionRule& rule : *policy.mutable_rules()) {
    if (rule.category() == category) return rule;
  }
  std::abort();  // a policy has them all
}

}  // namespace

void Workload::ChangeRule(v1::Policy& policy) {
  const auto days = [this](int64_t low, int64_t high) { return static_cast<uint32_t>(dice_.Between(low, high)); };
  switch (dice_.Below(12)) {
    case 0: {
      v1::DeletionRule& rule = RuleOf(policy, v1::DATA_CATEGORY_SERVER_LOG);
      rule.mutable_period()->set_days(days(1, 20));
      rule.mutable_extended_period()->set_days(rule.period().days() + days(1, 20));
      if (dice_.Chance(50)) rule.mutable_extended_period()->set_months(1);
      return;
    }
    case 1: {
      v1::DeletionRule& rule = RuleOf(policy, v1::DATA_CATEGORY_HISTORY);
      rule.mutable_period()->set_days(days(kShortestHistory, 80));
      rule.mutable_anonymised_period()->set_days(rule.period().days() + days(1, 60));
      if (dice_.Chance(50)) rule.mutable_anonymised_period()->set_months(12);
      if (dice_.Chance(50)) {
        rule.mutable_period()->set_months(days(1, 3));
        rule.mutable_anonymised_period()->set_months(rule.period().months() + days(1, 9));
      }
      *RuleOf(policy, v1::DATA_CATEGORY_MEETING_REPORT).mutable_period() = rule.period();
      return;
    }
    case 2:
      // The rest of the cut is what rooms are tried with (room_order_test.cc): here a meeting has one sitting.
      policy.mutable_cut()->mutable_presumed_end_after()->set_seconds(3600 *
                                                                      dice_.Between(1, dice_.Chance(50) ? 24 : 7 * 24));
      return;
    case 3:
      // Recordings run from their creation.
      RuleOf(policy, kOfDays[1 + dice_.Below(std::size(kOfDays) - 1)])
          .set_starting_point(kOfMeeting[dice_.Below(std::size(kOfMeeting))]);
      return;
    case 4: {
      v1::PbxEndRules& ends = *policy.mutable_pbx_end();
      if (dice_.Chance(50)) {
        ends.mutable_no_contact()->set_days(days(20, 90));
      } else {
        ends.mutable_fqdn_unresolved()->set_days(days(8, 40));
      }
      if (dice_.Chance(30)) ends.set_warning_days(0, days(4, 20));
      return;
    }
    default: {
      v1::Period& period = *RuleOf(policy, kOfDays[dice_.Below(std::size(kOfDays))]).mutable_period();
      period.set_days(days(0, 14));
      if (dice_.Chance(10)) period.set_months(days(1, 2));
    }
  }
}

// So that something that is held ends now, or about now.
void Workload::ShortenToNow(v1::Policy& policy, absl::Time now) {
  std::vector<std::pair<v1::DataCategory, absl::CivilDay>> dues;
  for (const auto& [pbx_id, pbx] : model_.pbxs()) {
    for (const auto& [id, meeting] : pbx.meetings) {
      for (const PlantedValue& value : meeting.values) {
        const bool of_days = std::find(std::begin(kOfDays), std::end(kOfDays), value.category) != std::end(kOfDays);
        if (of_days && value.held == Held::kYes) dues.emplace_back(value.category, value.due);
      }
    }
  }
  if (dues.empty()) return ChangeRule(policy);
  const auto& [category, due] = dice_.Pick(dues);
  v1::Policy in_force = model_.policy().text();
  const v1::Period held = RuleOf(in_force, category).period();
  const int64_t days = held.days() - (due - DayAt(now)) + dice_.Between(-2, 1);
  if (held.has_days() && days >= 0) RuleOf(policy, category).mutable_period()->set_days(static_cast<uint32_t>(days));
}

v1::Policy Workload::NextPolicy(absl::Time now) {
  v1::Policy policy = dice_.Chance(20) ? first_policy_ : model_.policy().text();
  policy.set_version(model_.policy().version() + 1 + static_cast<uint32_t>(dice_.Chance(10)));
  for (uint64_t left = 1 + dice_.Below(4); left > 0; --left) {
    dice_.Chance(50) ? ShortenToNow(policy, now) : ChangeRule(policy);
  }
  return policy;
}

bool Workload::IsLiving(const Target& target, absl::Time now) const {
  const auto pbx = model_.pbxs().find(target.pbx_id);
  if (pbx == model_.pbxs().end()) return false;
  const auto meeting = pbx->second.meetings.find(target.id);
  return meeting != pbx->second.meetings.end() && Model::Visible(meeting->second, now);
}

v1::Event Workload::Rescheduled(const Target& target, absl::Time to, absl::Time now) {
  v1::Event event = NewEvent(target.pbx_id, target.id, now);
  v1::MeetingRescheduled& rescheduled = *event.mutable_meeting_rescheduled();
  rescheduled.mutable_planned_start()->set_seconds(absl::ToUnixSeconds(to));
  rescheduled.mutable_planned_duration()->set_seconds(60 * dice_.Between(0, 120));
  return event;
}

}  // namespace retention::simulation
