// The oracle's extensions of a PBX: persons, at numbers for a time.
#ifndef RETENTION_TESTS_SIMULATION_STAFF_MODEL_H_
#define RETENTION_TESTS_SIMULATION_STAFF_MODEL_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "retention/v1/event.pb.h"

namespace retention::simulation {

// Persons are counted as they come up; 0 is nobody. Who has not come yet is a person already.
using Person = uint64_t;

class StaffModel {
 public:
  struct Held {
    int64_t named_us = 0;
    v1::Extension extension;
  };

  // Whom a name means at a time: an id, else a number. 0 if neither is given.
  Person Named(const std::string& number, const std::string& id, int64_t time_us);
  bool IsHeld(Person person) const { return held_.contains(person); }
  bool IsRemoved(Person person) const { return removed_.contains(person); }
  // Who is held at a number now; 0 if nobody is.
  Person HeldAt(const std::string& number) const;
  Person HeldWith(const std::string& id) const;
  // The number that a person has; empty if they are not held.
  std::string NumberOf(Person person) const;
  const std::map<Person, Held>& held() const { return held_; }

  // All that are there now, or one. Who has been removed by that; each of them has left.
  std::vector<Person> Sync(const v1::PbxSynced& synced, int64_t time_us);
  // False if something newer is known of it: nothing changed.
  bool SyncOne(const v1::Extension& extension, int64_t time_us, std::vector<Person>& removed);
  // Removes who is there, or who comes yet.
  void Remove(Person person, int64_t time_us);
  // Who is removed by that; 0 for nobody.
  Person RemoveUnknown(const std::string& number, const std::string& id, int64_t time_us);
  // When a number was last spoken of, or came to be vacant.
  int64_t LastSaidOf(const std::string& number) const;
  // When anything was last said of any of them.
  int64_t LastSaid() const;

 private:
  struct Number {
    std::vector<std::pair<int64_t, Person>> tenures;
    Person next = 0;  // who comes after the last of them
  };
  using Told = std::vector<const v1::Extension*>;

  Number& NumberNamed(const std::string& number);
  // Whether who had an id was removed after `time_us`, and nobody has it.
  bool WentAfter(const std::string& id, int64_t time_us) const;
  void Leave(const std::string& number, int64_t time_us);
  std::vector<Person> Match(const std::vector<Person>& candidates, const Told& told) const;
  std::vector<Person> Take(const std::vector<Person>& candidates, const Told& told, bool all, int64_t time_us);

  Person last_person_ = 0;
  std::map<Person, Held> held_;
  std::set<Person> removed_;
  std::map<std::string, Number> numbers_;
  std::map<std::string, std::vector<std::pair<int64_t, Person>>> ids_;  // 0: nobody has it
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_STAFF_MODEL_H_
