// Templates: texts with places for facts.
//
//   # Heading, ## and ###     - an item     | cells | of a row |     **bold**     anything else: a line of a paragraph
//   {{name}}                  a fact. A line all of whose facts are missing or empty is left out.
//   {{#list}} ... {{/list}}   on lines of their own: once for each of a list; a name is looked for in it, then around
//   it
//   {{^list}} ... {{/list}}   if the list is empty
//
// A fact is a text: it cannot begin a heading, end a line or make anything bold.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "client/notice/document.h"

namespace retention {

struct Facts {
  std::map<std::string, std::string, std::less<>> texts;
  std::map<std::string, std::vector<Facts>, std::less<>> lists;
};

// A name that there is no fact for stays as it stands.
Document FillTemplate(std::string_view text, const Facts& facts);
// The same of one line: a sentence with places for facts.
std::string FillSentence(std::string_view sentence, const Facts& facts);

}  // namespace retention
