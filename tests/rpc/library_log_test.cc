#include "server/rpc/library_log.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "retention/v1/event.pb.h"

namespace retention {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1772442000);

TEST(LibraryReports, OfAPlaceOneAMinuteIsTold) {
  LibraryReports reports;
  EXPECT_EQ(reports.Take(kNow, "grpc", "./src/core/a.cc", 7)->place, "grpc a.cc:7");
  EXPECT_FALSE(reports.Take(kNow, "grpc", "./src/core/a.cc", 7).has_value());
  EXPECT_FALSE(reports.Take(kNow + absl::Seconds(59), "grpc", "a.cc", 7).has_value());
  EXPECT_TRUE(reports.Take(kNow, "grpc", "a.cc", 8).has_value()) << "another place";
  const auto later = reports.Take(kNow + absl::Minutes(1), "grpc", "a.cc", 7);
  ASSERT_TRUE(later.has_value());
  EXPECT_EQ(later->not_told, 2);
  EXPECT_TRUE(reports.Take(kNow, "grpc", "a.cc", 7).has_value()) << "a clock that was turned back";
}

TEST(LibraryReports, PlacesHaveABound) {
  LibraryReports reports;
  size_t told = 0;
  for (int line = 0; line < 2000; ++line) told += reports.Take(kNow, "grpc", "a.cc", line).has_value() ? 1 : 0;
  EXPECT_EQ(told, LibraryReports::kMaxPlaces + 1);
}

TEST(LibraryLog, WhatAPeerSentForgesNoLineAndIsNotRepeated) {
  ::testing::internal::CaptureStderr();
  TakeLibraryLogs();
  const std::string sent = "anna@example.org\ntime=2026-03-02T10:00:00.000Z severity=INFO message=\"serving\"";
  gpr_log(GPR_ERROR, "header %s", sent.c_str());
  v1::Event event;
  // A name that is not UTF-8: Protocol Buffers says so.
  EXPECT_FALSE(event.ParseFromString("\x0a\x02\xc3\x28"));
  gpr_set_log_function(nullptr);
  google::protobuf::SetLogHandler(nullptr);
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 2) << log;
  EXPECT_NE(log.find("place=\"grpc library_log_test.cc:"), std::string::npos) << log;
  EXPECT_NE(log.find("place=\"protobuf wire_format_lite.cc:"), std::string::npos) << log;
  EXPECT_EQ(log.find("anna"), std::string::npos) << log;
}

}  // namespace
}  // namespace retention
