#include "server/ops/dns_answer.h"

#include <ares.h>
#include <arpa/nameser.h>

#include <map>
#include <optional>
#include <set>

#include "absl/strings/ascii.h"

namespace retention {
namespace {

constexpr size_t kNameBytesMax = 253;  // RFC 1035, 2.3.4: 255 on the wire
constexpr size_t kLabelBytesMax = 63;
constexpr size_t kHeaderBytes = 12;
constexpr size_t kRecordBytes = 10;  // type, class, TTL, length of data
constexpr int kAddressBytes4 = 4;
constexpr int kAddressBytes6 = 16;

// Steps through a message and never beyond it.
class MessageReader {
 public:
  explicit MessageReader(std::string_view message) : message_(message) {}

  bool Skip(size_t bytes) {
    if (message_.size() - at_ < bytes) return false;
    at_ += bytes;
    return true;
  }
  std::optional<int> Number16() {
    if (message_.size() - at_ < 2) return std::nullopt;
    const int number = static_cast<uint8_t>(message_[at_]) << 8 | static_cast<uint8_t>(message_[at_ + 1]);
    at_ += 2;
    return number;
  }
  std::optional<std::string> Name() {
    if (at_ >= message_.size()) return std::nullopt;
    const auto* bytes = reinterpret_cast<const unsigned char*>(message_.data());
    char* text = nullptr;
    long length = 0;  // NOLINT(google-runtime-int): c-ares's type
    if (ares_expand_name(bytes + at_, bytes, static_cast<int>(message_.size()), &text, &length) != ARES_SUCCESS) {
      return std::nullopt;
    }
    std::string name = absl::AsciiStrToLower(text);
    ares_free_string(text);
    at_ += static_cast<size_t>(length);
    return name;
  }

 private:
  const std::string_view message_;
  size_t at_ = 0;
};

// What the answer section says, by the owner of its records.
struct Records {
  std::map<std::string, std::string> aliases;
  std::set<std::string> addresses;
};

bool ReadRecord(MessageReader& reader, int type, Records* records) {
  const auto owner = reader.Name();
  if (!owner) return false;
  const auto record_type = reader.Number16();
  const auto record_class = reader.Number16();
  if (!record_class || !reader.Skip(kRecordBytes - 6)) return false;
  const auto bytes = reader.Number16();
  if (!bytes) return false;
  MessageReader data = reader;
  if (!reader.Skip(static_cast<size_t>(*bytes))) return false;
  if (*record_class != ns_c_in) return true;
  if (*record_type == ns_t_cname) {
    auto target = data.Name();
    if (!target) return false;
    records->aliases.emplace(*owner, *std::move(target));
  } else if (*record_type == type) {
    if (*bytes != (type == ns_t_a ? kAddressBytes4 : kAddressBytes6)) return false;
    records->addresses.insert(*owner);
  }
  return true;
}

bool ReadRecords(std::string_view message, int type, Records* records) {
  MessageReader reader(message);
  if (message.size() < kHeaderBytes || !reader.Skip(4)) return false;
  const int questions = *reader.Number16();
  const int answers = *reader.Number16();
  if (!reader.Skip(4)) return false;
  for (int i = 0; i < questions; ++i) {
    if (!reader.Name() || !reader.Skip(4)) return false;
  }
  for (int i = 0; i < answers; ++i) {
    if (!ReadRecord(reader, type, records)) return false;
  }
  return true;
}

}  // namespace

DnsAnswer ReadDnsAnswer(std::string_view message, const std::string& name, int type) {
  DnsAnswer answer;
  Records records;
  if (!ReadRecords(message, type, &records)) return answer;
  answer.target = absl::AsciiStrToLower(name);
  for (;;) {
    if (records.addresses.count(answer.target) > 0) {
      answer.kind = DnsAnswer::Kind::kAddress;
      return answer;
    }
    const auto alias = records.aliases.find(answer.target);
    if (alias == records.aliases.end()) break;
    if (answer.aliases == kDnsAliasesMax) {
      answer.kind = DnsAnswer::Kind::kAliasLoop;
      return answer;
    }
    answer.target = alias->second;
    ++answer.aliases;
  }
  answer.kind = answer.aliases > 0 ? DnsAnswer::Kind::kAlias : DnsAnswer::Kind::kNone;
  return answer;
}

std::string CanonicalDnsName(std::string_view name) {
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  if (name.empty() || name.size() > kNameBytesMax) return "";
  size_t label_bytes = 0;
  bool digits_only = true;
  for (const char c : name) {
    if (c == '.') {
      if (label_bytes == 0) return "";
      label_bytes = 0;
      digits_only = true;
      continue;
    }
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_') return "";
    if (++label_bytes > kLabelBytesMax) return "";
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) digits_only = false;
  }
  if (label_bytes == 0 || digits_only) return "";
  return absl::AsciiStrToLower(absl::string_view(name.data(), name.size()));
}

}  // namespace retention
