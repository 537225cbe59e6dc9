// Runs a target without libFuzzer: on all of its corpus, and on as many variations of it, the same with every run.
//
//   X_replay VARIATIONS FILE_OR_DIRECTORY...
//
// Exits 1 if there is no corpus; a target that finds something ends the process. The last line is what was run.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size);

namespace {

using Random = std::mt19937_64;

std::vector<std::string> ReadCorpus(int argc, char** argv) {
  std::vector<std::filesystem::path> files;
  for (int i = 2; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      files.emplace_back(argv[i]);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> corpus;
  for (const auto& path : files) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

// What breaks parsers: edges of numbers and texts, marks of formats, bytes that are no character.
const std::vector<std::string>& Morsels() {
  static const std::vector<std::string> morsels = {std::string(1, '\0'),
                                                   "\xff",
                                                   "\x7f",
                                                   "\x1b[2J",
                                                   "\n",
                                                   "\r\n",
                                                   "\"",
                                                   "\\",
                                                   "{",
                                                   "}",
                                                   "[",
                                                   "]",
                                                   "<",
                                                   ">",
                                                   "<![CDATA[",
                                                   "&#0;",
                                                   "-1",
                                                   "0",
                                                   "1e999",
                                                   "NaN",
                                                   "18446744073709551616",
                                                   "-9223372036854775809",
                                                   "null",
                                                   "true",
                                                   "\\u0000",
                                                   "\\ud800",
                                                   "\xc3",
                                                   "\xe2\x80\xae",
                                                   std::string(300, 'a'),
                                                   "AND",
                                                   "OR",
                                                   "(",
                                                   ")",
                                                   "*",
                                                   "9999-12-31T23:59:59Z",
                                                   "0000-00-00T00:00:00Z"};
  return morsels;
}

void Vary(const std::vector<std::string>& corpus, Random& random, std::string& input) {
  const auto below = [&](size_t bound) { return static_cast<size_t>(random() % std::max<size_t>(bound, 1)); };
  switch (below(7)) {
    case 0:
      if (!input.empty()) input[below(input.size())] ^= static_cast<char>(1u << below(8));
      break;
    case 1:
      if (!input.empty()) input[below(input.size())] = static_cast<char>(random());
      break;
    case 2:
      input.insert(below(input.size() + 1), Morsels()[below(Morsels().size())]);
      break;
    case 3:
      input.erase(below(input.size() + 1), below(16));
      break;
    case 4: {
      const size_t from = below(input.size() + 1);
      input.insert(below(input.size() + 1), input.substr(from, below(64)));
      break;
    }
    case 5:
      input.resize(below(input.size() + 1));
      break;
    case 6: {
      const std::string& other = corpus[below(corpus.size())];
      input.replace(below(input.size() + 1), below(64), other.substr(below(other.size() + 1), below(256)));
      break;
    }
  }
}

void Run(const std::string& input) {
  // A copy of its own size, so that a read beyond it is seen.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  const int variations = argc < 3 ? 0 : std::atoi(argv[1]);
  const std::vector<std::string> corpus = ReadCorpus(argc, argv);
  if (corpus.empty() || variations <= 0) {
    std::fprintf(stderr, "usage: %s VARIATIONS FILE_OR_DIRECTORY...\n", argv[0]);
    return 1;
  }
  for (const std::string& input : corpus) Run(input);
  Random random(20260301);
  // What ends the process is left where it was, to be looked at: FUZZ_KEEP names the file.
  const char* const keep = std::getenv("FUZZ_KEEP");
  for (int i = 0; i < variations; ++i) {
    std::string input = corpus[static_cast<size_t>(i) % corpus.size()];
    for (size_t steps = 1 + random() % 4; steps > 0; --steps) Vary(corpus, random, input);
    if (keep != nullptr) std::ofstream(keep, std::ios::binary | std::ios::trunc) << input;
    Run(input);
  }
  std::printf("%zu files of the corpus and %d variations\n", corpus.size(), variations);
  return 0;
}
