// Made-up companies and people. Every name comes from word lists, every address from ranges that are reserved for
// examples (RFC 2606, RFC 5737, RFC 2544, RFC 3849) and every phone number from the block that the Bundesnetzagentur
// keeps for fiction.
#pragma once

#include <string>
#include <vector>

#include "client/simulation/seeded_random.h"
#include "retention/v1/pbx_service.pb.h"

namespace retention {

struct SimulatedPerson {
  std::string participant_id;
  std::string first_name;
  std::string last_name;
  std::string name;  // Display name.
  std::string email;
  std::string ip;  // At work; a reconnection can come from another one.
  std::string client_kind;
  std::string media_site;
  std::string extension;          // Empty for guests from outside.
  double connection_quality = 1;  // 0 (breaks all the time) to 1 (never breaks).
};

struct SimulatedPbx {
  v1::SyncPbxRequest sync;
  std::vector<SimulatedPerson> staff;
  std::vector<SimulatedPerson> guests;
  std::vector<std::string> dial_in_numbers;
};

// What the simulation's people use; a policy that lists the same names gets no OTHER.
extern const std::vector<std::string> kSimulatedClientKinds;
extern const std::vector<std::string> kSimulatedMediaSites;

// PBX number `number` of a platform, with `staff` people and `guests` outsiders. REQUIRES: staff >= 1.
SimulatedPbx MakeSimulatedPbx(int number, int staff, int guests, SeededRandom& random);

// An IPv4 address from a range for tests, or, seldom, an IPv6 address from the range for documentation.
std::string MakeAddress(SeededRandom& random);

// Names and comments of meetings.
std::string MakeMeetingName(SeededRandom& random);
std::string MakeMeetingComment(SeededRandom& random);
std::string MakeChatText(SeededRandom& random);
// One question with its options.
std::vector<std::string> MakePoll(SeededRandom& random);

}  // namespace retention
