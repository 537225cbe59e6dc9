// Rows of several values: what of a value is as in one before it is left out.
#ifndef RETENTION_SERVER_ROWS_VALUE_CHUNK_H_
#define RETENTION_SERVER_ROWS_VALUE_CHUNK_H_

#include <string>
#include <string_view>

#include "retention/stored/v1/stored.pb.h"

namespace retention {

// The row of `chunk`, whose values are left as the row has them.
std::string PackValues(stored::v1::ValueChunk& chunk);

// What a row holds, whole. False if it does not parse.
bool UnpackValues(std::string_view row, stored::v1::ValueChunk& chunk);

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_VALUE_CHUNK_H_
