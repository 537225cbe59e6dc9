#include "server/anonymisation/cohort_records.h"

#include <openssl/crypto.h>
#include <sys/mman.h>

#include <algorithm>
#include <utility>

namespace retention {
namespace {

constexpr size_t kFirstRecords = size_t{1} << 16;

size_t BytesOf(size_t records) { return records * sizeof(CohortRecord); }

}  // namespace

CohortRecords::CohortRecords(CohortRecords&& other) noexcept
    : records_(std::exchange(other.records_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)),
      overfull_(other.overfull_) {}

CohortRecords::~CohortRecords() { Wipe(); }

void CohortRecords::Wipe() {
  if (records_ == nullptr) return;
  OPENSSL_cleanse(records_, BytesOf(size_));
  munmap(records_, BytesOf(capacity_));
  records_ = nullptr;
  size_ = capacity_ = 0;
}

bool CohortRecords::Grow() {
  if (capacity_ == kMost) return false;
  const size_t capacity = capacity_ == 0 ? kFirstRecords : std::min(kMost, capacity_ * 2);
  // Pages that nobody has written to take no memory.
  void* const memory = records_ == nullptr ? mmap(nullptr, BytesOf(capacity), PROT_READ | PROT_WRITE,
                                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                                           : mremap(records_, BytesOf(capacity_), BytesOf(capacity), MREMAP_MAYMOVE);
  if (memory == MAP_FAILED) return false;
  // What a core dump would show.
  madvise(memory, BytesOf(capacity), MADV_DONTDUMP);
  records_ = static_cast<CohortRecord*>(memory);
  capacity_ = capacity;
  return true;
}

void CohortRecords::Add(const CohortRecord& record) {
  if (size_ == capacity_ && !Grow()) {
    overfull_ = true;
    return;
  }
  records_[size_++] = record;
}

}  // namespace retention
