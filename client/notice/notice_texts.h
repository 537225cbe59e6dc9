// The texts of the notice, by language: files of texts/ that a lawyer reads, compiled in.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retention {

enum class Language { kGerman, kEnglish };

// "de", "en": as the files and HTML say it.
std::string_view CodeOf(Language language);

// The file `name`.LANGUAGE.EXTENSION of texts/, as "notice" and "md". REQUIRES: there is one.
std::string_view NoticeText(std::string_view name, Language language, std::string_view extension);

// Lines `key = text`; empty ones and those that begin with # are left out. In their order.
std::vector<std::pair<std::string_view, std::string_view>> LinesOf(std::string_view text);

// phrases.LANGUAGE.txt: the text of a key; empty if there is none.
std::string_view Phrase(Language language, std::string_view key);

}  // namespace retention
