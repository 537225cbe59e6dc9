#include "client/objects/s3_store.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "retention/v1/erasure_order_service.pb.h"
#include "tests/client/objects/fake_http_server.h"

namespace retention {
namespace {

std::unique_ptr<ObjectStore> Store(const FakeHttpServer& server, const std::string& prefix = "") {
  S3Options options{.bucket = "objects", .prefix = prefix, .endpoint = server.endpoint()};
  options.credentials = {"id", "secret", "token"};
  options.now = [] { return absl::UnixEpoch() + absl::Hours(1); };
  auto store = OpenS3Store(std::move(options));
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

// Versions of one object, newest last; an empty name is a delete marker. As S3 describes it in "Working with delete
// markers".
struct VersionedObject {
  struct Version {
    std::string id;
    bool marker = false;
  };
  std::deque<Version> versions;
  bool names_markers = true;

  std::string Answer(const std::string& head) {
    if (absl::StartsWith(head, "DELETE ")) {
      const size_t at = head.find("versionId=");
      if (at == std::string::npos) {
        versions.push_back({absl::StrCat("marker", versions.size()), true});
        return "204 No Content\r\nx-amz-delete-marker: true\r\n";
      }
      const std::string id = head.substr(at + 10, head.find(' ', at) - at - 10);
      for (auto it = versions.begin(); it != versions.end(); ++it) {
        if (it->id != id) continue;
        versions.erase(it);
        break;
      }
      return "204 No Content\r\n";
    }
    if (versions.empty()) return "404 Not Found\r\n";
    const Version& current = versions.back();
    const std::string version = absl::StrCat("X-Amz-Version-Id: ", current.id, "\r\n");
    if (!current.marker) return absl::StrCat("200 OK\r\n", version);
    return absl::StrCat("404 Not Found\r\nx-amz-delete-marker: true\r\n", names_markers ? version : "");
  }
};

TEST(S3Store, TheVersionsOfAVersionedObjectAllGo) {
  VersionedObject object{{{"v1"}, {"marker1", true}, {"v2"}, {"v3"}}};
  FakeHttpServer server([&](const std::string& head) { return object.Answer(head); });
  EXPECT_EQ(Store(server)->Erase("a").outcome, v1::ERASURE_OUTCOME_ERASED);
  EXPECT_TRUE(object.versions.empty());
}

TEST(S3Store, AnObjectThatADeleteMarkerHidesIsNotTakenForGone) {
  VersionedObject object{{{"v1"}, {"marker1", true}}};
  FakeHttpServer server([&](const std::string& head) { return object.Answer(head); });
  EXPECT_EQ(Store(server)->Erase("a").outcome, v1::ERASURE_OUTCOME_ERASED);
  EXPECT_TRUE(object.versions.empty());
  object = {{{"v1"}, {"marker1", true}}, /*names_markers=*/false};
  const Erasure erasure = Store(server)->Erase("a");
  EXPECT_EQ(erasure.outcome, v1::ERASURE_OUTCOME_FAILED);
  EXPECT_EQ(erasure.why, "the bucket is versioned and hides its versions: delete all of them yourself");
}

TEST(S3Store, AStoreThatMarksAndDoesNotNameVersionsFailsAtOnce) {
  FakeHttpServer server([](const std::string& head) {
    return absl::StartsWith(head, "HEAD") ? "200 OK\r\n" : "204 No Content\r\nx-amz-delete-marker: true\r\n";
  });
  EXPECT_EQ(Store(server)->Erase("a").outcome, v1::ERASURE_OUTCOME_FAILED);
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST(S3Store, AnObjectThatIsStillThereIsNotErased) {
  FakeHttpServer server(
      [](const std::string& head) { return absl::StartsWith(head, "HEAD") ? "200 OK\r\n" : "204 No Content\r\n"; });
  EXPECT_EQ(Store(server)->Erase("a").outcome, v1::ERASURE_OUTCOME_FAILED);
  EXPECT_LE(server.requests().size(), 4u);
}

TEST(S3Store, RequestsAreSignedForTheKeyBelowThePrefix) {
  std::string seen;
  FakeHttpServer server([&](const std::string& head) {
    seen = head;
    return "404 Not Found\r\n";
  });
  EXPECT_EQ(Store(server, "m/files")->Erase("a b/\xC3\xBC+.pdf").outcome, v1::ERASURE_OUTCOME_NOT_FOUND);
  EXPECT_EQ(server.requests()[0], "HEAD /objects/m/files/a%20b/%C3%BC%2B.pdf");
  EXPECT_NE(seen.find("Credential=id/19700101/us-east-1/s3/aws4_request,SignedHeaders=host;x-amz-content-sha256;"
                      "x-amz-date;x-amz-security-token,Signature="),
            std::string::npos)
      << seen;
  EXPECT_NE(seen.find("x-amz-security-token: token\r\n"), std::string::npos);
  EXPECT_EQ(seen.find("secret"), std::string::npos);
}

TEST(S3Store, WhatTheStoreRefusesFailsAndSaysWhy) {
  std::string answer;
  FakeHttpServer server([&](const std::string&) { return answer; });
  const std::pair<const char*, const char*> cases[] = {
      {"403 Forbidden\r\n", "the store denies access (HTTP 403)"},
      {"500 Oops\r\n", "the store answers HTTP 500"},
      {"301 Moved\r\nLocation: http://127.0.0.1:1/elsewhere\r\n",
       "the store redirects (HTTP 301): is it another region or endpoint?"},
  };
  for (const auto& [line, why] : cases) {
    answer = line;
    const Erasure erasure = Store(server)->Erase("secret-name");
    EXPECT_EQ(erasure.outcome, v1::ERASURE_OUTCOME_FAILED);
    EXPECT_EQ(erasure.why, why);
  }
  // None was tried again elsewhere, and nothing was deleted.
  EXPECT_EQ(server.requests(), (std::vector<std::string>(3, "HEAD /objects/secret-name")));
}

TEST(S3Store, ADeletionThatIsDeniedFails) {
  FakeHttpServer server(
      [&](const std::string& head) { return absl::StartsWith(head, "HEAD") ? "200 OK\r\n" : "403 Forbidden\r\n"; });
  EXPECT_EQ(Store(server)->Erase("a").outcome, v1::ERASURE_OUTCOME_FAILED);
}

TEST(S3Store, SilenceTimesOut) {
  FakeHttpServer server([](const std::string&) { return ""; });
  S3Options options{.bucket = "objects", .endpoint = server.endpoint(), .timeout = absl::Milliseconds(60)};
  const auto store = *OpenS3Store(std::move(options));
  EXPECT_EQ(store->Erase("a").outcome, v1::ERASURE_OUTCOME_FAILED);
  EXPECT_EQ(store->Check().code(), absl::StatusCode::kUnavailable);
}

TEST(S3Store, ReferencesThatAreNoPlainPathAreNotSent) {
  FakeHttpServer server([](const std::string&) { return "404 Not Found\r\n"; });
  for (const std::string& ref :
       {std::string(""), std::string("../x"), std::string("/x"), std::string("a//b"), std::string(1025, 'a')}) {
    EXPECT_EQ(Store(server, "p")->Erase(ref).outcome, v1::ERASURE_OUTCOME_FAILED);
  }
  EXPECT_TRUE(server.requests().empty());
}

TEST(S3Store, ABucketThatIsNotThereIsNoEmptyBucket) {
  std::string answer;
  FakeHttpServer server([&](const std::string&) { return answer; });
  answer = "404 Not Found\r\n";
  EXPECT_EQ(Store(server)->Check().code(), absl::StatusCode::kNotFound);
  answer = "403 Forbidden\r\n";
  EXPECT_EQ(Store(server)->Check().code(), absl::StatusCode::kFailedPrecondition);
  answer = "503 Slow Down\r\n";
  EXPECT_EQ(Store(server)->Check().code(), absl::StatusCode::kUnavailable);
  answer = "200 OK\r\n";
  EXPECT_TRUE(Store(server)->Check().ok());
}

TEST(S3Store, TheMarkerIsAnEmptyObjectBelowThePrefix) {
  std::string answer;
  std::string seen;
  FakeHttpServer server([&](const std::string& head) {
    seen = head;
    return answer;
  });
  const auto store = Store(server, "m/files");
  answer = "404 Not Found\r\n";
  EXPECT_EQ(*store->HasMarker(), false);
  answer = "200 OK\r\n";
  EXPECT_EQ(*store->HasMarker(), true);
  EXPECT_TRUE(store->WriteMarker().ok());
  EXPECT_NE(seen.find("Content-Length: 0\r\n"), std::string::npos) << seen;
  EXPECT_EQ(server.requests(), (std::vector<std::string>{"HEAD /objects/m/files/.retention-store",
                                                         "HEAD /objects/m/files/.retention-store",
                                                         "PUT /objects/m/files/.retention-store"}));
  // Not to be allowed to look is not to know.
  answer = "403 Forbidden\r\n";
  EXPECT_EQ(store->HasMarker().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store->WriteMarker().code(), absl::StatusCode::kFailedPrecondition);
  answer = "503 Slow Down\r\n";
  EXPECT_EQ(store->HasMarker().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(store->Erase(kStoreMarker).outcome, v1::ERASURE_OUTCOME_FAILED);
}

TEST(S3Store, OptionsThatCannotBeAreRefused) {
  const auto code = [](S3Options options) { return OpenS3Store(std::move(options)).status().code(); };
  EXPECT_EQ(code({.bucket = "objects"}), absl::StatusCode::kOk);
  for (const char* bucket : {"", "ab", "a/b", "a b c", "../x"}) {
    EXPECT_EQ(code({.bucket = bucket}), absl::StatusCode::kInvalidArgument) << bucket;
  }
  for (const char* endpoint : {"s3.example", "ftp://s3.example", "https://", "https://s3.example/path",
                               "https://user@s3.example", "file:///etc/passwd"}) {
    EXPECT_EQ(code({.bucket = "objects", .endpoint = endpoint}), absl::StatusCode::kInvalidArgument) << endpoint;
  }
  EXPECT_EQ(code({.bucket = "objects", .prefix = "a/../b"}), absl::StatusCode::kInvalidArgument);
}

TEST(S3Store, CredentialsComeFromTheEnvironmentOrFromFilesItNames) {
  std::string directory = ::testing::TempDir() + "/credentials-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  std::ofstream(directory + "/key") << "secret-from-file\n";
  for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}) ::unsetenv(name);
  EXPECT_EQ(AwsCredentialsFromEnvironment().status().code(), absl::StatusCode::kInvalidArgument);
  ::setenv("AWS_ACCESS_KEY_ID", "id", 1);
  ::setenv("AWS_SECRET_ACCESS_KEY_FILE", (directory + "/key").c_str(), 1);
  const auto credentials = AwsCredentialsFromEnvironment();
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  EXPECT_EQ(credentials->access_key_id, "id");
  EXPECT_EQ(credentials->secret_access_key, "secret-from-file");
  EXPECT_EQ(credentials->session_token, "");
  ::setenv("AWS_SECRET_ACCESS_KEY_FILE", (directory + "/nothing").c_str(), 1);
  EXPECT_FALSE(AwsCredentialsFromEnvironment().ok());
  ::unsetenv("AWS_ACCESS_KEY_ID");
  ::unsetenv("AWS_SECRET_ACCESS_KEY_FILE");
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace retention
