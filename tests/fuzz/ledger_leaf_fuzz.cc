// Whatever bytes lie in the place of an entry of the ledger: an entry has one form.
#include <google/protobuf/stubs/logging.h>

#include <string>

#include "server/ledger/leaf.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  // It says of each text that is not UTF-8 that it is none.
  [[maybe_unused]] static auto* const former = google::protobuf::SetLogHandler(nullptr);
  const retention::FuzzInput input(bytes, size);
  if (const auto entry = retention::ReadLeaf(input.rest()); entry.has_value()) {
    const std::string leaf = retention::LeafOf(*entry);
    const auto again = retention::ReadLeaf(leaf);
    retention::MustHold(again.has_value() && retention::LeafOf(*again) == leaf, "a leaf is read as it was written");
    // Version 2 begins with its version.
    if (input.rest().front() == leaf.front()) retention::MustHold(leaf == input.rest(), "an entry has one form");
  }
  if (const auto row = retention::ReadRow(input.rest()); row.has_value()) {
    const auto again = retention::ReadRow(retention::RowOf(row->leaf, row->hash));
    retention::MustHold(again.has_value() && again->leaf == row->leaf && again->hash == row->hash,
                        "a row is read as it was written");
  }
  return 0;
}
