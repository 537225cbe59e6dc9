// Table files of backups that are as long as whoever reads them is patient.
#ifndef RETENTION_TESTS_TESTING_LONG_FILES_H_
#define RETENTION_TESTS_TESTING_LONG_FILES_H_

#include <functional>
#include <memory>

namespace rocksdb {
class FileSystem;
}

namespace retention {

// Thread-safe.
class LongFiles {
 public:
  // Patience ends after so many reads.
  static constexpr int kReadsMax = 2000;

  LongFiles();
  ~LongFiles();
  // What backups take as their file system.
  std::shared_ptr<rocksdb::FileSystem> file_system() const;
  // Files that are opened from now on are long; before each of their reads `on_read` is called.
  void Begin(std::function<void()> on_read);
  int reads() const;

 private:
  class Stretched;
  std::shared_ptr<Stretched> stretched_;
};

}  // namespace retention

#endif  // RETENTION_TESTS_TESTING_LONG_FILES_H_
