#include "client/simulation/simulated_people.h"

#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace retention {
namespace {

constexpr const char* kFirstNames[] = {
    "Amelie",    "Anton",     "Ayşe",      "Benedikt", "Birgit",    "Björn",   "Carla",     "Cem",
    "Charlotte", "Daniela",   "Dariusz",   "Elif",     "Emil",      "Emma",    "Ferdinand", "Frieda",
    "Georg",     "Greta",     "Hannes",    "Heike",    "Helena",    "Ibrahim", "Ines",      "Jakob",
    "Jasmin",    "Jonas",     "Jörg",      "Karolina", "Katharina", "Klaus",   "Lara",      "Leon",
    "Luise",     "Magdalena", "Malte",     "Marek",    "Marlene",   "Matteo",  "Mehmet",    "Nadine",
    "Nora",      "Oleksandr", "Olga",      "Oskar",    "Paula",     "Petra",   "Philipp",   "Rafael",
    "Rosalie",   "Samira",    "Sebastian", "Sofia",    "Stefan",    "Theresa", "Tobias",    "Ulrike",
    "Valentin",  "Vanessa",   "Wiebke",    "Xaver",    "Yannick",   "Yusuf",   "Zoe",       "Zuzanna"};
constexpr const char* kLastNames[] = {
    "Achterberg",   "Albrecht",    "Bachmann",   "Baumgartner",  "Bergström",       "Brandstetter", "Brückner",
    "Castellani",   "Dąbrowski",   "Demirtaş",   "Diekmann",     "Eberhardt",       "Engelbrecht",  "Falkenstein",
    "Feuerbach",    "Fischbacher", "Gabrielsen", "Gerstenberg",  "Grünwald",        "Haberkorn",    "Heidenreich",
    "Hinrichsen",   "Hohenstein",  "Immendorf",  "Jankowski",    "Jürgensen",       "Kaltenbach",   "Kirchhoff",
    "Kowalczyk",    "Kreuzmann",   "Lindqvist",  "Lichtenberg",  "Löwenthal",       "Marquardt",    "Mühlenbeck",
    "Nachtigall",   "Niedermeier", "Oberländer", "Osterkamp",    "Pfeiffenberger",  "Petrovic",     "Quandt-Reuter",
    "Rabenstein",   "Reichenbach", "Rosenkranz", "Sauerwein",    "Schattschneider", "Schönfelder",  "Steinhauer",
    "Tannhäuser",   "Thorvaldsen", "Uhlenbrock", "Vandenberg",   "Vogelsang",       "Wassermann",   "Weidemann",
    "Wintermantel", "Wolkenhauer", "Yildirim",   "Zangerl-Mayr", "Zeidler",         "Zimmerhackl",  "Zwetkow",
    "Öztürk-Lang"};
constexpr const char* kCompanyFirst[] = {"nordlicht",  "silberbach",  "hafenkante", "waldquell",
                                         "sternwarte", "muehlgraben", "bernstein",  "kranich",
                                         "leuchtturm", "sandhof",     "eisvogel",   "blaufelden"};
constexpr const char* kCompanySecond[] = {"verlag",      "logistik",     "energie",    "kliniken",
                                          "werkzeugbau", "beratung",     "sparkasse",  "software",
                                          "baustoffe",   "versicherung", "stadtwerke", "akademie"};
constexpr const char* kTopics[] = {"Quarterly figures", "Budget review",       "Project kick-off", "Release planning",
                                   "Job interview",     "Customer onboarding", "Design review",    "Works council",
                                   "Security briefing", "Sales pipeline",      "Supplier talks",   "Retrospective"};
constexpr const char* kSubjects[] = {"Aurora",    "Basilisk",  "Cassiopeia", "Delphin", "Emerald",
                                     "Feldstein", "Gletscher", "Horizont",   "Ikarus",  "Jupiter",
                                     "Kompass",   "Lavendel",  "Meridian",   "Nautilus"};
constexpr const char* kWishes[] = {"Please read the minutes of the last meeting beforehand.",
                                   "Bring your own figures.",
                                   "Confidential: do not pass this invitation on.",
                                   "The room is booked until noon.",
                                   "Camera on, if you can.",
                                   "Slides will follow by e-mail."};
constexpr const char* kChatTexts[] = {"The figures are in the second annex.",      "Could you share that page again?",
                                      "I agree, let us put it to the vote.",       "Who writes the minutes today?",
                                      "Please note my objection in the protocol.", "The deadline was moved to Friday."};

// Reserved for tests and documentation: 198.18.0.0/15 and 2001:db8::/32.
std::string MakeIpv4(SeededRandom& random) {
  const uint32_t bits = random.Below(1 << 17);
  return absl::StrFormat("198.%d.%d.%d", 18 + (bits >> 16), (bits >> 8) & 0xff, bits & 0xff);
}

std::string AsciiName(const std::string& name) {
  return absl::AsciiStrToLower(absl::StrReplaceAll(
      name, {{"ä", "ae"}, {"ö", "oe"}, {"ü", "ue"}, {"Ö", "Oe"}, {"ş", "s"}, {"ą", "a"}, {"ß", "ss"}}));
}

std::string MakeCompany(int number, SeededRandom& random) {
  std::string name = absl::StrCat(random.Pick(kCompanyFirst), "-", random.Pick(kCompanySecond));
  return absl::StrCat(name, "-", number);
}

constexpr std::array<double, 8> kClientWeights = {32, 14, 9, 12, 12, 9, 8, 4};
constexpr std::array<double, 4> kSiteWeights = {50, 25, 15, 10};

SimulatedPerson MakePerson(const std::string& participant_id, const std::string& company, int number, int home_site,
                           SeededRandom& random) {
  SimulatedPerson person;
  person.participant_id = participant_id;
  person.first_name = random.Pick(kFirstNames);
  person.last_name = random.Pick(kLastNames);
  person.name = absl::StrCat(person.first_name, " ", person.last_name);
  person.email =
      absl::StrCat(AsciiName(person.first_name), ".", AsciiName(person.last_name), number, "@", company, ".example");
  person.ip = MakeAddress(random);
  person.client_kind = kSimulatedClientKinds[random.Weighted(kClientWeights)];
  // Most people of a company use the site next to it.
  person.media_site = kSimulatedMediaSites[random.Chance(0.85) ? home_site : random.Weighted(kSiteWeights)];
  person.connection_quality = random.Chance(0.15) ? 0.5 + 0.3 * random.Unit() : 0.93 + 0.07 * random.Unit();
  return person;
}

}  // namespace

const std::vector<std::string> kSimulatedClientKinds = {"web-chrome", "web-firefox", "web-safari", "web-edge",
                                                        "desktop",    "ios",         "android",    "phone"};
const std::vector<std::string> kSimulatedMediaSites = {"fra", "ams", "par", "lon"};

std::string MakeAddress(SeededRandom& random) {
  if (!random.Chance(0.2)) return MakeIpv4(random);
  return absl::StrFormat("2001:db8:%x:%x::%x", 0x1000 + random.Below(0xefff), 0x1000 + random.Below(0xefff),
                         0x1000 + random.Below(0xefff));
}

SimulatedPbx MakeSimulatedPbx(int number, int staff, int guests, SeededRandom& random) {
  SimulatedPbx pbx;
  const std::string company = MakeCompany(number, random);
  const int home_site = random.Weighted(kSiteWeights);
  pbx.sync.set_pbx_id(absl::StrCat("pbx-", number));
  pbx.sync.set_controller_id(absl::StrCat("controller-", number));
  auto* profile = pbx.sync.mutable_profile();
  profile->set_ip(MakeIpv4(random));
  profile->set_fqdn(absl::StrCat("pbx.", company, ".example"));
  profile->set_webmeeting_fqdn(absl::StrCat("meet.", company, ".example"));
  profile->set_licence_key(
      absl::StrFormat("%04X-%08X-%08X", number, random.Below(0xffffffff), random.Below(0xffffffff)));
  for (int i = 0; i < staff; ++i) {
    SimulatedPerson person = MakePerson(absl::StrCat("user-", i + 1), company, i + 1, home_site, random);
    person.extension = absl::StrCat(1001 + i);
    auto* extension = pbx.sync.add_extensions();
    extension->set_number(person.extension);
    extension->set_email(person.email);
    extension->set_vanity_url_name(absl::StrCat(AsciiName(person.last_name), "-", i + 1));
    extension->set_first_name(person.first_name);
    extension->set_last_name(person.last_name);
    pbx.staff.push_back(std::move(person));
  }
  for (int i = 0; i < guests; ++i) {
    const std::string outside = MakeCompany(100 + number, random);
    pbx.guests.push_back(
        MakePerson(absl::StrCat("guest-", i + 1), outside, i + 1, random.Weighted(kSiteWeights), random));
  }
  for (const char* prefix : {"+49 30 23125 ", "+49 69 90009 "}) {
    pbx.dial_in_numbers.push_back(absl::StrFormat("%s%03d", prefix, random.Below(1000)));
  }
  return pbx;
}

std::string MakeMeetingName(SeededRandom& random) {
  return absl::StrCat(random.Pick(kTopics), " ", random.Pick(kSubjects), " with ", random.Pick(kLastNames));
}

std::string MakeMeetingComment(SeededRandom& random) {
  return absl::StrCat(random.Pick(kWishes), " Questions to ", random.Pick(kFirstNames), " ", random.Pick(kLastNames),
                      ".");
}

std::string MakeChatText(SeededRandom& random) {
  return absl::StrCat(random.Pick(kFirstNames), ": ", random.Pick(kChatTexts));
}

std::vector<std::string> MakePoll(SeededRandom& random) {
  return {absl::StrCat("Shall ", random.Pick(kFirstNames), " ", random.Pick(kLastNames), " lead project ",
                       random.Pick(kSubjects), "?"),
          "Yes, from next month", "No, somebody else", "I abstain from this"};
}

}  // namespace retention
