// Whatever is brought as a key, a checkpoint or a proof of the ledger: nothing that was not signed is believed.
#include <string>

#include "client/ledger/ledger_note.h"
#include "client/ledger/ledger_proofs.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  retention::FuzzInput input(bytes, size);
  const std::string text(input.rest());
  if (const auto key = retention::ParseLedgerKey(text); key.ok()) {
    retention::MustHold(key->id.size() == 4 && key->public_key.size() == 32, "a key is whole");
  }
  // A key whose private half nobody has: no input is signed by it.
  retention::LedgerKey key;
  key.origin = "retention.example/ledger";
  key.id = std::string("\x01\x02\x03\x04");
  key.public_key = std::string(32, '\x17');
  retention::MustHold(!retention::VerifyCheckpoint(text, key).ok(), "no checkpoint is believed");
  retention::MustHold(!retention::VerifyEntryProof(text, key).ok(), "no proof is believed");
  // Proofs of shapes that do not fit.
  const uint64_t index = input.TakeNumber(4);
  retention::LedgerHead head{.size = input.TakeNumber(4), .root = std::string(input.Take(retention::kHashBytes))};
  std::vector<std::string> hashes;
  while (!input.empty()) hashes.emplace_back(input.Take(retention::kHashBytes));
  retention::MustHold(!retention::VerifyInclusion(index, retention::HashOfLeaf("leaf"), hashes, head).ok(),
                      "no inclusion is believed");
  return 0;
}
