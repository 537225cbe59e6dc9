// Whether a notice promises what the policy does.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/notice/promises.h"
#include "retention/v1/policy.pb.h"

namespace retention {

// A promise that the policy does not keep as it is made: longer or shorter, from another starting point, or another
// end.
struct Deviation {
  Promise promise;
  std::string promised;  // In short: "7 days from MEETING_END".
  std::string policy;    // What the policy does, in the language of the notice.
};

struct NoticeCheck {
  size_t promises = 0;
  std::vector<Deviation> deviations;
  std::vector<Sentence> unclear;
  // Categories of which the text promises nothing that was understood.
  std::vector<std::string> silent;
};

NoticeCheck CheckNotice(std::string_view text, const v1::Policy& policy, Language language);

}  // namespace retention
