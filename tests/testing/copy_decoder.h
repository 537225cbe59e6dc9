// Opens the rows of a copy of a store with the keys of a ring as it lies, by storage/FORMAT.md alone: what somebody
// could read who got hold of both.
#ifndef RETENTION_TESTS_TESTING_COPY_DECODER_H_
#define RETENTION_TESTS_TESTING_COPY_DECODER_H_

#include <string>
#include <string_view>

#include "tests/testing/map_store.h"
#include "tests/testing/ring_decoder.h"

namespace retention {

// All plaintexts, one after the other: of rows of family `filed`, and of sealed rows of family `state`, with what is
// sealed in locators.
std::string OpenCopy(const MapStore::Rows& rows, const DecodedRing& ring);

// Whether a copy tells that a meeting of this id was held by a PBX of it, to whoever has the ring, and guesses the id.
bool TellsOfMeeting(const MapStore::Rows& rows, const DecodedRing& ring, const std::string& meeting_id);

}  // namespace retention

#endif  // RETENTION_TESTS_TESTING_COPY_DECODER_H_
