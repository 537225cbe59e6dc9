// A text as sentences.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace retention {

struct Sentence {
  size_t line = 0;  // On which it begins, from 1.
  std::string text;
};

// The paragraphs and items of a text, plain, Markdown or HTML, without their signs; each as its sentences.
std::vector<std::vector<Sentence>> PassagesOf(std::string_view text);
// Words in lower case of ASCII and German, with their hyphens: "mcu-", "e-mail"; numbers with their points and commas:
// "37,7"; and commas and semicolons, as ",".
std::vector<std::string> WordsOf(std::string_view text);
std::string InLowerCase(std::string_view text);

}  // namespace retention
