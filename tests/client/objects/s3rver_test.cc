// The S3 store against a server that others wrote: s3rver. It knows access keys, but does not compute signatures of
// version 4; those are held against AWS's own examples in aws_signature_test.cc. Skipped where npm's registry cannot be
// reached.
#include <curl/curl.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "client/objects/s3_store.h"
#include "retention/v1/erasure_order_service.pb.h"

namespace retention {
namespace {

constexpr char kListening[] = "listening on ";
const AwsCredentials kCredentials{"S3RVER", "S3RVER", ""};

class S3rverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string install = absl::StrCat("\"", RETENTION_S3RVER_INSTALL, "\" \"", RETENTION_S3RVER_DIRECTORY, "\"");
    if (std::system(install.c_str()) != 0) GTEST_SKIP() << "s3rver cannot be installed: npm or its registry is away";
    std::string pattern = ::testing::TempDir() + "/s3rver-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    if (output_ >= 0) ::close(output_);
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  void Start(const std::vector<std::string>& options = {}) {
    std::vector<std::string> arguments = {
        "node",
        absl::StrCat(RETENTION_S3RVER_DIRECTORY, "/node_modules/s3rver/bin/s3rver.js"),
        "--directory",
        directory_,
        "--address",
        "127.0.0.1",
        "--port",
        "0",
        "--no-vhost-buckets",
        "--configure-bucket",
        "objects"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    ASSERT_EQ(posix_spawnp(&pid_, "node", &actions, nullptr, pointers.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ends[0];
    std::string text;
    for (char c; ::read(output_, &c, 1) == 1;) {
      if (c == '\n' && text.find(kListening) != std::string::npos) break;
      text += c;
    }
    if (text.find(kListening) != std::string::npos) port_ = text.substr(text.rfind(':') + 1);
    ASSERT_NE(port_, "");
  }

  std::string endpoint() const { return absl::StrCat("http://127.0.0.1:", port_); }

  std::unique_ptr<ObjectStore> Store(const std::string& bucket, AwsCredentials credentials = kCredentials) {
    S3Options options{.bucket = bucket, .prefix = "meetings", .endpoint = endpoint()};
    options.credentials = std::move(credentials);
    return *OpenS3Store(std::move(options));
  }

  // Sends one signed request; the HTTP status.
  long Send(const std::string& method, const std::string& key) {  // NOLINT(google-runtime-int)
    const absl::Time now = absl::Now();
    AwsRequest request{method, absl::StrCat("/objects/", AwsEncoded(key, true)), {}, {}, "UNSIGNED-PAYLOAD"};
    request.headers = {{"host", absl::StrCat("127.0.0.1:", port_)},
                       {"x-amz-content-sha256", request.payload_sha256},
                       {"x-amz-date", AwsTime(now)}};
    curl_slist* lines = nullptr;
    for (const auto& [name, value] : request.headers) {
      lines = curl_slist_append(lines, absl::StrCat(name, ": ", value).c_str());
    }
    const std::string authorization = AwsAuthorization(request, kCredentials, "us-east-1", "s3", now);
    lines = curl_slist_append(lines, absl::StrCat("Authorization: ", authorization).c_str());
    CURL* handle = curl_easy_init();
    curl_easy_setopt(handle, CURLOPT_URL, absl::StrCat(endpoint(), request.path).c_str());
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, lines);
    if (method == "PUT") curl_easy_setopt(handle, CURLOPT_POSTFIELDS, "content");
    if (method == "HEAD") curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, method == "HEAD" ? nullptr : method.c_str());
    EXPECT_EQ(curl_easy_perform(handle), CURLE_OK);
    long code = 0;  // NOLINT(google-runtime-int)
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_cleanup(handle);
    curl_slist_free_all(lines);
    return code;
  }

  std::string directory_;
  std::string port_;
  pid_t pid_ = -1;
  int output_ = -1;
};

TEST_F(S3rverTest, AnObjectIsErasedAndThenNotFoundWhateverItsNameHolds) {
  Start();
  const auto store = Store("objects");
  ASSERT_TRUE(store->Check().ok()) << store->Check();
  for (const std::string name : {"a.pdf", "with blank.pdf", "plus+percent%41.pdf",
                                 "\xC3\xBC"
                                 "ber/(1)=~&.pdf"}) {
    const std::string key = absl::StrCat("meetings/", name);
    ASSERT_EQ(Send("PUT", key), 200) << name;
    ASSERT_EQ(Send("HEAD", key), 200) << name;
    const Erasure erasure = store->Erase(name);
    EXPECT_EQ(erasure.outcome, v1::ERASURE_OUTCOME_ERASED) << name << ": " << erasure.why;
    EXPECT_EQ(Send("HEAD", key), 404) << name;
    EXPECT_EQ(store->Erase(name).outcome, v1::ERASURE_OUTCOME_NOT_FOUND) << name;
  }
}

TEST_F(S3rverTest, TheMarkerIsWrittenAndFound) {
  Start();
  const auto store = Store("objects");
  EXPECT_EQ(*store->HasMarker(), false);
  EXPECT_TRUE(store->WriteMarker().ok()) << store->WriteMarker();
  EXPECT_EQ(*store->HasMarker(), true);
  EXPECT_EQ(Send("HEAD", "meetings/.retention-store"), 200);
}

TEST_F(S3rverTest, AnUnknownAccessKeyErasesNothing) {
  Start();
  ASSERT_EQ(Send("PUT", "meetings/a.pdf"), 200);
  const auto store = Store("objects", {"UNKNOWN", "S3RVER", ""});
  EXPECT_FALSE(store->Check().ok());
  EXPECT_EQ(store->Erase("a.pdf").outcome, v1::ERASURE_OUTCOME_FAILED);
  EXPECT_EQ(Send("HEAD", "meetings/a.pdf"), 200);
}

TEST_F(S3rverTest, ABucketThatIsNotThereIsNoticed) {
  Start();
  EXPECT_EQ(Store("elsewhere")->Check().code(), absl::StatusCode::kNotFound);
}

TEST_F(S3rverTest, ACertificateThatNobodyVouchesForIsRefused) {
  const std::string key = directory_ + "/key.pem";
  const std::string certificate = directory_ + "/certificate.pem";
  const std::string make = absl::StrCat(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test "
      "-addext subjectAltName=IP:127.0.0.1 -keyout ",
      key, " -out ", certificate, " 2>/dev/null");
  ASSERT_EQ(std::system(make.c_str()), 0);
  Start({"--key", key, "--cert", certificate});
  S3Options options{.bucket = "objects", .endpoint = absl::StrCat("https://127.0.0.1:", port_)};
  options.credentials = kCredentials;
  EXPECT_EQ((*OpenS3Store(options))->Check().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ((*OpenS3Store(options))->Erase("a").outcome, v1::ERASURE_OUTCOME_FAILED);
  options.ca_file = certificate;
  EXPECT_TRUE((*OpenS3Store(options))->Check().ok()) << (*OpenS3Store(options))->Check();
  // The name counts as well.
  options.endpoint = absl::StrCat("https://localhost:", port_);
  EXPECT_EQ((*OpenS3Store(options))->Check().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace retention
