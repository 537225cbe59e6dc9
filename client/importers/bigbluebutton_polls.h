// The polls of BigBlueButton's events.xml.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <pugixml.hpp>
#include <string>
#include <vector>

namespace retention {

// A poll whose answers are typed starts without options: they are what was typed, like answers together, in the first
// spelling; whether or not it was ever published.
class BigBlueButtonPolls {
 public:
  // `events` in the order of time.
  explicit BigBlueButtonPolls(const std::vector<pugi::xml_node>& events);

  // Whether its options can become more by what comes after: typed answers, until it is published.
  bool IsOpen(const std::string& poll_id) const;

  std::vector<std::string> OptionsOf(const std::string& poll_id) const;
  // Which option a UserRespondedToPollRecordEvent chose; nothing if none that is known.
  std::optional<uint32_t> AnswerOf(const pugi::xml_node& responded) const;

 private:
  struct Poll {
    bool is_typed = true;
    bool is_published = false;
    std::vector<std::string> options;
    std::map<std::string, uint32_t> by_id;    // As the recording counts them.
    std::map<std::string, uint32_t> by_text;  // As ComparedText.
  };

  static void AddOptions(const pugi::xml_node& event, Poll& poll);
  static uint32_t AddOption(const std::string& text, Poll& poll);

  std::map<std::string, Poll> polls_;
};

}  // namespace retention
