#include "server/ops/syslog_framer.h"

#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/str_cat.h"

namespace retention {
namespace {

using Frames = std::vector<std::string>;

// What comes of `stream` if it is read in pieces of `piece` bytes.
Frames Split(const std::string& stream, size_t piece) {
  SyslogFramer framer;
  Frames frames;
  for (size_t begin = 0; begin < stream.size(); begin += piece) {
    framer.Append(std::string_view(stream).substr(begin, piece));
    while (auto frame = framer.Next()) frames.push_back(*frame);
  }
  if (auto frame = framer.Finish()) frames.push_back(*frame);
  return frames;
}

TEST(SyslogFramer, TakesCountedFramesAndLinesInTurn_HoweverTheyArrive) {
  const std::string stream = "5 <1>ab<2>line\n3 <3>\n<4>crlf\r\n\n12 <5>with\nline\n<6>rest";
  const Frames expected{"<1>ab", "<2>line", "<3>", "<4>crlf\r", "<5>with\nline", "<6>rest"};
  for (size_t piece = 1; piece <= stream.size(); ++piece) EXPECT_EQ(Split(stream, piece), expected) << piece;
}

TEST(SyslogFramer, LongFramesAreCutAndTheNextIsFound) {
  constexpr size_t kMax = SyslogFramer::kMaxFrameBytes;
  const std::string large(3 * kMax, 'x');
  for (const size_t piece : {size_t{7}, size_t{1000}, size_t{100000}}) {
    EXPECT_EQ(Split(absl::StrCat(large.size(), " ", large, "3 <1>"), piece), (Frames{std::string(kMax, 'x'), "<1>"}));
    EXPECT_EQ(Split(absl::StrCat(large, "\n<1>\n"), piece), (Frames{std::string(kMax, 'x'), "<1>"}));
  }
}

TEST(SyslogFramer, ALengthThatIsNoneBreaksTheStream) {
  for (const std::string stream : {"0 <1>", "05 <1>ab", "5x<1>ab", "12345678901 <1>", "3<1>"}) {
    SyslogFramer framer;
    framer.Append(stream);
    EXPECT_FALSE(framer.Next().has_value()) << stream;
    EXPECT_TRUE(framer.broken()) << stream;
    framer.Append("<1>\n");
    EXPECT_FALSE(framer.Next().has_value()) << stream;
    EXPECT_FALSE(framer.Finish().has_value()) << stream;
  }
}

TEST(SyslogFramer, AnUnfinishedCountedFrameIsNone) {
  EXPECT_EQ(Split("10 <1>ab", 3), Frames{});
  EXPECT_EQ(Split("10", 1), Frames{});
}

}  // namespace
}  // namespace retention
