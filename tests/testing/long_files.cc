#include "tests/testing/long_files.h"

#include <rocksdb/file_system.h>

#include <atomic>
#include <cstring>
#include <string>
#include <utility>

namespace retention {

class LongFiles::Stretched : public rocksdb::FileSystemWrapper {
 public:
  Stretched() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "LongFiles"; }
  rocksdb::IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                      rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus opened = FileSystemWrapper::NewSequentialFile(path, options, file, debug);
    const bool is_shared = path.find("/shared_checksum/") != std::string::npos;
    if (opened.ok() && is_shared && begun_.load()) *file = std::make_unique<File>(std::move(*file), *this);
    return opened;
  }
  void Begin(std::function<void()> on_read) {
    on_read_ = std::move(on_read);
    begun_.store(true);
  }
  int reads() const { return reads_.load(); }

 private:
  class File : public rocksdb::FSSequentialFileOwnerWrapper {
   public:
    File(std::unique_ptr<rocksdb::FSSequentialFile> file, Stretched& all)
        : FSSequentialFileOwnerWrapper(std::move(file)), all_(all) {}
    rocksdb::IOStatus Read(size_t bytes, const rocksdb::IOOptions&, rocksdb::Slice* result, char* scratch,
                           rocksdb::IODebugContext*) override {
      all_.on_read_();
      if (++all_.reads_ >= kReadsMax) bytes = 0;
      std::memset(scratch, 0, bytes);
      *result = rocksdb::Slice(scratch, bytes);
      return rocksdb::IOStatus::OK();
    }

   private:
    Stretched& all_;
  };

  std::function<void()> on_read_;  // set before begun_
  std::atomic<bool> begun_ = false;
  std::atomic<int> reads_ = 0;
};

LongFiles::LongFiles() : stretched_(std::make_shared<Stretched>()) {}
LongFiles::~LongFiles() = default;
std::shared_ptr<rocksdb::FileSystem> LongFiles::file_system() const { return stretched_; }
void LongFiles::Begin(std::function<void()> on_read) { stretched_->Begin(std::move(on_read)); }
int LongFiles::reads() const { return stretched_->reads(); }

}  // namespace retention
