// What a shell asks for while a command line is being written.
#pragma once

#include <string>

namespace retention {

// The first word of a command line that asks what its last word may become. For shells, not for people.
inline constexpr char kCompleteWord[] = "__complete";

// Has bash ask `program` itself, so that it knows every command and option that there is.
inline std::string BashCompletion(const std::string& program) {
  return "_" + program + "() {\n" + "  mapfile -t COMPREPLY < <(\"${COMP_WORDS[0]}\" " + kCompleteWord +
         " \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
         "}\n"
         "complete -o bashdefault -o default -F _" +
         program + " " + program + "\n";
}

}  // namespace retention
