#include "storage/secrets/cipher_pool.h"

#include <gtest/gtest.h>

namespace retention {
namespace {

// A mark that a context keeps until it is freed.
char mark;
void Mark(const CipherPool::Cipher& cipher) { EVP_CIPHER_CTX_set_app_data(cipher.get(), &mark); }
bool IsMarked(const CipherPool::Cipher& cipher) { return EVP_CIPHER_CTX_get_app_data(cipher.get()) == &mark; }

TEST(CipherPool, LendsWhatWasGivenBack) {
  CipherPool pool;
  Mark(pool.Borrow());
  EXPECT_TRUE(IsMarked(pool.Borrow()));
}

TEST(CipherPool, AContextThatLayIdleAtAForget_IsNotLentAgain) {
  CipherPool pool;
  Mark(pool.Borrow());
  pool.Forget();
  EXPECT_FALSE(IsMarked(pool.Borrow()));
}

// It holds the schedule of a key that may have been destroyed meanwhile.
TEST(CipherPool, AContextThatWasLentAtAForget_IsNotLentAgain) {
  CipherPool pool;
  {
    const CipherPool::Cipher cipher = pool.Borrow();
    Mark(cipher);
    pool.Forget();
  }
  EXPECT_FALSE(IsMarked(pool.Borrow()));
}

}  // namespace
}  // namespace retention
