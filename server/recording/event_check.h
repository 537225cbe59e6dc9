// What is wrong with an event, found field by field.
#ifndef RETENTION_SERVER_RECORDING_EVENT_CHECK_H_
#define RETENTION_SERVER_RECORDING_EVENT_CHECK_H_

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "retention/v1/event_service.pb.h"
#include "server/base/field_checks.h"
#include "server/base/field_violations.h"

namespace retention {

inline constexpr size_t kMaxWordBytes = 32;  // client kind, media site, numbers
inline constexpr char kAtMostDialInNumbers[] = "at most 50";
inline constexpr char kAtMostInvitees[] = "at most 1,000";

// Collects violations. An event is rejected for its first; a request is told of all.
class Check {
 public:
  bool failed() const { return rejection_.has_value(); }
  std::optional<v1::Rejection> Take() { return std::move(rejection_); }
  absl::Status status() const { return violations_.status(); }

  void Fail(std::string_view field, std::string_view description,
            v1::RejectionReason reason = v1::REJECTION_REASON_INVALID_FIELD) {
    violations_.Add(field, description);
    if (failed()) return;
    rejection_.emplace();
    rejection_->set_reason(reason);
    rejection_->set_field(std::string(field));
    rejection_->set_description(std::string(description));
  }
  void Identifier(std::string_view field, std::string_view value) {
    if (value.empty()) return Fail(field, "required");
    OptionalIdentifier(field, value);
  }
  void PartyIdentifier(std::string_view field, std::string_view value) {
    if (value.empty()) return Fail(field, "required");
    FailIf(field, WhyNoPartyIdentifier(value));
  }
  void OptionalIdentifier(std::string_view field, std::string_view value) { FailIf(field, WhyNoIdentifier(value)); }
  void Length(std::string_view field, std::string_view value, size_t max) {
    if (value.size() > max) Fail(field, absl::StrCat("at most ", max, " bytes"));
  }
  void Required(std::string_view field, std::string_view value, size_t max) {
    if (value.empty()) return Fail(field, "required");
    Length(field, value, max);
  }
  void Email(std::string_view field, std::string_view value) {
    if (!value.empty()) FailIf(field, WhyNoEmail(value));
  }
  void Ip(std::string_view field, std::string_view value);
  void Fqdn(std::string_view field, std::string_view value);
  void Number(std::string_view field, std::string_view value) {
    if (value.empty()) return Fail(field, "required");
    FailIf(field, WhyNoExtensionNumber(value));
  }
  void Word(std::string_view field, std::string_view value) {
    Length(field, value, kMaxWordBytes);
    if (!std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c < 0x7f; })) {
      Fail(field, "only printable ASCII without spaces");
    }
  }

 private:
  void FailIf(std::string_view field, const char* why) {
    if (why != nullptr) Fail(field, why);
  }
  std::optional<v1::Rejection> rejection_;
  FieldViolations violations_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RECORDING_EVENT_CHECK_H_
