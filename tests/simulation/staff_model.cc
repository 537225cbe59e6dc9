#include "tests/simulation/staff_model.h"

#include <algorithm>
#include <functional>
#include <limits>

#include "absl/strings/ascii.h"

namespace retention::simulation {
namespace {

constexpr int64_t kEver = std::numeric_limits<int64_t>::min();
constexpr size_t kTenuresKept = 16;

Person AtTime(const std::vector<std::pair<int64_t, Person>>& tenures, int64_t time_us) {
  Person person = 0;
  for (const auto& [from_us, who] : tenures) {
    if (from_us <= time_us) person = who;
  }
  return person;
}

void Begin(std::vector<std::pair<int64_t, Person>>& tenures, int64_t time_us, Person person) {
  tenures.emplace_back(time_us, person);
  if (tenures.size() > kTenuresKept) tenures.erase(tenures.begin());
}

// The workload writes addresses in ASCII.
std::string AddressOf(const v1::Extension& extension) { return absl::AsciiStrToLower(extension.email()); }
std::string NameOf(const v1::Extension& extension) { return extension.first_name() + "\n" + extension.last_name(); }

}  // namespace

StaffModel::Number& StaffModel::NumberNamed(const std::string& number) {
  Number& named = numbers_[number];
  if (named.tenures.empty()) {
    named.tenures.emplace_back(kEver, ++last_person_);
    named.next = ++last_person_;
  }
  return named;
}

Person StaffModel::Named(const std::string& number, const std::string& id, int64_t time_us) {
  if (const auto known = ids_.find(id); !id.empty() && known != ids_.end()) {
    if (const Person person = AtTime(known->second, time_us); person != 0) return person;
  }
  if (number.empty()) return 0;
  const Number& named = NumberNamed(number);
  const Person person = AtTime(named.tenures, time_us);
  const auto held = held_.find(person);
  if (id.empty() || held == held_.end()) return person;
  const std::string& known_id = held->second.extension.extension_id();
  return known_id.empty() || known_id == id ? person : named.next;
}

Person StaffModel::HeldAt(const std::string& number) const {
  for (const auto& [person, held] : held_) {
    if (held.extension.number() == number) return person;
  }
  return 0;
}

Person StaffModel::HeldWith(const std::string& id) const {
  for (const auto& [person, held] : held_) {
    if (!id.empty() && held.extension.extension_id() == id) return person;
  }
  return 0;
}

std::string StaffModel::NumberOf(Person person) const {
  const auto held = held_.find(person);
  return held == held_.end() ? "" : held->second.extension.number();
}

int64_t StaffModel::LastSaidOf(const std::string& number) const {
  const auto named = numbers_.find(number);
  const int64_t from_us = named == numbers_.end() ? kEver : named->second.tenures.back().first;
  const Person person = HeldAt(number);
  return person == 0 ? from_us : std::max(from_us, held_.at(person).named_us);
}

int64_t StaffModel::LastSaid() const {
  int64_t last_us = kEver;
  for (const auto& [number, named] : numbers_) last_us = std::max(last_us, named.tenures.back().first);
  for (const auto& [id, tenures] : ids_) last_us = std::max(last_us, tenures.back().first);
  for (const auto& [person, held] : held_) last_us = std::max(last_us, held.named_us);
  return last_us;
}

void StaffModel::Leave(const std::string& number, int64_t time_us) {
  Number& named = NumberNamed(number);
  Begin(named.tenures, time_us, named.next);
  named.next = ++last_person_;
}

void StaffModel::Remove(Person person, int64_t time_us) {
  const v1::Extension extension = held_.at(person).extension;
  Leave(extension.number(), time_us);
  if (!extension.extension_id().empty()) Begin(ids_[extension.extension_id()], time_us, 0);
  held_.erase(person);
  removed_.insert(person);
}

bool StaffModel::WentAfter(const std::string& id, int64_t time_us) const {
  const auto known = ids_.find(id);
  if (id.empty() || known == ids_.end() || known->second.empty()) return false;
  const auto& [since_us, person] = known->second.back();
  return person == 0 && time_us < since_us;
}

Person StaffModel::RemoveUnknown(const std::string& number, const std::string& id, int64_t time_us) {
  // Who has the id, or had it at most until then.
  if (!id.empty() && !WentAfter(id, time_us - 1)) Begin(ids_[id], time_us, 0);
  if (HeldAt(number) != 0) return 0;
  Number& named = NumberNamed(number);
  if (named.tenures.size() > 1 && !held_.contains(named.tenures[named.tenures.size() - 2].second)) {
    named.tenures.back().first = time_us;
    return 0;
  }
  const Person person = named.tenures.back().second;
  removed_.insert(person);
  Leave(number, time_us);
  return person;
}

// Who each that is told of is; 0 for somebody new. Whoever a criterion fits, and nobody else, is taken, criterion after
// criterion.
std::vector<Person> StaffModel::Match(const std::vector<Person>& candidates, const Told& told) const {
  std::vector<Person> matches(told.size());
  const auto pass = [&](auto key_of, auto fits) {
    const auto before = matches;
    const auto is_taken = [&](Person person) {
      return std::find(before.begin(), before.end(), person) != before.end();
    };
    for (size_t i = 0; i < told.size(); ++i) {
      const std::string key = key_of(*told[i]);
      if (before[i] != 0 || key.empty()) continue;
      const auto same_told = [&](size_t j) { return before[j] == 0 && key_of(*told[j]) == key; };
      size_t others = 0;
      for (size_t j = 0; j < told.size(); ++j) others += j != i && same_told(j);
      std::vector<Person> fitting;
      for (const Person person : candidates) {
        if (!is_taken(person) && key_of(held_.at(person).extension) == key) fitting.push_back(person);
      }
      if (others > 0 || fitting.size() != 1) continue;
      const v1::Extension& was = held_.at(fitting[0]).extension;
      const bool other_id = !was.extension_id().empty() && !told[i]->extension_id().empty() &&
                            was.extension_id() != told[i]->extension_id();
      if (!other_id && fits(was, *told[i])) matches[i] = fitting[0];
    }
  };
  const auto always = [](const v1::Extension&, const v1::Extension&) { return true; };
  const auto number = [](const v1::Extension& extension) { return extension.number(); };
  pass([](const v1::Extension& extension) { return extension.extension_id(); }, always);
  pass(number, [](const v1::Extension& was, const v1::Extension& is) {
    const bool same_address = AddressOf(was) == AddressOf(is) && !is.email().empty();
    return same_address || (NameOf(was) == NameOf(is) && NameOf(is) != "\n");
  });
  pass(AddressOf, always);
  pass(number, [](const v1::Extension& was, const v1::Extension& is) {
    const bool other_address = AddressOf(was) != AddressOf(is) && !was.email().empty() && !is.email().empty();
    return !other_address || NameOf(was) == NameOf(is);
  });
  return matches;
}

std::vector<Person> StaffModel::Take(const std::vector<Person>& candidates, const Told& told, bool all,
                                     int64_t time_us) {
  const std::vector<Person> matches = Match(candidates, told);
  std::vector<Person> gone;
  for (const Person person : candidates) {
    if (std::find(matches.begin(), matches.end(), person) == matches.end()) gone.push_back(person);
  }
  for (const Person person : gone) Remove(person, time_us);
  for (size_t i = 0; i < told.size(); ++i) {
    const std::string number = NumberOf(matches[i]);
    if (matches[i] != 0 && number != told[i]->number()) Leave(number, time_us);
  }
  std::map<Person, Held> now;
  for (size_t i = 0; i < told.size(); ++i) {
    Number& named = NumberNamed(told[i]->number());
    Held held{.named_us = time_us, .extension = *told[i]};
    Person person = matches[i];
    if (person == 0) person = named.tenures.back().second;
    if (matches[i] != 0) {
      const Held& was = held_.at(person);
      if (held.extension.extension_id().empty()) held.extension.set_extension_id(was.extension.extension_id());
      if (was.extension.number() != told[i]->number()) {
        named.tenures.back().second = person;
        const size_t size = named.tenures.size();
        if (size > 1 && named.tenures[size - 2].second == person) named.tenures.pop_back();
      }
      // What a full list repeats was named by itself before.
      if (all && was.extension.SerializeAsString() == held.extension.SerializeAsString()) held.named_us = was.named_us;
    }
    if (const std::string& id = held.extension.extension_id(); !id.empty()) {
      auto& tenures = ids_[id];
      if (tenures.empty()) tenures.emplace_back(kEver, person);
      tenures.back().second = person;
    }
    now[person] = held;
  }
  for (auto& [person, held] : now) held_[person] = held;
  return gone;
}

std::vector<Person> StaffModel::Sync(const v1::PbxSynced& synced, int64_t time_us) {
  std::vector<Person> candidates;
  for (const auto& [person, held] : held_) {
    if (held.named_us <= time_us) candidates.push_back(person);
  }
  Told told;
  for (const v1::Extension& extension : synced.extensions()) {
    const Person elsewhere = HeldWith(extension.extension_id());
    if (elsewhere != 0 && held_.at(elsewhere).named_us > time_us) continue;
    if (LastSaidOf(extension.number()) > time_us || WentAfter(extension.extension_id(), time_us)) continue;
    told.push_back(&extension);
  }
  return Take(candidates, told, /*all=*/true, time_us);
}

bool StaffModel::SyncOne(const v1::Extension& extension, int64_t time_us, std::vector<Person>& removed) {
  const Person there = HeldAt(extension.number());
  const Person with_id = HeldWith(extension.extension_id());
  if (time_us < LastSaidOf(extension.number()) || WentAfter(extension.extension_id(), time_us)) return false;
  if (with_id != 0 && time_us < held_.at(with_id).named_us) return false;
  std::set<Person> candidates = {there, with_id};
  candidates.erase(0);
  removed = Take({candidates.begin(), candidates.end()}, {&extension}, /*all=*/false, time_us);
  return true;
}

}  // namespace retention::simulation
