// Why values ended before their day, or with it: the ledger's words.
#ifndef RETENTION_SERVER_LEDGER_REASONS_H_
#define RETENTION_SERVER_LEDGER_REASONS_H_

#include <string_view>

namespace retention {

inline constexpr std::string_view kReasonMeetingEnded = "MEETING_ENDED";
inline constexpr std::string_view kReasonMeetingDeleted = "MEETING_DELETED";
inline constexpr std::string_view kReasonDayMovedIntoPast = "DAY_MOVED_INTO_PAST";
inline constexpr std::string_view kReasonExtensionRemoved = "EXTENSION_REMOVED";
inline constexpr std::string_view kReasonPollDeleted = "POLL_DELETED";
inline constexpr std::string_view kReasonRectified = "RECTIFIED";
inline constexpr std::string_view kReasonReplaced = "REPLACED";
inline constexpr std::string_view kReasonHoldReleased = "HOLD_RELEASED";
// Nobody could read it any more: a key that it needs is gone.
inline constexpr std::string_view kReasonKeyGone = "KEY_GONE";
// Of a loss: keys were damaged in all replicas of the ring.
inline constexpr std::string_view kReasonKeysDamaged = "KEYS_DAMAGED";
// Not before its day.
inline constexpr std::string_view kReasonDue = "DUE";
inline constexpr std::string_view kReasonPbxDeregistered = "PBX_DEREGISTERED";
inline constexpr std::string_view kReasonLicenceExpired = "LICENCE_EXPIRED";
inline constexpr std::string_view kReasonPbxNotRegistered = "PBX_NOT_REGISTERED";
inline constexpr std::string_view kReasonPbxInactive = "PBX_INACTIVE";
inline constexpr std::string_view kReasonNoContact = "PBX_NO_CONTACT";
inline constexpr std::string_view kReasonFqdnUnresolved = "PBX_FQDN_UNRESOLVED";
// Of a correction of the clock: on whose word.
inline constexpr std::string_view kReasonRestarted = "RESTARTED";
inline constexpr std::string_view kReasonVouchedFor = "VOUCHED_FOR";
inline constexpr std::string_view kReasonConfirmed = "CONFIRMED";

}  // namespace retention

#endif  // RETENTION_SERVER_LEDGER_REASONS_H_
