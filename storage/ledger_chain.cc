#include "storage/ledger_chain.h"

#include <openssl/sha.h>

#include <cstdint>

namespace retention {

std::string ChainHash(std::string_view previous, std::string_view leaf) {
  std::string text;
  text.reserve(previous.size() + leaf.size());
  text.append(previous).append(leaf);
  std::string hash(kLedgerHashBytes, '\0');
  SHA256(reinterpret_cast<const uint8_t*>(text.data()), text.size(), reinterpret_cast<uint8_t*>(hash.data()));
  return hash;
}

}  // namespace retention
