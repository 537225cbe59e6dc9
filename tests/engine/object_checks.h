// What is known of objects, against the rows that there are.
#ifndef RETENTION_TESTS_ENGINE_OBJECT_CHECKS_H_
#define RETENTION_TESTS_ENGINE_OBJECT_CHECKS_H_

#include <set>
#include <string>
#include <utility>

#include "tests/engine/test_engine.h"

namespace retention {

// An object: the identifier of its PBX, and its reference.
using HeldObject = std::pair<std::string, std::string>;

// The objects of which a row is held that can be read and has had no order. Expects that each such row is found by its
// object, and nothing else that can be read.
std::set<HeldObject> HeldObjects(const TestEngine& engine);

}  // namespace retention

#endif  // RETENTION_TESTS_ENGINE_OBJECT_CHECKS_H_
