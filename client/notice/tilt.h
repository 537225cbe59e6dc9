// The notice for machines: TILT, the Transparency Information Language (TU Berlin).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/notice/notice_facts.h"
#include "google/protobuf/timestamp.pb.h"

namespace retention {

// A document of the schema tilt-schema.json, version 2.0 of TILT, of one controller: all of its required fields, with
// periods as ISO 8601 durations. `since`: when the policy came into force; the document's time is the later of it and
// of the controller's last description. FAILED_PRECONDITION naming the field of the controller that the schema requires
// and that is missing.
absl::StatusOr<std::string> WriteTilt(const v1::Policy& policy, const v1::Controller& controller,
                                      const google::protobuf::Timestamp& since, Language language);

}  // namespace retention
