// What is kept of a participation while its cohort is built: 24 bytes, in one growing run of memory.
#ifndef RETENTION_SERVER_ANONYMISATION_COHORT_RECORDS_H_
#define RETENTION_SERVER_ANONYMISATION_COHORT_RECORDS_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>

namespace retention {

struct CohortRecord {
  uint64_t person;   // fingerprint: half of the keyed hash
  uint64_t meeting;  // keyed hash
  uint64_t facts;    // packed: see cohort.cc

  friend auto operator<=>(const CohortRecord&, const CohortRecord&) = default;
};
static_assert(sizeof(CohortRecord) == 24);

// Grows without a second copy: its pages are moved, not their contents. Goes back to the system zeroed. Not
// thread-safe.
class CohortRecords {
 public:
  // More participations in one cohort are not counted: 3 GiB.
  static constexpr size_t kMost = size_t{1} << 27;

  CohortRecords() = default;
  CohortRecords(CohortRecords&& other) noexcept;
  CohortRecords(const CohortRecords&) = delete;
  CohortRecords& operator=(const CohortRecords&) = delete;
  ~CohortRecords();

  void Add(const CohortRecord& record);
  // One was not taken in: there were too many, or there was no memory.
  bool overfull() const { return overfull_; }
  size_t size() const { return size_; }
  std::span<CohortRecord> all() { return {records_, size_}; }
  void Wipe();

 private:
  bool Grow();

  CohortRecord* records_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
  bool overfull_ = false;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_COHORT_RECORDS_H_
