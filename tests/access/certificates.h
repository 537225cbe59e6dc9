// Certificates for tests, as deploy/dev-certificates.sh makes them.
#ifndef RETENTION_TESTS_ACCESS_CERTIFICATES_H_
#define RETENTION_TESTS_ACCESS_CERTIFICATES_H_

#include <filesystem>
#include <string>

namespace retention {

// "portal=365 old=-1": names and days. Fails the test if the script does.
void MakeCertificates(const std::filesystem::path& directory, const std::string& clients);
void RevokeCertificate(const std::filesystem::path& directory, const std::string& client);

std::string TextOf(const std::filesystem::path& path);

}  // namespace retention

#endif  // RETENTION_TESTS_ACCESS_CERTIFICATES_H_
