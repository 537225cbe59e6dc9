// What happens to the lives of PBXs: licences, look-ups of names, silence, and what comes in the last moment.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "server/base/errors.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/months.h"

namespace retention::simulation {
namespace {

constexpr size_t kFormerPbxsMax = 20;

}  // namespace

void Months::EndPbx(const std::string& pbx_id, const std::string& reason) {
  last_ = "end " + pbx_id + " " + reason;

  absl::Status outcome;
  const bool first = Execute(
      false,
      [&] {
        outcome = machine_.EndPbx(pbx_id, reason, now_);
        return DetailsOf(outcome).reason == "PBX_UNKNOWN" ? absl::OkStatus() : outcome;
      },
      kManyFaults);
  const bool ended = model_.EndPbx(pbx_id, reason, now_);
  EXPECT_TRUE(!first || outcome.ok() == ended) << outcome;
}

// The rows are looked up beside the committer, and much may come before they are deleted.
void Months::BeginEndOf(const std::string& pbx_id, const std::string& reason) {
  last_ = "begin end of " + pbx_id + " " + reason;
  absl::StatusOr<PbxId> pbx;
  const bool first = Execute(
      false,
      [&] {
        pbx = machine_.engine().BeginEnd(pbx_id, reason, now_);
        return DetailsOf(pbx.status()).reason == "PBX_UNKNOWN" ? absl::OkStatus() : pbx.status();
      },
      kManyFaults);
  const bool ended = model_.EndPbx(pbx_id, reason, now_);
  EXPECT_TRUE(!first || pbx.ok() == ended) << pbx.status();
  if (!pbx.ok()) return;
  // What is held is taken out before.
  for (const PbxRegistry::EndingPbx& ending : machine_.engine().registry().Ending()) {
    if (ending.pbx != *pbx) continue;
    Execute(false, [&] {
      for (absl::StatusOr<TestEngine::Step> more = TestEngine::Step{};;) {
        if (more = machine_.engine().TakeOutOfEnding(ending, now_); !more.ok() || !more->more) return more.status();
      }
    });
  }
  auto runs = machine_.engine().RowsOfEnding(*pbx);
  EXPECT_TRUE(runs.ok()) << runs.status();
  if (runs.ok()) begun_ends_.emplace_back(*pbx, *std::move(runs));
}

void Months::FinishLate() {
  last_ = "finish end";
  if (begun_ends_.empty()) return;
  const auto [pbx, runs] = std::move(begun_ends_.front());
  begun_ends_.pop_front();
  Execute(
      true, [&, &pbx = pbx, &runs = runs] { return machine_.engine().FinishEnding(pbx, runs, now_); }, kManyFaults);
}

void Months::EndAnyPbx() {
  if (dice_.Chance(40)) return BeginEndOf(workload_.AnyPbx(), AnyOperatorReason());
  EndPbx(workload_.AnyPbx(), dice_.Chance(40) ? std::string(kReasonPbxDeregistered) : AnyOperatorReason());
}

void Months::ReportLicence(const std::string& key, absl::Time valid_until, bool registered, bool active) {
  last_ = "licence " + key + " until " + absl::FormatTime(absl::RFC3339_full, valid_until, Berlin()) +
          (registered ? "" : " not registered") + (active ? "" : " not active");

  absl::StatusOr<PbxCommands::LicenceOutcome> outcome;
  const bool first = Execute(false, [&] {
    outcome = machine_.engine().ReportLicence(key, valid_until, registered, active, now_);
    return DetailsOf(outcome.status()).reason == "LICENCE_UNKNOWN" ? absl::OkStatus() : outcome.status();
  });
  const auto expected = model_.ReportLicence(key, valid_until, registered, active, now_);
  if (!first) return;
  EXPECT_EQ(outcome.ok(), expected.has_value()) << outcome.status();
  if (!outcome.ok() || !expected.has_value()) return;
  EXPECT_EQ(outcome->living, expected->first);
  EXPECT_EQ(outcome->ended, expected->second);
}

void Months::ReportAnyLicence() {
  const std::string key = workload_.AnyLicence();
  absl::Time until = now_ + absl::Hours(dice_.Between(1, 24 * 90)) + absl::Microseconds(dice_.Between(0, 999999));
  if (dice_.Chance(10)) until = DueAfter(DayAt(now_) + dice_.Between(0, 60));  // as other ends: at midnight
  if (dice_.Chance(8)) until = now_ - absl::Microseconds(dice_.Between(-1, 1));
  ReportLicence(key, until, !dice_.Chance(5), !dice_.Chance(5));
}

// A round of look-ups. Of `silent_pbx` nobody hears.
void Months::CountProbes(int vain_percent, const std::string& silent_pbx) {
  std::vector<retention::Probe> probes;
  std::vector<std::pair<std::string, bool>> outcomes;
  std::set<std::string> named;
  for (const auto& [pbx, probed] : machine_.engine().registry().Named()) {
    const std::string pbx_id = machine_.engine().registry().ExternalId(pbx);
    if (model_.pbxs().contains(pbx_id)) named.insert(pbx_id);
    if (std::find(former_pbxs_.begin(), former_pbxs_.end(), pbx) == former_pbxs_.end()) former_pbxs_.push_back(pbx);
    if (pbx_id != silent_pbx && dice_.Chance(10)) continue;  // not its turn
    const bool resolved = pbx_id != silent_pbx && !dice_.Chance(vain_percent);
    probes.push_back({.pbx = pbx, .resolved = resolved});
    outcomes.emplace_back(pbx_id, resolved);
  }
  std::set<std::string> expected;
  for (const auto& [pbx_id, pbx] : model_.pbxs()) {
    if (!pbx.data.profile().fqdn().empty()) expected.insert(pbx_id);
  }
  EXPECT_EQ(named, expected) << "names that are looked up";
  // It may have ended while its name was being looked up.
  if (former_pbxs_.size() > kFormerPbxsMax) former_pbxs_.erase(former_pbxs_.begin());
  for (const PbxId& pbx : former_pbxs_) {
    const bool held = !machine_.engine().registry().ExternalId(pbx).empty();
    if (!held && dice_.Chance(30)) probes.push_back({.pbx = pbx, .resolved = dice_.Chance(50)});
  }
  Execute(true, [&] { return machine_.engine().CountProbes(probes, now_, now_); });
  for (const auto& [pbx_id, resolved] : outcomes) model_.CountProbe(pbx_id, resolved, now_);
}

void Months::Probe() {
  last_ = "probe";
  CountProbes(dice_.Chance(50) ? 10 : 70, "");
}

void Months::VainDays() {
  const std::string pbx_id = workload_.AnyPbx();
  const auto pbx = model_.pbxs().find(pbx_id);
  if (pbx == model_.pbxs().end()) return;
  const int64_t days = dice_.Chance(60) ? model_.policy().vain_days() + 1 - pbx->second.life.vain - dice_.Between(0, 2)
                                        : dice_.Between(1, 12);
  for (int64_t day = 0; day < days && !::testing::Test::HasFailure(); ++day) {
    MoveTo(DueAfter(DayAt(now_)) + absl::Minutes(dice_.Between(0, 1430)));
    if (dice_.Chance(5)) continue;  // our own outage
    CountProbes(10, pbx_id);
    if (dice_.Chance(5)) CountProbes(50, "");  // a second round on one day
  }
  last_ = "vain days of " + pbx_id;
  const auto left = model_.pbxs().find(pbx_id);
  if (left == model_.pbxs().end()) return;
  const absl::Time end = OwnEndOf(left->second.life, model_.policy());
  if (end > now_ + absl::Hours(48)) return;
  agenda_.push_back([this, end] { MoveTo(end - absl::Microseconds(1)); });
  agenda_.push_back([this, pbx_id] { OnTheBrink(pbx_id); });
  agenda_.push_back([this, end] { MoveTo(end); });
  if (dice_.Chance(50)) agenda_.push_back([this] { Probe(); });
}

// What may come an instant before the end of a PBX, or after it.
void Months::OnTheBrink(const std::string& pbx_id) {
  const auto pbx = model_.pbxs().find(pbx_id);
  const std::string key =
      pbx == model_.pbxs().end() ? workload_.AnyLicence() : pbx->second.data.profile().licence_key();
  Workload::Target target;
  switch (dice_.Below(12)) {
    case 10:
      return HoldPbx(pbx_id);
    case 11:
      return dice_.Chance(50) ? ReleaseAnyHold() : SweepAmongOthers();
    case 0:
      return ReportLicence(key, now_ + absl::Hours(24 * dice_.Between(1, 40)), true, true);
    case 1:
      return ReportLicence(key, now_ + absl::Microseconds(dice_.Between(0, 2)), true, true);
    case 2:
      if (pbx != model_.pbxs().end() || dice_.Chance(50)) return Record({workload_.SignOfLife(pbx_id, now_)});
      return Sync(pbx_id);
    case 3:
      return Sync(pbx_id);
    case 4:
      return RemoveExtension(pbx_id, workload_.AnyExtension());
    case 5:
      target = workload_.AnyMeeting();
      break;
    case 6:
      target = workload_.AnyObject();
      break;
    case 7:
      return EndPbx(pbx_id, AnyOperatorReason());
    case 8:
      return Probe();
    default:
      return dice_.Chance(50) ? Sweep() : Restart();
  }
  Delete(target);
}

void Months::LicenceRunsOut() {
  const std::string pbx_id = workload_.AnyPbx();
  const auto pbx = model_.pbxs().find(pbx_id);
  if (pbx == model_.pbxs().end()) return Sync(pbx_id);
  const absl::Time until = now_ + absl::Microseconds(dice_.Between(2, 1'200'000'000));
  ReportLicence(pbx->second.data.profile().licence_key(), until, true, true);
  if (dice_.Chance(30)) agenda_.push_back([this] { RecordBatch(); });
  agenda_.push_back([this, until] { MoveTo(until - absl::Microseconds(1)); });
  agenda_.push_back([this, pbx_id] { OnTheBrink(pbx_id); });
  agenda_.push_back([this, until] { MoveTo(until); });
  if (dice_.Chance(70)) agenda_.push_back([this, pbx_id] { OnTheBrink(pbx_id); });
  if (dice_.Chance(40)) agenda_.push_back([this, pbx_id] { Sync(pbx_id); });
}

void Months::Silence() {
  last_ = "silence";
  const std::string quiet = workload_.quiet();
  const auto pbx = model_.pbxs().find(quiet);
  workload_.KeepQuiet("");
  if (pbx == model_.pbxs().end()) return workload_.KeepQuiet(workload_.AnyPbx());
  const absl::Time end = OwnEndOf(pbx->second.life, model_.policy());
  agenda_.push_back([this, end] { MoveTo(end - absl::Microseconds(1)); });
  agenda_.push_back([this, quiet] { OnTheBrink(quiet); });
  agenda_.push_back([this, end] { MoveTo(end); });
  agenda_.push_back([this, quiet] { OnTheBrink(quiet); });
}

// The first that is heard of a PBX on a day, of any kind, is its contact.
void Months::Hail() {
  MoveTo(DueAfter(DayAt(now_)) + absl::Minutes(dice_.Between(0, 1430)));
  Record({workload_.SignOfLife(workload_.AnyPbx(), now_)});
}

}  // namespace retention::simulation
