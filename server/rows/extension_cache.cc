#include "server/rows/extension_cache.h"

#include "text/normal_address.h"

namespace retention {

void ExtensionCache::Forget() {
  numbers_.clear();
  addresses_.clear();
}

absl::StatusOr<std::optional<OwnerId>> ExtensionCache::Find(const PbxId& pbx, const ExtensionName& name,
                                                            int64_t time_us) {
  if (!name.id.empty()) return FindHolder(holdings_.store, holdings_.vault, pbx, name, time_us);
  if (name.number.empty()) return std::nullopt;
  if (numbers_.size() >= kMaxEntries) Forget();
  const auto [it, inserted] = numbers_.try_emplace(std::make_pair(pbx, std::string(name.number)));
  if (inserted) {
    auto tenures = ReadTenures(holdings_.store, holdings_.vault, NumberKey(holdings_.vault, pbx, name.number));
    if (!tenures.ok()) {
      numbers_.erase(it);
      return tenures.status();
    }
    it->second = tenures->has_value() ? **std::move(tenures) : FirstTenures(holdings_.vault, pbx, name.number);
  }
  return it->second.At(time_us);
}

absl::StatusOr<std::string> ExtensionCache::AddressOf(const PbxId& pbx, const OwnerId& holder) {
  if (addresses_.size() >= kMaxEntries) Forget();
  const auto [it, inserted] = addresses_.try_emplace(std::make_pair(pbx, holder), std::string());
  if (inserted) {
    const auto extension = ReadExtension(holdings_.store, holdings_.vault, pbx, holder);
    if (!extension.ok()) {
      addresses_.erase(it);
      return extension.status();
    }
    if (extension->has_value()) it->second = Personal(NormalAddress((*extension)->email()));
  }
  return it->second.Reveal();
}

}  // namespace retention
