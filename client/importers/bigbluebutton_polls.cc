#include "client/importers/bigbluebutton_polls.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/importers/imported_text.h"

namespace retention {
namespace {

std::string EventName(const pugi::xml_node& event) { return event.attribute("eventname").value(); }

}  // namespace

BigBlueButtonPolls::BigBlueButtonPolls(const std::vector<pugi::xml_node>& events) {
  for (const auto& event : events) {
    if (EventName(event) != "PollStartedRecordEvent") continue;
    Poll& poll = polls_[event.child_value("pollId")];
    AddOptions(event, poll);
    poll.is_typed = poll.options.empty();
  }
  for (const auto& event : events) {
    if (EventName(event) != "PollPublishedRecordEvent") continue;
    Poll& poll = polls_[event.child_value("pollId")];
    poll.is_published = true;
    if (poll.is_typed) AddOptions(event, poll);
  }
  for (const auto& event : events) {
    const std::string text(absl::StripAsciiWhitespace(event.child_value("answer")));
    if (EventName(event) != "UserRespondedToPollRecordEvent" || text.empty()) continue;
    Poll& poll = polls_[event.child_value("pollId")];
    if (poll.is_typed) AddOption(text, poll);
  }
}

uint32_t BigBlueButtonPolls::AddOption(const std::string& text, Poll& poll) {
  const auto index = static_cast<uint32_t>(poll.options.size());
  const auto [option, is_new] = poll.by_text.try_emplace(ComparedText(text), index);
  if (is_new) poll.options.push_back(text);
  return option->second;
}

void BigBlueButtonPolls::AddOptions(const pugi::xml_node& event, Poll& poll) {
  google::protobuf::ListValue answers;
  if (!google::protobuf::util::JsonStringToMessage(event.child_value("answers"), &answers).ok()) return;
  const bool is_started = EventName(event) == "PollStartedRecordEvent";
  for (int i = 0; i < answers.values_size(); ++i) {
    const auto& fields = answers.values(i).struct_value().fields();
    const auto key = fields.find("key");
    const auto id = fields.find("id");
    const std::string text = key == fields.end() ? "" : key->second.string_value();
    auto index = static_cast<uint32_t>(poll.options.size());
    if (is_started) {
      // Two options that read alike are two options.
      poll.options.push_back(text);
    } else {
      index = AddOption(text, poll);
    }
    const double number = id == fields.end() ? i : id->second.number_value();
    poll.by_id.try_emplace(absl::StrCat(static_cast<int64_t>(std::clamp(number, -1.0, 1e6))), index);
  }
}

bool BigBlueButtonPolls::IsOpen(const std::string& poll_id) const {
  const auto poll = polls_.find(poll_id);
  return poll == polls_.end() || (poll->second.is_typed && !poll->second.is_published);
}

std::vector<std::string> BigBlueButtonPolls::OptionsOf(const std::string& poll_id) const {
  const auto poll = polls_.find(poll_id);
  return poll == polls_.end() ? std::vector<std::string>() : poll->second.options;
}

std::optional<uint32_t> BigBlueButtonPolls::AnswerOf(const pugi::xml_node& responded) const {
  const auto poll = polls_.find(responded.child_value("pollId"));
  if (poll == polls_.end()) return std::nullopt;
  const auto by_text = poll->second.by_text.find(ComparedText(responded.child_value("answer")));
  if (poll->second.is_typed && by_text != poll->second.by_text.end()) return by_text->second;
  const auto by_id = poll->second.by_id.find(responded.child_value("answerId"));
  if (by_id == poll->second.by_id.end()) return std::nullopt;
  return by_id->second;
}

}  // namespace retention
