// Objects in a bucket of an S3-compatible store.
#pragma once

#include <functional>

#include "absl/time/clock.h"
#include "client/objects/aws_signature.h"
#include "client/objects/object_store.h"

namespace retention {

struct S3Options {
  std::string bucket;
  std::string prefix;    // Before every reference, with a slash between; may be empty.
  std::string endpoint;  // "https://host[:port]"; http only where the network is trusted. Empty: that of AWS.
  std::string region = "us-east-1";
  std::string ca_file;  // PEM, in place of the certificate authorities of the system. Empty: those.
  AwsCredentials credentials;
  absl::Duration timeout = absl::Seconds(30);   // Of each request.
  std::function<absl::Time()> now = absl::Now;  // Signatures are good for 15 minutes.
};

// A store whose references are keys below `prefix`. Requests are signed (Signature Version 4), certificates are
// verified, redirects are refused, buckets are part of the path.
//
// A versioned bucket keeps what a plain DELETE hides. So an object is deleted version by version, newest first, delete
// markers among them, until the store knows no current one: NOT_FOUND and ERASED mean that no version is left behind
// it. FAILED where the store hides versions (x-amz-version-id), and after kS3VersionsMax versions, of which
// the rest follows when the order comes again. Versions under retention (Object Lock) fail.
//
// The credentials need s3:ListBucket (without it a missing object is an access denied), GetObject and DeleteObject, and
// DeleteObjectVersion for versioned buckets; WriteMarker needs PutObject.
//
// INVALID_ARGUMENT for options that cannot be.
absl::StatusOr<std::unique_ptr<ObjectStore>> OpenS3Store(S3Options options);

// Versions of one object that one order deletes.
inline constexpr int kS3VersionsMax = 1000;

// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN (optional) of the environment, or what the files
// hold that AWS_ACCESS_KEY_ID_FILE and so on name. INVALID_ARGUMENT, without values, if one is missing.
absl::StatusOr<AwsCredentials> AwsCredentialsFromEnvironment();

}  // namespace retention
