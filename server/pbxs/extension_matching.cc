#include "server/pbxs/extension_matching.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "text/normal_address.h"

namespace retention {
namespace {

// An extension, with what it is compared by.
struct Traits {
  explicit Traits(const v1::Extension& extension) : is(extension), address(NormalAddress(extension.email())) {}

  const v1::Extension& is;
  std::string address;
};

bool SameName(const Traits& a, const Traits& b) {
  return a.is.first_name() == b.is.first_name() && a.is.last_name() == b.is.last_name();
}

bool IsNamed(const Traits& who) { return !who.is.first_name().empty() || !who.is.last_name().empty(); }

bool CanBe(const Traits& held, const Traits& told) {
  return held.is.extension_id().empty() || told.is.extension_id().empty() ||
         held.is.extension_id() == told.is.extension_id();
}

std::vector<Traits> TraitsOf(std::span<const v1::Extension* const> extensions) {
  std::vector<Traits> traits;
  traits.reserve(extensions.size());
  for (const v1::Extension* extension : extensions) traits.emplace_back(*extension);
  return traits;
}

// What is told of, held against what is held, in passes.
class Matching {
 public:
  Matching(std::vector<Traits> held, std::vector<Traits> told)
      : held_(std::move(held)), told_(std::move(told)), taken_(held_.size()), matches_(told_.size()) {}

  // Matches what has the same key, if it alone has it and `is_same`; an empty key is none.
  template <typename Key, typename IsSame>
  void Pass(const Key& key_of, const IsSame& is_same) {
    constexpr size_t kSeveral = SIZE_MAX;
    const auto index = [&](const std::vector<Traits>& all, const auto& is_left) {
      std::map<std::string_view, size_t> found;
      for (size_t i = 0; i < all.size(); ++i) {
        const std::string_view key = key_of(all[i]);
        if (key.empty() || !is_left(i)) continue;
        if (const auto [it, inserted] = found.emplace(key, i); !inserted) it->second = kSeveral;
      }
      return found;
    };
    const auto held = index(held_, [&](size_t i) { return !taken_[i]; });
    const auto told = index(told_, [&](size_t i) { return !matches_[i].has_value(); });
    for (const auto& [key, i] : told) {
      const auto found = held.find(key);
      if (i == kSeveral || found == held.end() || found->second == kSeveral) continue;
      const Traits& who = held_[found->second];
      if (!CanBe(who, told_[i]) || !is_same(who, told_[i])) continue;
      matches_[i] = found->second;
      taken_[found->second] = true;
    }
  }

  std::vector<std::optional<size_t>> Take() { return std::move(matches_); }

 private:
  std::vector<Traits> held_;
  std::vector<Traits> told_;
  std::vector<bool> taken_;
  std::vector<std::optional<size_t>> matches_;
};

}  // namespace

std::vector<std::optional<size_t>> MatchExtensions(std::span<const v1::Extension* const> held,
                                                   std::span<const v1::Extension* const> told) {
  const auto id = [](const Traits& who) -> std::string_view { return who.is.extension_id(); };
  const auto number = [](const Traits& who) -> std::string_view { return who.is.number(); };
  const auto address = [](const Traits& who) -> std::string_view { return who.address; };
  Matching matching(TraitsOf(held), TraitsOf(told));
  matching.Pass(id, [](const Traits&, const Traits&) { return true; });
  matching.Pass(number, [](const Traits& was, const Traits& is) {
    return (!was.address.empty() && was.address == is.address) || (IsNamed(was) && SameName(was, is));
  });
  matching.Pass(address, [](const Traits&, const Traits&) { return true; });
  matching.Pass(number, [](const Traits& was, const Traits& is) {
    return was.address.empty() || is.address.empty() || was.address == is.address || SameName(was, is);
  });
  return matching.Take();
}

}  // namespace retention
