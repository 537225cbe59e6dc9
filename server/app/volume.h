// Where the ring lies: what overwriting there is worth.
#ifndef RETENTION_SERVER_APP_VOLUME_H_
#define RETENTION_SERVER_APP_VOLUME_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace retention {

// The name of a file system that does not write over old blocks, but beside them: what was destroyed there may be found
// on the disk. Empty for others. `magic`: statfs(2), f_type.
std::string_view CopyOnWriteName(uint64_t magic);
// That of the one that `directory` lies on; empty also if that cannot be told.
std::string_view CopyOnWriteNameOf(const std::string& directory);
// Whether two directories lie on one file system, so that whoever copies the volume has both. False if that cannot be
// told.
bool ShareVolume(const std::string& a, const std::string& b);

}  // namespace retention

#endif  // RETENTION_SERVER_APP_VOLUME_H_
