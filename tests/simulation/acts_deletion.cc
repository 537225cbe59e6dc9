// Deletions by operators.
#include <gtest/gtest.h>

#include "server/base/errors.h"
#include "tests/simulation/months.h"

namespace retention::simulation {

std::string Months::AnyOperatorReason() {
  return dice_.Pick(std::vector<std::string>{"OPERATOR_CONTROLLER_REQUEST", "OPERATOR_SUBJECT_REQUEST",
                                             "OPERATOR_UNLAWFUL", "OPERATOR_CONTRACT_ENDED", "OPERATOR_OPERATIONAL"});
}

void Months::JudgeDeletion(const Ruling& expected, bool first, const absl::Status& outcome) const {
  if (!first || expected.either) return;
  EXPECT_EQ(DetailsOf(outcome).reason, expected.refusal) << outcome;
}

void Months::Delete(const Workload::Target& target) {
  const bool object = target.category != v1::DATA_CATEGORY_UNSPECIFIED;
  last_ = "delete " + target.pbx_id + "/" + target.id + " " + target.object_id;
  const std::string reason = AnyOperatorReason();
  absl::Status outcome;
  const uint64_t restarts = restarts_;
  const bool first = Execute(true, [&] {
    outcome =
        object ? machine_.engine().DeleteObject(target.pbx_id, target.id, static_cast<CategoryNumber>(target.category),
                                                target.object_id, reason, now_)
               : machine_.engine().DeleteMeeting(target.pbx_id, target.id, reason, now_).status();
    return DetailsOf(outcome).reason.ends_with("_UNKNOWN") ? absl::OkStatus() : outcome;
  });
  const Ruling expected = object
                              ? model_.DeleteObject(target.pbx_id, target.id, target.category, target.object_id, now_)
                              : model_.DeleteMeeting(target.pbx_id, target.id, now_);
  JudgeDeletion(expected, first, outcome);
  filed_ = expected.filed;
  // The sweep after a crash may have ended some of it in its own way.
  if (restarts_ == restarts) erased_min_[reason] = expected.erased_min;
}

void Months::DeleteAnyMeeting() { Delete(workload_.AnyMeeting()); }

void Months::DeleteAnyObject() { Delete(workload_.AnyObject()); }

void Months::DeleteAnyPoll() {
  const Workload::Target target = workload_.AnyPoll();
  last_ = "delete " + target.pbx_id + " " + target.id;
  const std::string reason = AnyOperatorReason();

  absl::Status outcome;
  const bool first = Execute(true, [&] {
    outcome = machine_.engine().DeletePoll(target.pbx_id, target.id, reason, now_);
    return DetailsOf(outcome).reason.ends_with("_UNKNOWN") ? absl::OkStatus() : outcome;
  });
  JudgeDeletion(model_.DeletePoll(target.pbx_id, target.id), first, outcome);
}

}  // namespace retention::simulation
