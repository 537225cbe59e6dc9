// On whose behalf a thread works, as the ledger has it.
#ifndef RETENTION_SERVER_BASE_ACTING_H_
#define RETENTION_SERVER_BASE_ACTING_H_

#include <string>

namespace retention {

// A caller.
struct Actor {
  std::string role;       // "operator"
  std::string principal;  // their opaque id
};

// For as long as it lives what this thread does, and the commands that it waits for do, is done for `actor`; null: for
// nobody but the law. REQUIRES: `actor` outlives it.
class ActingAs {
 public:
  explicit ActingAs(const Actor* actor);
  ~ActingAs();
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;

 private:
  const Actor* const before_;
};

// Null: for nobody.
const Actor* CurrentActor();

}  // namespace retention

#endif  // RETENTION_SERVER_BASE_ACTING_H_
