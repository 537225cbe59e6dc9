// Whatever lies in the files of a key ring, checks that hold included: it is refused with one of its errors, or opens
// and finds keys. The first byte says whether checks are made to hold and whether both replicas have it; then come
// patches of a ring in which something lived and something went: file, offset, byte.
#include <array>
#include <span>
#include <string>
#include <vector>

#include "storage/secrets/hmac.h"
#include "storage/secrets/key_ring.h"
#include "storage/secrets/witness.h"
#include "tests/fuzz/fuzz_directory.h"

namespace retention {
namespace {

const DueDay kDay = DueDay::FromNumber(20500);
constexpr std::array<RingFile, kRingFiles> kFiles = {RingFile::kHead, RingFile::kKeys, RingFile::kPages};
using Replica = std::array<std::string, kRingFiles>;
using Replicas = std::array<Replica, 2>;

KeyRing::Options TheOptions() {
  KeyRing::Options options;
  options.spare_blocks = 1;
  options.random = [drawn = uint8_t{0}](uint8_t* bytes, size_t size) mutable {
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(++drawn * 37);
    return absl::OkStatus();
  };
  return options;
}

std::filesystem::path PathOf(const FuzzDirectory& directory, size_t replica, RingFile file) {
  return directory / (std::string(replica == 0 ? "ring/a/" : "ring/b/") + NameOf(file));
}

// REQUIRES: nothing has it open.
const Replicas& LivedRing(const FuzzDirectory& directory) {
  static const Replicas* const lived = [&] {
    auto ring = KeyRing::Create((directory / "ring").string(), TheOptions());
    MustHold(ring.ok(), "a ring can be made");
    bool done = (*ring)->ForDay(kDay).ok() && (*ring)->ForDay(kDay.Next()).ok();
    std::vector<OwnerNumber> owners;
    for (size_t i = 0; i < kPageNumbers + 10; ++i) {
      const auto owner = (*ring)->NewOwner(DueDay::Open());
      done = done && owner.ok();
      if (owner.ok()) owners.push_back(*owner);
    }
    done = done && (*ring)->DestroyOwners({owners.data() + 3, 2}).ok();
    done = done && (*ring)->DestroyDaysThrough(kDay).ok();
    MustHold(done, "something can live in it");
    ring->reset();
    auto* replicas = new Replicas;
    for (size_t i = 0; i < replicas->size(); ++i) {
      for (const RingFile file : kFiles) {
        std::string& bytes = (*replicas)[i][static_cast<size_t>(file)];
        bytes = FileBytes(PathOf(directory, i, file));
        MustHold(!bytes.empty(), "a replica has all of its files");
      }
    }
    MustHold(KeyRing::Open((directory / "ring").string(), TheOptions()).ok(), "it opens as it was left");
    return replicas;
  }();
  return *lived;
}

ByteSpan SpanOf(std::string& bytes, size_t offset, size_t size) {
  return ByteSpan(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()).subspan(offset, size);
}

// Entries of a ring that was just made, no more than a byte tells apart.
constexpr size_t kPatched = 255;

// As FORMAT.md says that checks are made.
void MakeChecksHold(Replica& replica) {
  std::string& heads = replica[static_cast<size_t>(RingFile::kHead)];
  for (size_t at = 0; at + kHeadBytes <= heads.size(); at += kHeadBytes) {
    const ByteSpan head = SpanOf(heads, at, kHeadBytes);
    const auto check = Sha256({head.first(kHeadBytes - kSha256Bytes)});
    std::copy(check.begin(), check.end(), head.end() - kSha256Bytes);
  }
  std::string& keys = replica[static_cast<size_t>(RingFile::kKeys)];
  for (uint8_t slot = 0; slot < kPatched; ++slot) {
    const ByteSpan entry = SpanOf(keys, kRingFileHeaderBytes + slot * kEntryBytes, kEntryBytes);
    if (IsZero(entry)) continue;
    const std::array<uint8_t, 12> place = {'k', 'e', 'y', 's', 0, 0, 0, 0, 0, 0, 0, slot};
    const auto check = Sha256({place, entry.first(kEntryBytes - 8)});
    std::copy_n(check.begin(), 8, entry.end() - 8);
  }
}

bool IsOneOfItsErrors(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
      return true;
    default:
      return false;
  }
}

}  // namespace
}  // namespace retention

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using retention::KeyRing;
  static const retention::FuzzDirectory directory;
  retention::Replicas replicas = retention::LivedRing(directory);
  retention::FuzzInput input(bytes, size);
  // The other files that lie there, by themselves.
  if (const auto witness = retention::ReadWitness({bytes, size}); witness.has_value()) {
    retention::MustHold(retention::ReadWitness(retention::WitnessBytes(*witness)) == witness, "a witness has one form");
  }
  const uint8_t how = input.TakeByte();
  while (!input.empty()) {
    std::string& file = replicas[0][input.TakeByte() % retention::kRingFiles];
    const size_t offset = input.TakeNumber(2);
    const auto byte = static_cast<char>(input.TakeByte());
    if (offset < file.size()) file[offset] = byte;
  }
  if (how % 2 != 0) retention::MakeChecksHold(replicas[0]);
  if (how / 2 % 2 != 0) replicas[1] = replicas[0];
  for (size_t i = 0; i < replicas.size(); ++i) {
    for (const retention::RingFile file : retention::kFiles) {
      retention::PutFile(retention::PathOf(directory, i, file), replicas[i][static_cast<size_t>(file)]);
    }
  }
  const auto ring = KeyRing::Open((directory / "ring").string(), retention::TheOptions());
  if (!ring.ok()) {
    retention::MustHold(retention::IsOneOfItsErrors(ring.status()), "a ring is refused with one of its errors");
    return 0;
  }
  for (retention::DueDay day : {retention::kDay, retention::kDay.Next()}) {
    const bool is_gone = day.number() <= (*ring)->destroyed_through().number();
    retention::MustHold(!is_gone || !(*ring)->FindDay(day).has_value(), "what was destroyed is not found");
  }
  for (retention::OwnerNumber owner = 1; owner < 2 * retention::kPageNumbers; ++owner) {
    const auto found = (*ring)->FindOwner(owner);
    retention::MustHold(found.ok() || retention::IsOneOfItsErrors(found.status()), "an owner is found, or why not");
  }
  return 0;
}
