// ring status | rotate | verify
#include "client/human_units.h"
#include "retention/v1/ring_service.pb.h"
#include "tests/client/commands/command_line_fixture.h"

namespace retention {
namespace {

using RingCommandsTest = CommandLineTest;

TEST_F(RingCommandsTest, Status_Golden) {
  v1::GetRingStatusResponse status;
  status.set_generation(1234);
  status.set_replicas(2);
  status.set_stale_replicas(1);
  status.set_pages_untouched(21000);
  status.set_pages_opened(12);
  status.set_owners(5379072);
  status.set_size_bytes(2200000);
  status.mutable_destroyed_through()->set_year(2026);
  status.mutable_destroyed_through()->set_month(3);
  status.mutable_destroyed_through()->set_day(9);
  status.set_wrapped(true);
  status.set_root(v1::RING_ROOT_KIND_TPM);
  *status.mutable_root_change_time() = ToTimestamp(*ParseTime("2026-03-10T00:00:00Z"));
  status.set_erased_since_root_change(true);
  *status.mutable_root_overdue_since() = ToTimestamp(*ParseTime("2026-03-10T01:00:00Z"));
  connection_->Answer("GetRingStatus", status);
  EXPECT_EQ(Run({"ring", "status"}), kExitOk) << err_.str();
  EXPECT_EQ(out_.str(),
            "FIELD                 VALUE\n"
            "generation            1,234\n"
            "replicas              2\n"
            "stale replicas        1\n"
            "keys lost             0\n"
            "pages untouched       21,000\n"
            "pages opened          12\n"
            "owners                5,379,072\n"
            "bytes a replica       2,200,000\n"
            "destroyed through     2026-03-09\n"
            "wrapping key          yes\n"
            "root                  tpm\n"
            "root changed (UTC)    2026-03-10 00:00:00\n"
            "erased since          yes\n"
            "CHANGE OVERDUE (UTC)  2026-03-10 01:00:00\n");
  EXPECT_EQ(Run({"ring", "status", "-o", "csv"}), kExitOk);
  EXPECT_NE(out_.str().find("size_bytes,2200000\n"), std::string::npos) << out_.str();
}

TEST_F(RingCommandsTest, StatusOfARingWithoutARoot) {
  v1::GetRingStatusResponse status;
  status.set_root(v1::RING_ROOT_KIND_NONE);
  connection_->Answer("GetRingStatus", status);
  EXPECT_EQ(Run({"ring", "status"}), kExitOk) << err_.str();
  EXPECT_NE(out_.str().find("root               none\n"), std::string::npos) << out_.str();
  EXPECT_EQ(out_.str().find("root changed"), std::string::npos);
}

TEST_F(RingCommandsTest, Rotate_SaysWhen_AndIsNotSentTwice) {
  v1::RotateRingRootResponse rotated;
  *rotated.mutable_root_change_time() = ToTimestamp(*ParseTime("2026-03-10T09:00:00Z"));
  connection_->Answer("RotateRingRoot", rotated);
  EXPECT_EQ(Run({"ring", "rotate"}), kExitOk) << err_.str();
  EXPECT_EQ(out_.str(), "ROOT CHANGED (UTC)\n2026-03-10 09:00:00\n");
  connection_->failures = {RichError(absl::StatusCode::kUnavailable, "ROOT_UNAVAILABLE")};
  EXPECT_EQ(Run({"ring", "rotate"}), kExitUnavailable);
  EXPECT_NE(err_.str().find("ROOT_UNAVAILABLE"), std::string::npos) << err_.str();
  EXPECT_TRUE(waits_.empty()) << "it may have been changed";
}

TEST_F(RingCommandsTest, Verify_Golden) {
  v1::VerifyRingResponse found;
  found.set_sound(true);
  found.set_entries(1500);
  found.set_owners_in_opened_pages(3000);
  found.add_replicas();
  found.add_replicas();
  connection_->Answer("VerifyRing", found);
  EXPECT_EQ(Run({"ring", "verify"}), kExitOk) << err_.str();
  EXPECT_EQ(out_.str(),
            "REPLICA  STATE  DAMAGED\n"
            "a        read         0\n"
            "b        read         0\n"
            "Keys: 1,500, owners in opened pages: 3,000, differing: 0, lost: 0\n");
  found.set_sound(false);
  found.set_differing(2);
  found.mutable_replicas(0)->set_damaged(2);
  found.mutable_replicas(1)->set_stale(true);
  connection_->Answer("VerifyRing", found);
  EXPECT_EQ(Run({"ring", "verify"}), kExitFailed);
  EXPECT_EQ(out_.str(),
            "REPLICA  STATE  DAMAGED\n"
            "a        read         2\n"
            "b        stale        0\n"
            "Keys: 1,500, owners in opened pages: 3,000, differing: 2, lost: 0\n");
  EXPECT_NE(err_.str().find("not sound"), std::string::npos) << err_.str();
}

}  // namespace
}  // namespace retention
