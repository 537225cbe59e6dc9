// clock show | confirm
#include "client/human_units.h"
#include "retention/v1/clock_service.pb.h"
#include "tests/client/commands/command_line_fixture.h"

namespace retention {
namespace {

using ClockCommandsTest = CommandLineTest;

TEST_F(ClockCommandsTest, ShowsBothClocks_AndSendsAConfirmation) {
  v1::GetClockResponse clock;
  *clock.mutable_now() = ToTimestamp(*ParseTime("2026-03-31T09:00:00Z"));
  *clock.mutable_machine_time() = ToTimestamp(*ParseTime("2026-04-30T09:00:00Z"));
  clock.set_kind(v1::CLOCK_KIND_MACHINE);
  clock.set_waits_for_confirmation(true);
  connection_->Answer("GetClock", clock);
  EXPECT_EQ(Run({"clock", "show"}), kExitOk);
  EXPECT_EQ(out_.str(),
            "NOW (UTC)            MACHINE (UTC)        CLOCK    VOUCHED FOR  WAITS FOR CONFIRMATION\n"
            "2026-03-31 09:00:00  2026-04-30 09:00:00  machine  no           yes\n");
  v1::ConfirmClockResponse confirmed;
  *confirmed.mutable_now() = clock.machine_time();
  *confirmed.mutable_previous() = clock.now();
  connection_->handlers["ConfirmClock"] = [&](const auto& request, auto* response) {
    EXPECT_EQ(dynamic_cast<const v1::ConfirmClockRequest&>(request).instant().seconds(),
              clock.machine_time().seconds());
    return response->ParseFromString(confirmed.SerializeAsString()) ? absl::OkStatus() : absl::InternalError("");
  };
  EXPECT_EQ(Run({"clock", "confirm", "2026-04-30T09:00:00Z", "--yes"}), kExitOk);
  EXPECT_EQ(out_.str(), "NOW (UTC)            BEFORE (UTC)\n2026-04-30 09:00:00  2026-03-31 09:00:00\n");
}

}  // namespace
}  // namespace retention
