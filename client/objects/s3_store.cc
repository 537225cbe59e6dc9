#include "client/objects/s3_store.h"

#include <curl/curl.h>

#include <cstdlib>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/input_stream.h"

namespace retention {
namespace {

constexpr size_t kKeyBytesMax = 1024;  // S3's own limit.
constexpr char kHiddenVersions[] = "the bucket is versioned and hides its versions: delete all of them yourself";
constexpr absl::Duration kConnectTimeout = absl::Seconds(10);
constexpr long kHttpOk = 200;           // NOLINT(google-runtime-int): libcurl's type
constexpr long kHttpNoContent = 204;    // NOLINT(google-runtime-int)
constexpr long kHttpRedirects = 300;    // NOLINT(google-runtime-int)
constexpr long kHttpForbidden = 403;    // NOLINT(google-runtime-int)
constexpr long kHttpNotFound = 404;     // NOLINT(google-runtime-int)
constexpr long kHttpClientError = 400;  // NOLINT(google-runtime-int)
constexpr long kHttpServerError = 500;  // NOLINT(google-runtime-int)

struct Answer {
  CURLcode sent = CURLE_OK;
  long code = 0;  // NOLINT(google-runtime-int)
  bool delete_marker = false;
  std::string version;  // Empty: the store does not say.
};

std::string WhyNot(const Answer& answer) {
  if (answer.sent != CURLE_OK) return absl::StrCat("the store cannot be reached: ", curl_easy_strerror(answer.sent));
  if (answer.code == kHttpForbidden) return "the store denies access (HTTP 403)";
  if (answer.code >= kHttpRedirects && answer.code < kHttpClientError) {
    return absl::StrCat("the store redirects (HTTP ", answer.code, "): is it another region or endpoint?");
  }
  return absl::StrCat("the store answers HTTP ", answer.code);
}

// UNAVAILABLE if waiting may mend it.
absl::Status StatusOf(const Answer& refusal) {
  const bool is_away = refusal.sent != CURLE_OK || refusal.code >= kHttpServerError;
  return absl::Status(is_away ? absl::StatusCode::kUnavailable : absl::StatusCode::kFailedPrecondition,
                      WhyNot(refusal));
}

size_t TakeHeader(char* bytes, size_t size, size_t count, void* argument) {
  const absl::string_view line(bytes, size * count);
  auto& answer = *static_cast<Answer*>(argument);
  const size_t colon = line.find(':');
  if (colon == absl::string_view::npos) return line.size();
  const absl::string_view value = absl::StripAsciiWhitespace(line.substr(colon + 1));
  if (absl::EqualsIgnoreCase(line.substr(0, colon), "x-amz-version-id")) answer.version = std::string(value);
  if (absl::EqualsIgnoreCase(line.substr(0, colon), "x-amz-delete-marker")) {
    answer.delete_marker = absl::EqualsIgnoreCase(value, "true");
  }
  return line.size();
}

size_t IgnoreBody(char*, size_t size, size_t count, void*) { return size * count; }

class S3Store final : public ObjectStore {
 public:
  S3Store(S3Options options, std::string host) : options_(std::move(options)), host_(std::move(host)) {
    static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    static_cast<void>(initialised);
  }
  ~S3Store() override {
    for (CURL* handle : idle_) curl_easy_cleanup(handle);
  }

  absl::Status Check() override {
    const Answer answer = Request("HEAD", absl::StrCat("/", options_.bucket), {});
    if (answer.sent == CURLE_OK && answer.code == kHttpNotFound) return absl::NotFoundError("there is no such bucket");
    return answer.sent == CURLE_OK && answer.code == kHttpOk ? absl::OkStatus() : StatusOf(answer);
  }

  absl::StatusOr<bool> HasMarker() override {
    const Answer answer = Request("HEAD", PathOf(KeyOf(kStoreMarker)), {});
    if (answer.sent == CURLE_OK && answer.code == kHttpOk) return true;
    if (answer.sent == CURLE_OK && answer.code == kHttpNotFound) return false;
    return StatusOf(answer);
  }

  absl::Status WriteMarker() override {
    const Answer answer = Request("PUT", PathOf(KeyOf(kStoreMarker)), {});
    return answer.sent == CURLE_OK && answer.code == kHttpOk ? absl::OkStatus() : StatusOf(answer);
  }

  Erasure Erase(const std::string& object_ref) override {
    if (std::string fault = ReferenceFault(object_ref); !fault.empty()) return FailedErasure(std::move(fault));
    const std::string key = KeyOf(object_ref);
    if (key.size() > kKeyBytesMax) return FailedErasure("the reference is longer than a key can be");
    const std::string path = PathOf(key);
    int unversioned_deletions = 0;
    for (int version = 0; version < kS3VersionsMax; ++version) {
      const Answer head = Request("HEAD", path, {});
      const bool hidden = head.code == kHttpNotFound && head.delete_marker;
      if (head.sent == CURLE_OK && head.code == kHttpNotFound && !hidden) {
        return version > 0 ? ErasedObject() : NoSuchObject();
      }
      if (head.sent != CURLE_OK || (head.code != kHttpOk && !hidden)) return FailedErasure(WhyNot(head));
      if (hidden && head.version.empty()) {
        return FailedErasure(kHiddenVersions);
      }
      std::map<std::string, std::string> query;
      if (!head.version.empty()) query["versionId"] = head.version;
      const Answer deleted = Request("DELETE", path, query);
      if (deleted.sent != CURLE_OK ||
          (deleted.code != kHttpNoContent && deleted.code != kHttpOk && deleted.code != kHttpNotFound)) {
        return FailedErasure(WhyNot(deleted));
      }
      if (!head.version.empty()) continue;
      // Without versions once is enough; the last look says whether it was.
      if (deleted.delete_marker) return FailedErasure(kHiddenVersions);
      if (unversioned_deletions++ > 0) return FailedErasure("the object is still there after its deletion");
    }
    return FailedErasure("the object has more versions than one order deletes; the rest follows");
  }

 private:
  std::string KeyOf(const std::string& object_ref) const {
    return options_.prefix.empty() ? object_ref : absl::StrCat(options_.prefix, "/", object_ref);
  }
  std::string PathOf(const std::string& key) const {
    return absl::StrCat("/", options_.bucket, "/", AwsEncoded(key, /*keep_slashes=*/true));
  }

  Answer Request(const char* method, const std::string& path, const std::map<std::string, std::string>& query) {
    const absl::Time now = options_.now();
    AwsRequest request{method, path, query, {}, kEmptySha256};
    request.headers = {{"host", host_}, {"x-amz-content-sha256", kEmptySha256}, {"x-amz-date", AwsTime(now)}};
    if (!options_.credentials.session_token.empty()) {
      request.headers["x-amz-security-token"] = options_.credentials.session_token;
    }
    curl_slist* lines = nullptr;
    for (const auto& [name, value] : request.headers) {
      lines = curl_slist_append(lines, absl::StrCat(name, ": ", value).c_str());
    }
    const std::string authorization = AwsAuthorization(request, options_.credentials, options_.region, "s3", now);
    lines = curl_slist_append(lines, absl::StrCat("Authorization: ", authorization).c_str());
    std::string url = absl::StrCat(options_.endpoint, path);
    if (!query.empty()) absl::StrAppend(&url, "?", AwsQuery(query));
    Answer answer = Send(method, url, lines);
    curl_slist_free_all(lines);
    return answer;
  }

  Answer Send(const std::string& method, const std::string& url, curl_slist* lines) {
    Answer answer;
    CURL* handle = TakeHandle();
    if (handle == nullptr) {
      answer.sent = CURLE_OUT_OF_MEMORY;
      return answer;
    }
    curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
    // Keys with "//" or "%2E" go as they are signed.
    curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, lines);
    if (method == "HEAD") curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    if (method == "PUT") {  // of nothing
      curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
      curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, curl_off_t{0});
    }
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, method == "HEAD" ? nullptr : method.c_str());
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
    if (!options_.ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, options_.ca_file.c_str());
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, absl::ToInt64Milliseconds(options_.timeout));
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, absl::ToInt64Milliseconds(kConnectTimeout));
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &TakeHeader);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, &answer);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &IgnoreBody);
    answer.sent = curl_easy_perform(handle);
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer.code);
    GiveBack(handle);
    return answer;
  }

  // A handle keeps its connection: one is kept per thread that ever asked at the same time.
  CURL* TakeHandle() {
    std::lock_guard lock(mutex_);
    if (idle_.empty()) return curl_easy_init();
    CURL* handle = idle_.back();
    idle_.pop_back();
    return handle;
  }
  void GiveBack(CURL* handle) {
    curl_easy_reset(handle);
    std::lock_guard lock(mutex_);
    idle_.push_back(handle);
  }

  const S3Options options_;
  const std::string host_;
  std::mutex mutex_;
  std::vector<CURL*> idle_;  // Guarded by mutex_.
};

// The host of "https://host[:port]", as curl puts it into the header Host; empty if it is not of that form.
std::string HostOf(const std::string& endpoint) {
  for (const std::string scheme : {"https://", "http://"}) {
    if (!absl::StartsWith(endpoint, scheme)) continue;
    std::string host = endpoint.substr(scheme.size());
    if (host.find_first_of("/?#@ ") != std::string::npos) return "";
    const std::string default_port = scheme == "https://" ? ":443" : ":80";
    if (absl::EndsWith(host, default_port)) host.resize(host.size() - default_port.size());
    return host;
  }
  return "";
}

bool IsBucketName(const std::string& name) {
  if (name.size() < 3 || name.size() > 63) return false;
  for (const char c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '.' && c != '_') return false;
  }
  return true;
}

absl::StatusOr<std::string> FromEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value != nullptr && *value != '\0') return std::string(value);
  const char* file_name = std::getenv(absl::StrCat(name, "_FILE").c_str());
  if (file_name == nullptr) return std::string();
  const auto text = ReadFile(file_name);
  if (!text.ok()) return absl::InvalidArgumentError(absl::StrCat(name, "_FILE: ", text.status().message()));
  return std::string(absl::StripAsciiWhitespace(*text));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ObjectStore>> OpenS3Store(S3Options options) {
  if (!IsBucketName(options.bucket)) return absl::InvalidArgumentError("the bucket's name is not one");
  if (!options.prefix.empty() && !IsPlainPath(options.prefix)) {
    return absl::InvalidArgumentError("the prefix is no path without empty parts, . and ..");
  }
  if (options.region.empty()) return absl::InvalidArgumentError("the region is missing");
  if (options.endpoint.empty()) options.endpoint = absl::StrCat("https://s3.", options.region, ".amazonaws.com");
  if (absl::EndsWith(options.endpoint, "/")) options.endpoint.pop_back();
  std::string host = HostOf(options.endpoint);
  if (host.empty()) return absl::InvalidArgumentError("the endpoint is not https://host[:port]");
  return std::make_unique<S3Store>(std::move(options), std::move(host));
}

absl::StatusOr<AwsCredentials> AwsCredentialsFromEnvironment() {
  AwsCredentials credentials;
  const std::pair<const char*, std::string*> names[] = {{"AWS_ACCESS_KEY_ID", &credentials.access_key_id},
                                                        {"AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key},
                                                        {"AWS_SESSION_TOKEN", &credentials.session_token}};
  for (const auto& [name, value] : names) {
    auto found = FromEnvironment(name);
    if (!found.ok()) return found.status();
    *value = *std::move(found);
  }
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    return absl::InvalidArgumentError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set");
  }
  return credentials;
}

}  // namespace retention
