// The record of processing activities (Art. 30 GDPR) for programs.
#pragma once

#include <string>

#include "client/notice/notice_facts.h"

namespace retention {

// JSON: policy_version, time_zone, controllers (Art. 30(1)(a), (d), (e) and legal bases), rules (b, c, f), measures
// (g).
std::string WriteRecordJson(const NoticeSource& source, Language language);

}  // namespace retention
