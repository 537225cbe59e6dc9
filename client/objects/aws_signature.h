// AWS Signature Version 4: how a request to an S3-compatible store says whose it is.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html. Signed here and not by libcurl, whose
// CURLOPT_AWS_SIGV4 of 7.88 encodes paths otherwise than S3 does.
#pragma once

#include <map>
#include <string>

#include "absl/time/time.h"

namespace retention {

struct AwsCredentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // Empty: none.
};

struct AwsRequest {
  std::string method;
  std::string path;                            // As sent: AwsEncoded, with its slashes.
  std::map<std::string, std::string> query;    // As meant; encoded by AwsQuery.
  std::map<std::string, std::string> headers;  // To be signed: names in lower case, values without outer blanks.
  std::string payload_sha256;                  // Hexadecimal, or "UNSIGNED-PAYLOAD".
};

// SHA-256 of nothing, hexadecimal.
inline constexpr char kEmptySha256[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// Everything but letters, digits and `-._~` (RFC 3986) as %XX; slashes too unless they part a path.
std::string AwsEncoded(const std::string& text, bool keep_slashes);
// "a=1&b=", in the order in which it is signed.
std::string AwsQuery(const std::map<std::string, std::string>& query);
// "20150830T123600Z": the value of x-amz-date, which must be among the headers.
std::string AwsTime(absl::Time time);

// The value of the header Authorization.
std::string AwsAuthorization(const AwsRequest& request, const AwsCredentials& credentials, const std::string& region,
                             const std::string& service, absl::Time time);

}  // namespace retention
