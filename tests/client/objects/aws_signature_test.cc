// Against the examples that AWS publishes: the Signature Version 4 test suite, and "Authenticating Requests: Using the
// Authorization Header" of the S3 API reference.
#include "client/objects/aws_signature.h"

#include <gtest/gtest.h>

namespace retention {
namespace {

std::string SignatureOf(const std::string& authorization) {
  return authorization.substr(authorization.find("Signature=") + 10);
}

const absl::Time kSuiteTime = absl::FromCivil(absl::CivilSecond(2015, 8, 30, 12, 36, 0), absl::UTCTimeZone());
const absl::Time kS3Time = absl::FromCivil(absl::CivilSecond(2013, 5, 24), absl::UTCTimeZone());
const AwsCredentials kSuite{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
const AwsCredentials kS3{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};

AwsRequest S3Request(const std::string& path) {
  AwsRequest request{"GET", path, {}, {}, kEmptySha256};
  request.headers = {{"host", "examplebucket.s3.amazonaws.com"},
                     {"x-amz-content-sha256", kEmptySha256},
                     {"x-amz-date", "20130524T000000Z"}};
  return request;
}

TEST(AwsSignature, SuiteGetVanilla) {
  AwsRequest request{
      "GET", "/", {}, {{"host", "example.amazonaws.com"}, {"x-amz-date", AwsTime(kSuiteTime)}}, kEmptySha256};
  EXPECT_EQ(AwsAuthorization(request, kSuite, "us-east-1", "service", kSuiteTime),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,"
            "SignedHeaders=host;x-amz-date,"
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

TEST(AwsSignature, SuiteGetVanillaQueryOrderKey) {
  AwsRequest request{"GET",
                     "/",
                     {{"Param2", "value2"}, {"Param1", "value1"}},
                     {{"host", "example.amazonaws.com"}, {"x-amz-date", AwsTime(kSuiteTime)}},
                     kEmptySha256};
  EXPECT_EQ(SignatureOf(AwsAuthorization(request, kSuite, "us-east-1", "service", kSuiteTime)),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
}

TEST(AwsSignature, S3GetObject) {
  AwsRequest request = S3Request("/test.txt");
  request.headers["range"] = "bytes=0-9";
  EXPECT_EQ(SignatureOf(AwsAuthorization(request, kS3, "us-east-1", "s3", kS3Time)),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(AwsSignature, S3PutObjectWithAnEncodedPath) {
  AwsRequest request = S3Request(AwsEncoded("/test$file.text", /*keep_slashes=*/true));
  request.method = "PUT";
  request.payload_sha256 = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
  request.headers["x-amz-content-sha256"] = request.payload_sha256;
  request.headers["date"] = "Fri, 24 May 2013 00:00:00 GMT";
  request.headers["x-amz-storage-class"] = "REDUCED_REDUNDANCY";
  EXPECT_EQ(SignatureOf(AwsAuthorization(request, kS3, "us-east-1", "s3", kS3Time)),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(AwsSignature, S3QueryWithoutAValue) {
  AwsRequest request = S3Request("/");
  request.query = {{"lifecycle", ""}};
  EXPECT_EQ(SignatureOf(AwsAuthorization(request, kS3, "us-east-1", "s3", kS3Time)),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST(AwsSignature, S3ListObjects) {
  AwsRequest request = S3Request("/");
  request.query = {{"max-keys", "2"}, {"prefix", "J"}};
  EXPECT_EQ(SignatureOf(AwsAuthorization(request, kS3, "us-east-1", "s3", kS3Time)),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(AwsSignature, PathsAreEncodedAsS3DoesIt) {
  EXPECT_EQ(AwsEncoded("a b/c+d/\xC3\xBC/~x-._", true), "a%20b/c%2Bd/%C3%BC/~x-._");
  EXPECT_EQ(AwsEncoded("a/b", false), "a%2Fb");
  EXPECT_EQ(AwsQuery({{"versionId", "a+/="}, {"a", ""}}), "a=&versionId=a%2B%2F%3D");
}

}  // namespace
}  // namespace retention
