// The policy: the deletion rules as data (deploy/policy.txtpb), checked when they are loaded.
#ifndef RETENTION_SERVER_LAW_POLICY_H_
#define RETENTION_SERVER_LAW_POLICY_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/v1/policy.pb.h"
#include "server/law/cut_rules.h"
#include "server/law/periods.h"
#include "storage/key_use.h"
#include "storage/keys.h"

namespace retention {

// Categories by the numbers of retention.v1.DataCategory, for arrays indexed by category.
inline constexpr size_t kCategories = 17;
// Of the name of a policy's time zone: all of IANA's are shorter, or as long.
inline constexpr size_t kMaxTimeZoneBytes = 32;
inline constexpr CategoryNumber kRecording = v1::DATA_CATEGORY_RECORDING;
inline constexpr CategoryNumber kPdfShare = v1::DATA_CATEGORY_PDF_SHARE;
inline constexpr CategoryNumber kParticipantName = v1::DATA_CATEGORY_PARTICIPANT_NAME;
inline constexpr CategoryNumber kParticipantEmail = v1::DATA_CATEGORY_PARTICIPANT_EMAIL;
inline constexpr CategoryNumber kMeetingName = v1::DATA_CATEGORY_MEETING_NAME;
inline constexpr CategoryNumber kMeetingComment = v1::DATA_CATEGORY_MEETING_COMMENT;
inline constexpr CategoryNumber kParticipantIp = v1::DATA_CATEGORY_PARTICIPANT_IP;
inline constexpr CategoryNumber kFileShare = v1::DATA_CATEGORY_FILE_SHARE;
inline constexpr CategoryNumber kPoll = v1::DATA_CATEGORY_POLL;
inline constexpr CategoryNumber kMeetingReport = v1::DATA_CATEGORY_MEETING_REPORT;
inline constexpr CategoryNumber kPbxSync = v1::DATA_CATEGORY_PBX_SYNC;
inline constexpr CategoryNumber kDialIn = v1::DATA_CATEGORY_DIAL_IN;
inline constexpr CategoryNumber kChatProtocol = v1::DATA_CATEGORY_CHAT_PROTOCOL;
inline constexpr CategoryNumber kHistory = v1::DATA_CATEGORY_HISTORY;
inline constexpr CategoryNumber kServerLog = v1::DATA_CATEGORY_SERVER_LOG;

// One deletion rule ("Löschregel").
struct DeletionRule {
  v1::StartingPoint starting_point = v1::STARTING_POINT_UNSPECIFIED;
  CivilPeriod period;
  v1::EndAction action = v1::END_ACTION_UNSPECIFIED;
  bool erasure_order = false;
  bool ends_with_pbx = false;
  CivilPeriod anonymised_period;  // kNone: the anonymised form stays
  CivilPeriod extended_period;    // kNone: cannot be extended
};

// What ends a PBX without being asked, beside an expired licence.
struct PbxEndRules {
  CivilPeriod no_contact;
  CivilPeriod fqdn_unresolved;
  std::vector<uint32_t> warning_days;  // the earliest warning, with the most days, first
};

// Immutable; thread-safe.
class Policy {
 public:
  // INVALID_ARGUMENT naming rule and field (`rules[3].period`) if anything is missing, double or contradictory.
  static absl::StatusOr<Policy> FromProto(const v1::Policy& proto);
  // The same from protobuf text format.
  static absl::StatusOr<Policy> FromText(std::string_view text);

  uint32_t version() const { return proto_.version(); }
  const absl::TimeZone& zone() const { return zone_; }
  const CutRules& cut() const { return cut_; }
  // REQUIRES: 1 <= category < kCategories.
  const DeletionRule& rule(CategoryNumber category) const { return rules_[category]; }
  const PbxEndRules& pbx_end() const { return pbx_end_; }
  // A backup that is older is deleted.
  absl::Duration backups_kept() const { return backups_kept_; }
  // How long after its last day a cohort stays open for what comes late.
  absl::Duration settling() const { return settling_; }
  const v1::StatisticsPolicy& statistics() const { return proto_.statistics(); }
  const v1::Policy& proto() const { return proto_; }

  // Which key of their PBX values of `category` are sealed under as well.
  PbxKeyUse pbx_key(CategoryNumber category) const {
    if (!rules_[category].ends_with_pbx) return PbxKeyUse::kNotNeeded;
    return rules_[category].erasure_order ? PbxKeyUse::kForOrders : PbxKeyUse::kNeeded;
  }

 private:
  Policy() = default;
  v1::Policy proto_;
  absl::TimeZone zone_;
  CutRules cut_;
  absl::Duration settling_;
  std::array<DeletionRule, kCategories> rules_;
  PbxEndRules pbx_end_;
  absl::Duration backups_kept_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_POLICY_H_
