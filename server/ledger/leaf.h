// The bytes of the ledger: an entry as a leaf, and the row that holds it. See FORMAT.md.
//
// A leaf is one string of bytes that says all of an entry and has one form only, so that a chain, or a tree over
// leaves, needs nothing else. Version 2 begins with its version. Version 1 is still read, and begins with the first
// field of its message.
#ifndef RETENTION_SERVER_LEDGER_LEAF_H_
#define RETENTION_SERVER_LEDGER_LEAF_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "retention/stored/v1/ledger.pb.h"
#include "storage/ledger_chain.h"

namespace retention {

// Of version 2. REQUIRES: `entry` has no hash, and its leaf no more than kLeafBytesMax bytes.
std::string LeafOf(const stored::v1::LedgerEntry& entry);
// nullopt unless `leaf` is an entry's one form, in either version.
std::optional<stored::v1::LedgerEntry> ReadLeaf(std::string_view leaf);

struct LedgerRow {
  std::string leaf;
  std::string hash;  // of the chain up to it
  stored::v1::LedgerEntry entry;
};
// REQUIRES: `leaf` is one.
std::string RowOf(std::string_view leaf, std::string_view hash);
// nullopt if it is no row in either version.
std::optional<LedgerRow> ReadRow(std::string_view row);

// What the ledger says of a count by which people could be counted: 0, or the next step of 10, 20, 50, 100, 200, 500,
// ... Sizes outlive what they are of, and the addresses of a day are its participants; from 39 to 40 would show one of
// them, and so would 1, 2, 5.
uint64_t LedgerStep(uint64_t count);
// The same of values of a category; the number itself where they are nobody's.
uint64_t LedgerSize(retention::v1::DataCategory category, uint64_t values);

}  // namespace retention

#endif  // RETENTION_SERVER_LEDGER_LEAF_H_
