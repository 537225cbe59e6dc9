// Locks whose use the compiler checks: deploy/lint.sh runs clang's thread-safety analysis over all that includes this.
//
// Say with ABSL_GUARDED_BY(mutex_) what a lock protects, and with ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) which functions
// are to be called under it. libstdc++'s locks carry no annotations, so these wrap them. absl::Mutex does carry them,
// but ThreadSanitizer cannot see into an absl that was built without it, as Debian's is, and reports races that are
// none.
#ifndef RETENTION_STORAGE_MUTEX_H_
#define RETENTION_STORAGE_MUTEX_H_

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

namespace retention {

class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }
  // Whether it could be had at once.
  bool TryLock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) { return mutex_.try_lock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

// Holds `mutex` to the end of its scope, but for what stands between an Unlock and the Lock that follows it.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) { mutex_.Lock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  ~MutexLock() ABSL_UNLOCK_FUNCTION() {
    if (held_) mutex_.Unlock();
  }

  // REQUIRES: held.
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    held_ = false;
    mutex_.Unlock();
  }
  // REQUIRES: not held.
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    mutex_.Lock();
    held_ = true;
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

// A condition over what a Mutex guards. All waits let go of `mutex` meanwhile, and hold it again when they return.
//
// A condition that is a lambda says what it reads under: [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ...; }
class CondVar {
 public:
  CondVar() = default;
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  void NotifyOne() { changed_.notify_one(); }
  void NotifyAll() { changed_.notify_all(); }

  // Returns after a notification, or for no reason.
  void Wait(Mutex& mutex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    Borrowed lock(mutex);
    changed_.wait(lock.lock);
  }
  // The same, and also after `wait`.
  void WaitFor(Mutex& mutex, absl::Duration wait) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    Borrowed lock(mutex);
    changed_.wait_for(lock.lock, Bounded(wait));
  }

  template <typename Condition>
  void Await(Mutex& mutex, Condition holds) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    Borrowed lock(mutex);
    changed_.wait(lock.lock, holds);
  }
  // Whether the condition holds, be it only after `wait`.
  template <typename Condition>
  bool AwaitFor(Mutex& mutex, absl::Duration wait, Condition holds) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    Borrowed lock(mutex);
    return changed_.wait_for(lock.lock, Bounded(wait), holds);
  }

 private:
  // The lock that the caller holds, in the form that a std::condition_variable takes.
  struct Borrowed {
    explicit Borrowed(Mutex& mutex) : lock(mutex.mutex_, std::adopt_lock) {}
    ~Borrowed() { lock.release(); }
    std::unique_lock<std::mutex> lock;
  };
  // The end of an infinite wait would be beyond what a clock can say.
  static std::chrono::nanoseconds Bounded(absl::Duration wait) {
    return absl::ToChronoNanoseconds(std::min(wait, absl::Hours(24 * 365)));
  }

  std::condition_variable changed_;
};

// Many readers or one writer.
class ABSL_LOCKABLE SharedMutex {
 public:
  SharedMutex() = default;
  SharedMutex(const SharedMutex&) = delete;
  SharedMutex& operator=(const SharedMutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }
  void ReaderLock() ABSL_SHARED_LOCK_FUNCTION() { mutex_.lock_shared(); }
  void ReaderUnlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};

class ABSL_SCOPED_LOCKABLE WriterLock {
 public:
  explicit WriterLock(SharedMutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) { mutex_.Lock(); }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;
  ~WriterLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }

 private:
  SharedMutex& mutex_;
};

class ABSL_SCOPED_LOCKABLE ReaderLock {
 public:
  explicit ReaderLock(SharedMutex& mutex) ABSL_SHARED_LOCK_FUNCTION(mutex) : mutex_(mutex) { mutex_.ReaderLock(); }
  ReaderLock(const ReaderLock&) = delete;
  ReaderLock& operator=(const ReaderLock&) = delete;
  ~ReaderLock() ABSL_UNLOCK_FUNCTION() { mutex_.ReaderUnlock(); }

 private:
  SharedMutex& mutex_;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_MUTEX_H_
