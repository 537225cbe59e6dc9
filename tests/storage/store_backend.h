// A kind of store, together with what a test does to it from outside.
#ifndef RETENTION_TESTS_STORAGE_STORE_BACKEND_H_
#define RETENTION_TESTS_STORAGE_STORE_BACKEND_H_

#include <memory>
#include <string_view>

#include "storage/store.h"

namespace retention {

// One place that holds one store. Not thread-safe.
class StoreBackend {
 public:
  // Where the next write fails: before any of it is on the disk for good, or just after.
  enum class Fault { kBeforeWrite, kAfterWrite };

  virtual ~StoreBackend() = default;
  // Opens the store, which is new at first. REQUIRES: it is not open.
  virtual std::unique_ptr<Store> Open() = 0;
  // Whether `text` is among the bytes of what is live: files and logs. The store may be open.
  virtual bool Holds(std::string_view text) const = 0;
  // The next write fails, and no other.
  virtual void FailNextWrite(Fault fault) = 0;
};

using MakeStoreBackend = std::unique_ptr<StoreBackend> (*)();
std::unique_ptr<StoreBackend> MakeMapBackend();
// Over a file system that takes orders.
std::unique_ptr<StoreBackend> MakeRocksDbBackend();

}  // namespace retention

#endif  // RETENTION_TESTS_STORAGE_STORE_BACKEND_H_
