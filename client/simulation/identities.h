// Every personal string of a set of events, so that a later search of a data directory knows what to look for.
#pragma once

#include <ostream>
#include <set>
#include <string>
#include <utility>

#include "retention/v1/category.pb.h"
#include "retention/v1/event.pb.h"

namespace retention {

// Strings shorter than this are left out: extension numbers or first names of four letters turn up in encrypted bytes
// by chance (7 random bytes equal a given string once in 7e16 places).
inline constexpr size_t kSearchableBytesMin = 7;

class Identities {
 public:
  void Add(v1::DataCategory category, const std::string& value);
  void Add(const v1::Event& event);
  void Add(const v1::PbxProfile& profile);
  void Add(const v1::Extension& extension);

  size_t size() const { return values_.size(); }
  const std::set<std::pair<v1::DataCategory, std::string>>& values() const { return values_; }

  // One a line, sorted: "PARTICIPANT_NAME<TAB>Emma Falkenstein".
  void Print(std::ostream& out) const;

 private:
  void AddMeetingEvent(const v1::Event& event);

  std::set<std::pair<v1::DataCategory, std::string>> values_;
};

}  // namespace retention
