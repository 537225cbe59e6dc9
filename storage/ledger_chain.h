// How entries of the ledger hang together, wherever they lie.
#ifndef RETENTION_STORAGE_LEDGER_CHAIN_H_
#define RETENTION_STORAGE_LEDGER_CHAIN_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace retention {

inline constexpr size_t kLedgerHashBytes = 32;
// Of an entry (its leaf). In a bundle of a tree's tiles a leaf has its length before it, in two bytes.
inline constexpr size_t kLeafBytesMax = 65535;

// Before the first entry.
inline std::string LedgerBeginning() { return std::string(kLedgerHashBytes, '\0'); }
// SHA-256 over the hash before and the leaf.
std::string ChainHash(std::string_view previous, std::string_view leaf);

}  // namespace retention

#endif  // RETENTION_STORAGE_LEDGER_CHAIN_H_
