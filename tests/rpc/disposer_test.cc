#include "server/rpc/disposer.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <thread>

namespace retention {
namespace {

TEST(Disposer, LetsDieOnAThreadOfItsOwnAndAllBeforeItsEnd) {
  int died = 0;  // on the one thread
  std::promise<std::thread::id> first;
  {
    Disposer disposer;
    disposer.Dispose(std::shared_ptr<void>(nullptr, [&](void*) {
      ++died;
      first.set_value(std::this_thread::get_id());
    }));
    EXPECT_NE(first.get_future().get(), std::this_thread::get_id());
    for (int i = 0; i < 100; ++i) disposer.Dispose(std::shared_ptr<void>(nullptr, [&](void*) { ++died; }));
  }
  EXPECT_EQ(died, 101);
}

}  // namespace
}  // namespace retention
