// Whatever lies in the file of the ledger's copy: it opens with as many entries as follow from one another, and tells
// them.
#include <string>

#include "storage/secrets/ledger_copy.h"
#include "tests/fuzz/fuzz_directory.h"

namespace retention {
namespace {

constexpr char kIdentity[] = "0123456789abcdef";

// A copy of some entries, which inputs are patches of: offset, number of bytes, bytes.
const std::string& WholeCopy(const FuzzDirectory& directory) {
  static const std::string* const whole = [&] {
    PutFile(directory / "ledger", "");
    std::filesystem::remove(directory / "ledger");
    auto copy = LedgerCopy::Open((directory / "").string(), kIdentity, 0);
    MustHold(copy.ok(), "an empty directory can be opened");
    std::vector<LedgerCopy::Entry> entries;
    std::string hash = LedgerBeginning();
    for (int i = 0; i < 5; ++i) {
      const std::string leaf(static_cast<size_t>(3 + 7 * i), static_cast<char>('a' + i));
      hash = ChainHash(hash, leaf);
      entries.push_back({.leaf = leaf, .hash = hash});
    }
    MustHold((*copy)->Append(entries).ok() && (*copy)->Sync().ok(), "entries that follow can be added");
    return new std::string(FileBytes(directory / "ledger"));
  }();
  return *whole;
}

}  // namespace
}  // namespace retention

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static const retention::FuzzDirectory directory;
  std::string file = retention::WholeCopy(directory);
  retention::FuzzInput input(bytes, size);
  const uint64_t durable = input.TakeByte() % 7;
  file.resize(input.TakeByte() % 2 == 0 ? file.size() : input.TakeNumber(2) % (2 * file.size()));
  while (!input.empty()) {
    const size_t offset = input.TakeNumber(2) % (file.size() + 1);
    const std::string_view patch = input.Take(input.TakeByte());
    file.replace(offset, patch.size(), patch);
  }
  retention::PutFile(directory / "ledger", file);
  const auto copy = retention::LedgerCopy::Open((directory / "").string(), retention::kIdentity, durable);
  if (!copy.ok()) {
    retention::MustHold(absl::IsFailedPrecondition(copy.status()), "a copy that is refused is of another ring");
    return 0;
  }
  uint64_t told = 0;
  std::string head = retention::LedgerBeginning();
  const absl::Status visited = (*copy)->Visit(0, [&](uint64_t sequence, const retention::LedgerCopy::Entry& entry) {
    retention::MustHold(sequence == told + 1, "entries are told in order");
    head = retention::ChainHash(head, entry.leaf);
    retention::MustHold(entry.hash == head, "each follows from the one before");
    ++told;
    return true;
  });
  retention::MustHold(visited.ok() || absl::IsDataLoss(visited), "what does not follow is DATA_LOSS");
  if (visited.ok()) retention::MustHold(told == (*copy)->size() && head == (*copy)->head(), "all of it is told");
  return 0;
}
