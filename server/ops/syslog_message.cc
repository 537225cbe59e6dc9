#include "server/ops/syslog_message.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "server/logs/log_intake.h"

namespace retention {
namespace {

// Section 6: longest parts of the header.
constexpr size_t kMaxHostname = 255;
constexpr size_t kMaxAppName = 48;
constexpr size_t kMaxProcessId = 128;
constexpr size_t kMaxMessageId = 32;
constexpr int kMaxPriority = 191;
constexpr int kSeverities = 8;  // PRI is facility * 8 + severity
constexpr std::string_view kBom = "\xEF\xBB\xBF";
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

constexpr std::array<std::pair<std::string_view, v1::LogServer>, 4> kServers{{{"mcu", v1::LOG_SERVER_MCU},
                                                                              {"portal", v1::LOG_SERVER_PORTAL},
                                                                              {"file-share", v1::LOG_SERVER_FILE_SHARE},
                                                                              {"converter", v1::LOG_SERVER_CONVERTER}}};

bool IsPrintable(char c) { return c > ' ' && c < 0x7f; }

// Takes parts off the front of a message.
class Scanner {
 public:
  explicit Scanner(std::string_view rest) : rest_(rest) {}
  std::string_view rest() const { return rest_; }
  bool Skip(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view Take(size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  template <typename Predicate>
  std::string_view TakeWhile(Predicate predicate) {
    return Take(static_cast<size_t>(std::find_if_not(rest_.begin(), rest_.end(), predicate) - rest_.begin()));
  }
  // 1 to `max` printable characters and the space behind them; empty if there are none such.
  std::string_view Word(size_t max) {
    const std::string_view word = TakeWhile(IsPrintable);
    return word.size() <= max && Skip(' ') ? word : std::string_view();
  }

 private:
  std::string_view rest_;
};

// PRI.
std::optional<v1::LogSeverity> TakePriority(Scanner& scanner) {
  if (!scanner.Skip('<')) return std::nullopt;
  const std::string_view digits = scanner.TakeWhile(absl::ascii_isdigit);
  if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  int priority = 0;
  for (const char digit : digits) priority = priority * 10 + (digit - '0');
  if (priority > kMaxPriority || !scanner.Skip('>')) return std::nullopt;
  return static_cast<v1::LogSeverity>(priority % kSeverities + 1);
}

// Section 6.2.3: RFC 3339 with capital letters, at most 6 decimals and no leap second.
std::optional<absl::Time> ReadTimestamp(std::string_view text) {
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
  if (text.size() <= kShape.size()) return std::nullopt;
  for (size_t i = 0; i < kShape.size(); ++i) {
    if (kShape[i] == 'd' ? !absl::ascii_isdigit(static_cast<unsigned char>(text[i])) : text[i] != kShape[i]) {
      return std::nullopt;
    }
  }
  if (text.substr(17, 2) > "59") return std::nullopt;
  Scanner zone(text.substr(kShape.size()));
  if (zone.Skip('.')) {
    const size_t decimals = zone.TakeWhile(absl::ascii_isdigit).size();
    if (decimals == 0 || decimals > 6) return std::nullopt;
  }
  const std::string_view offset = zone.rest();
  const bool numeric = offset.size() == 6 && (offset[0] == '+' || offset[0] == '-') && offset[3] == ':';
  if (offset != "Z" && !numeric) return std::nullopt;
  absl::Time time;
  if (!absl::ParseTime(absl::RFC3339_full, absl::string_view(text.data(), text.size()), &time, nullptr)) {
    return std::nullopt;
  }
  return time;
}

// Section 6.3: "-" or elements; false if they are malformed. What was taken is left in `taken`, "-" as nothing.
bool TakeStructuredData(Scanner& scanner, std::string_view& taken) {
  const std::string_view before = scanner.rest();
  if (scanner.Skip('-')) return true;
  const auto is_name = [](char c) { return IsPrintable(c) && c != '=' && c != ']' && c != '"'; };
  if (before.empty() || before.front() != '[') return false;
  while (scanner.Skip('[')) {
    if (scanner.TakeWhile(is_name).empty()) return false;
    while (scanner.Skip(' ')) {
      if (scanner.TakeWhile(is_name).empty() || !scanner.Skip('=') || !scanner.Skip('"')) return false;
      while (!scanner.Skip('"')) {
        if (scanner.rest().empty()) return false;
        if (scanner.Skip('\\'))
          scanner.Take(1);
        else if (scanner.Take(1) == "]")
          return false;
      }
    }
    if (!scanner.Skip(']')) return false;
  }
  taken = before.substr(0, before.size() - scanner.rest().size());
  return true;
}

// Bytes of the UTF-8 character (RFC 3629) at the front of `text`; 0 if there is none.
size_t CharacterBytes(std::string_view text) {
  const auto at = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0}; };
  const auto follows = [&](size_t i, uint8_t low = 0x80, uint8_t high = 0xBF) { return at(i) >= low && at(i) <= high; };
  const uint8_t first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const uint8_t low = first == 0xE0 ? 0xA0 : 0x80;
    const uint8_t high = first == 0xED ? 0x9F : 0xBF;
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const uint8_t low = first == 0xF0 ? 0x90 : 0x80;
    const uint8_t high = first == 0xF4 ? 0x8F : 0xBF;
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

// A character as it is kept.
std::string KeptCharacter(std::string_view character) {
  const auto first = static_cast<uint8_t>(character.front());
  if (first < 0x20 && first != '\t' && first != '\n') return {'\xE2', '\x90', static_cast<char>(0x80 + first)};
  if (first == 0x7F) return "\xE2\x90\xA1";
  const bool is_c1 = first == 0xC2 && static_cast<uint8_t>(character[1]) < 0xA0;
  return std::string(is_c1 ? kReplacement : character);
}

// Appends `raw` as UTF-8 as far as whole characters fit. False if not all did.
bool AppendText(std::string_view raw, std::string& text) {
  while (!raw.empty()) {
    const size_t bytes = CharacterBytes(raw);
    const std::string character = bytes == 0 ? std::string(kReplacement) : KeptCharacter(raw.substr(0, bytes));
    if (text.size() + character.size() > kMaxLogTextBytes) return false;
    text.append(character);
    raw.remove_prefix(std::max<size_t>(bytes, 1));
  }
  return true;
}

}  // namespace

bool IsRfc3164(std::string_view raw) {
  // Section 4.1.2: "Oct 11 22:14:15".
  constexpr std::string_view kShape = "Aaa xd dd:dd:dd ";
  Scanner scanner(raw);
  if (!TakePriority(scanner).has_value()) return false;
  const std::string_view text = scanner.Take(kShape.size());
  const auto fits = [](char shape, char c) {
    const auto byte = static_cast<unsigned char>(c);
    if (shape == 'A') return absl::ascii_isupper(byte);
    if (shape == 'a') return absl::ascii_islower(byte);
    if (shape == 'd') return absl::ascii_isdigit(byte);
    return shape == 'x' ? c == ' ' || absl::ascii_isdigit(byte) : c == shape;
  };
  return text.size() == kShape.size() && std::equal(kShape.begin(), kShape.end(), text.begin(), fits);
}

std::optional<SyslogMessage> ParseSyslog(std::string_view raw) {
  Scanner scanner(raw);
  SyslogMessage message;
  const auto severity = TakePriority(scanner);
  if (!severity.has_value() || !scanner.Skip('1') || !scanner.Skip(' ')) return std::nullopt;  // VERSION
  message.severity = *severity;
  const std::string_view timestamp = scanner.TakeWhile(IsPrintable);
  if (!scanner.Skip(' ')) return std::nullopt;
  if (timestamp != "-") {
    message.time = ReadTimestamp(timestamp);
    if (!message.time.has_value()) return std::nullopt;
  }
  if (scanner.Word(kMaxHostname).empty()) return std::nullopt;
  const std::string app_name =
      absl::AsciiStrToLower({scanner.rest().data(), std::min(scanner.rest().find(' '), scanner.rest().size())});
  if (scanner.Word(kMaxAppName).empty()) return std::nullopt;
  for (const auto& [name, server] : kServers) {
    if (app_name == name) message.server = server;
  }
  if (scanner.Word(kMaxProcessId).empty() || scanner.Word(kMaxMessageId).empty()) return std::nullopt;
  std::string_view structured;
  if (!TakeStructuredData(scanner, structured)) return std::nullopt;
  if (!scanner.rest().empty() && !scanner.Skip(' ')) return std::nullopt;
  std::string_view text = scanner.rest();
  if (text.substr(0, kBom.size()) == kBom) text.remove_prefix(kBom.size());
  // What senders put behind a message to end it.
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == '\0')) text.remove_suffix(1);
  message.cut = !AppendText(structured, message.text);
  if (!structured.empty() && !text.empty()) message.cut |= !AppendText(" ", message.text);
  if (!message.cut) message.cut = !AppendText(text, message.text);
  return message;
}

}  // namespace retention
