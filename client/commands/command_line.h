// A command line of nouns and verbs: what it takes, its help, and what is wrong with it.
//
// The one place that knows the library behind it, CLI11, whose headers cost more to compile than all commands.
//
// Command, OptionGroup and Option are handles to parts of a CommandLine: cheap to copy, good for as long as it lives.
// What is bound to them must live until it has run. For one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace retention {

// Thrown by the action of a verb for values that it cannot take.
class UsageError : public std::runtime_error {
 public:
  // `option` as it is written: "--from" or "FILE".
  UsageError(const std::string& option, const std::string& message) : runtime_error(option + ": " + message) {}
};

// The value of a parsed option, or a usage error that names the option.
template <typename T>
T ValueOrUsageError(absl::StatusOr<T> value, const std::string& option) {
  if (!value.ok()) throw UsageError(option, std::string(value.status().message()));
  return *std::move(value);
}

// Says what is wrong with a value; nothing is if it says nothing.
using ValueCheck = std::function<std::string(const std::string& value)>;

// An option, a flag or an argument without a name.
class Option {
 public:
  Option Required(bool required = true) const;
  Option ShowDefault() const;  // Help names the value that the bound variable has now.
  Option FromEnvironment(const std::string& variable) const;

  // What its values must be.
  Option OneOf(const std::vector<std::string>& values) const;
  Option Between(int64_t least, int64_t most) const;  // REQUIRES: its value is a whole number.
  Option NonNegative() const;                         // The same.
  Option ExistingFile() const;
  Option Check(const ValueCheck& check) const;

  // For vectors: one word holds several values, with `separator` between; or one word a time, any number of times.
  Option SeparatedBy(char separator) const;
  Option OnceForEachValue() const;

  Option Needs(Option other) const;
  Option Excludes(Option other) const;

 private:
  friend class OptionGroup;
  explicit Option(CLI::Option* option) : option_(option) {}

  CLI::Option* option_;
};

// Where options can be added.
class OptionGroup {
 public:
  // `name`: "--from", "-o,--output-format", or "FILE" for an argument that is known by its place. `Value`: std::string,
  // int, uint32_t, uint64_t, double, or a vector of std::string or uint64_t; another does not link. Texts are UTF-8;
  // whole numbers have digits alone, and fit their type.
  template <typename Value>
  Option AddOption(const std::string& name, Value& value, const std::string& description) const;
  Option AddFlag(const std::string& name, bool& value, const std::string& description) const;

 protected:
  friend class Command;
  explicit OptionGroup(CLI::App* app) : app_(app) {}

  CLI::App* app_;
};

// A noun, which takes a verb, or a verb, which does something.
class Command : public OptionGroup {
 public:
  // The noun `name`, made at the first call; what that call says of it counts.
  Command AddNoun(const std::string& name, const std::string& description) const;
  Command AddVerb(const std::string& name, const std::string& description) const;

  // Options of which exactly one must be given. Help calls them `name`.
  OptionGroup AddChoice(const std::string& name, const std::string& description = "") const;

  Command SetFooter(const std::string& text) const;  // Below the help.
  Command SetAction(std::function<void()> action) const;

 private:
  friend class CommandLine;
  using OptionGroup::OptionGroup;
};

class CommandLine {
 public:
  enum class Outcome { kDone, kHelp, kWrongUsage };

  // `version` is what --version says.
  CommandLine(const std::string& program, const std::string& description, const std::string& version);
  ~CommandLine();

  // Takes the nouns, and the options that may stand anywhere.
  Command root() const { return Command(app_.get()); }

  // Does what `argv` asks for. `text`: the help or version that was asked for, or what is wrong; untouched after kDone.
  Outcome Run(int argc, const char* const* argv, std::string& text);

  // What the last of `words`, which stand behind the program's name, may be completed to, sorted: commands, options, or
  // values if there are only some. Nothing if it may be anything, as a file.
  std::vector<std::string> Complete(const std::vector<std::string>& words) const;

  // The words of every command that does something, as {"clock", "show"}.
  std::vector<std::vector<std::string>> Verbs() const;

 private:
  const std::unique_ptr<CLI::App> app_;
};

}  // namespace retention
