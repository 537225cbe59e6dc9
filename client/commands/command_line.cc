#include "client/commands/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "text/unicode.h"

namespace retention {
namespace {

// The noun or verb that was written last; the program itself if there is none.
const CLI::App& LastCommand(const CLI::App& program) {
  const CLI::App* command = &program;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  return *command;
}

std::vector<std::string> CommandsOf(const CLI::App& noun) {
  std::vector<std::string> names;
  for (const CLI::App* command : noun.get_subcommands([](const CLI::App*) { return true; })) {
    if (!command->get_name().empty()) names.push_back(command->get_name());  // else a group of options
  }
  return names;
}

// How many letters must be put in, left out or replaced to make one word of the other.
size_t LettersApart(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row[b.size()];
}

// Of `names` the one that `word` was probably to be; empty if none is near.
std::string Nearest(const std::string& word, const std::vector<std::string>& names) {
  constexpr size_t kTypo = 2;
  std::string nearest;
  size_t least = std::min(kTypo, word.size() / 2) + 1;
  for (const std::string& name : names) {
    if (const size_t apart = LettersApart(word, name); apart < least) {
      least = apart;
      nearest = name;
    }
  }
  return nearest;
}

// What is wrong with a command line that names no command, or names something that is none.
std::string WrongCommand(const CLI::App& program) {
  const CLI::App& last = LastCommand(program);
  const std::vector<std::string> names = CommandsOf(last);
  const std::vector<std::string> left = program.remaining(true);
  const std::string after = last.get_parent() == nullptr ? "" : absl::StrCat(" after \"", last.get_name(), "\"");
  if (left.empty()) return absl::StrCat("a command is required", after, ": ", absl::StrJoin(names, ", "));
  const std::string& word = left.front();
  if (word.size() > 1 && word[0] == '-') return absl::StrCat("unknown option \"", word, "\"");
  if (names.empty()) return absl::StrCat("unexpected argument \"", word, "\"");
  const std::string nearest = Nearest(word, names);
  return absl::StrCat("unknown command \"", word, "\"", after,
                      nearest.empty() ? absl::StrCat("; it takes ", absl::StrJoin(names, ", "))
                                      : absl::StrCat("; did you mean \"", nearest, "\"?"));
}

// The type of each value.
template <typename Value>
struct Plain {
  using Type = Value;
};
template <typename Value>
struct Plain<std::vector<Value>> {
  using Type = Value;
};

// What the validators are called that others replace or ask for.
constexpr char kNumberCheck[] = "number";
constexpr char kValuesCheck[] = "values";

// Decimal digits, behind a sign: the library would take 010 for 8 and 0x10 for 16.
bool IsWhole(const std::string& text, int64_t least, uint64_t most) {
  const bool is_negative = !text.empty() && text[0] == '-';
  const std::string digits = text.substr(is_negative ? 1 : 0);
  uint64_t size = 0;
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos) return false;
  if (digits.size() > 1 && digits[0] == '0') return false;
  if (!absl::SimpleAtoi(digits, &size)) return false;
  if (is_negative) return least < 0 && size <= static_cast<uint64_t>(-(least + 1)) + 1;
  return size <= most && (least <= 0 || size >= static_cast<uint64_t>(least));
}

std::function<std::string(std::string&)> WholeNumber(int64_t least, uint64_t most) {
  return [least, most](const std::string& text) {
    return IsWhole(text, least, most) ? std::string()
                                      : absl::StrCat("\"", text, "\" is not a whole number from ", least, " to ", most);
  };
}

// Every value is what its type can hold, whatever else it must be.
template <typename Value>
void CheckValues(CLI::Option& option) {
  if constexpr (std::is_integral_v<Value>) {
    using Limits = std::numeric_limits<Value>;
    option.check(CLI::Validator(WholeNumber(Limits::min(), Limits::max()), "", kNumberCheck));
  } else if constexpr (std::is_same_v<Value, std::string>) {
    option.check([](const std::string& text) { return IsUtf8(text) ? std::string() : std::string("not UTF-8"); });
  }
}

// Its options, those of its groups among them.
std::vector<CLI::Option*> OptionsOf(CLI::App& command) {
  std::vector<CLI::Option*> options = command.get_options([](const CLI::Option*) { return true; });
  for (CLI::App* part : command.get_subcommands([](const CLI::App* app) { return app->get_name().empty(); })) {
    const std::vector<CLI::Option*> grouped = OptionsOf(*part);
    options.insert(options.end(), grouped.begin(), grouped.end());
  }
  return options;
}

CLI::App* CommandNamed(CLI::App& noun, const std::string& name) {
  const auto named =
      noun.get_subcommands([&](const CLI::App* app) { return !name.empty() && app->get_name() == name; });
  return named.empty() ? nullptr : named.front();
}

// The option `word` ("--limit", "-o") of `command` or of what it is part of; null if there is none.
CLI::Option* OptionNamed(CLI::App& command, const std::string& word) {
  for (CLI::App* app = &command; app != nullptr; app = app->get_parent()) {
    for (CLI::Option* option : OptionsOf(*app)) {
      if (option->check_name(word)) return option;
    }
  }
  return nullptr;
}

std::vector<std::string> OptionNames(CLI::App& command) {
  std::vector<std::string> names;
  for (CLI::App* app = &command; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : OptionsOf(*app)) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

// The values of an option that has only some; they stand in its description as {a,b}.
std::vector<std::string> ValuesOf(CLI::Option& option) {
  try {
    const std::string listed = option.get_validator(kValuesCheck)->get_description();
    return absl::StrSplit(listed.substr(1, listed.size() - 2), ',');
  } catch (const CLI::OptionNotFound&) {
    return {};
  }
}

// The `place`th argument without a name.
CLI::Option* Argument(CLI::App& command, size_t place) {
  for (CLI::Option* option : OptionsOf(command)) {
    if (option->get_positional() && place-- == 0) return option;
  }
  return nullptr;
}

void AddVerbs(const CLI::App& noun, const std::vector<std::string>& words,
              std::vector<std::vector<std::string>>& verbs) {
  const auto commands = noun.get_subcommands([](const CLI::App* app) { return !app->get_name().empty(); });
  if (commands.empty()) verbs.push_back(words);
  for (const CLI::App* command : commands) {
    std::vector<std::string> longer = words;
    longer.push_back(command->get_name());
    AddVerbs(*command, longer, verbs);
  }
}

}  // namespace

Option Option::Required(bool required) const { return Option(option_->required(required)); }

Option Option::ShowDefault() const { return Option(option_->capture_default_str()); }

Option Option::FromEnvironment(const std::string& variable) const { return Option(option_->envname(variable)); }

Option Option::OneOf(const std::vector<std::string>& values) const {
  CLI::IsMember member(values);
  const auto check = [values](std::string& text) {
    const bool known = std::find(values.begin(), values.end(), text) != values.end();
    return known ? std::string() : absl::StrCat("\"", text, "\" is none of ", absl::StrJoin(values, ", "));
  };
  return Option(option_->check(CLI::Validator(check, member.get_description(), kValuesCheck)));
}

Option Option::Between(int64_t least, int64_t most) const {
  option_->get_validator(kNumberCheck)
      ->operation(WholeNumber(least, static_cast<uint64_t>(most)))
      .description(absl::StrCat("from ", least, " to ", most));
  return *this;
}

Option Option::NonNegative() const { return Between(0, std::numeric_limits<int>::max()); }

Option Option::ExistingFile() const { return Option(option_->check(CLI::ExistingFile)); }

Option Option::Check(const ValueCheck& check) const { return Option(option_->check(check)); }

Option Option::SeparatedBy(char separator) const { return Option(option_->delimiter(separator)); }

Option Option::OnceForEachValue() const {
  return Option(option_->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll));
}

Option Option::Needs(Option other) const { return Option(option_->needs(other.option_)); }

Option Option::Excludes(Option other) const { return Option(option_->excludes(other.option_)); }

template <typename Value>
Option OptionGroup::AddOption(const std::string& name, Value& value, const std::string& description) const {
  CLI::Option* option = app_->add_option(name, value, description);
  CheckValues<typename Plain<Value>::Type>(*option);
  return Option(option);
}

template Option OptionGroup::AddOption(const std::string&, std::string&, const std::string&) const;
template Option OptionGroup::AddOption(const std::string&, int&, const std::string&) const;
template Option OptionGroup::AddOption(const std::string&, uint32_t&, const std::string&) const;
template Option OptionGroup::AddOption(const std::string&, uint64_t&, const std::string&) const;
template Option OptionGroup::AddOption(const std::string&, double&, const std::string&) const;
template Option OptionGroup::AddOption(const std::string&, std::vector<std::string>&, const std::string&) const;
template Option OptionGroup::AddOption(const std::string&, std::vector<uint64_t>&, const std::string&) const;

Option OptionGroup::AddFlag(const std::string& name, bool& value, const std::string& description) const {
  return Option(app_->add_flag(name, value, description));
}

Command Command::AddNoun(const std::string& name, const std::string& description) const {
  const auto known = app_->get_subcommands([&](const CLI::App* command) { return command->get_name() == name; });
  if (!known.empty()) return Command(known.front());
  return Command(app_->add_subcommand(name, description)->require_subcommand(1));
}

Command Command::AddVerb(const std::string& name, const std::string& description) const {
  return Command(app_->add_subcommand(name, description));
}

OptionGroup Command::AddChoice(const std::string& name, const std::string& description) const {
  return OptionGroup(app_->add_option_group(name, description)->require_option(1));
}

Command Command::SetFooter(const std::string& text) const { return Command(app_->footer(text)); }

Command Command::SetAction(std::function<void()> action) const { return Command(app_->callback(std::move(action))); }

CommandLine::CommandLine(const std::string& program, const std::string& description, const std::string& version)
    : app_(std::make_unique<CLI::App>(description, program)) {
  app_->set_version_flag("--version", absl::StrCat(program, " ", version, "\n"), "Print the version and exit");
  app_->require_subcommand(1);
  app_->fallthrough();  // Its options may stand behind the command too.
}

CommandLine::~CommandLine() = default;

CommandLine::Outcome CommandLine::Run(int argc, const char* const* argv, std::string& text) {
  try {
    app_->parse(argc, argv);
    return Outcome::kDone;
  } catch (const CLI::CallForHelp&) {
    text = app_->help();
    return Outcome::kHelp;
  } catch (const CLI::CallForVersion& version) {
    text = version.what();
    return Outcome::kHelp;
  } catch (const CLI::ExtrasError&) {
    text = WrongCommand(*app_);
  } catch (const CLI::RequiredError& error) {
    const bool of_command = std::string_view(error.what()) == CLI::RequiredError::Subcommand(1).what();
    text = of_command ? WrongCommand(*app_) : error.what();
  } catch (const CLI::ArgumentMismatch& error) {
    // "--limit: 1 required INT missing", "--limit: At Most 1 required but received 2"
    const std::string_view what = error.what();
    const std::string option(what.substr(0, what.find(": ")));
    const bool lacks_value = what.ends_with(" missing");
    text = option + (lacks_value ? ": a value is required" : ": given more than once");
  } catch (const CLI::ParseError& error) {
    text = error.what();
  } catch (const UsageError& error) {
    text = error.what();
  }
  return Outcome::kWrongUsage;
}

std::vector<std::string> CommandLine::Complete(const std::vector<std::string>& words) const {
  CLI::App* command = app_.get();
  CLI::Option* waiting = nullptr;  // for its value
  size_t place = 0;                // of the next argument without a name
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (std::exchange(waiting, nullptr) != nullptr) continue;
    if (words[i].starts_with('-')) {
      CLI::Option* option = OptionNamed(*command, words[i]);
      if (option != nullptr && option->get_items_expected_max() > 0) waiting = option;
    } else if (CLI::App* inner = CommandNamed(*command, words[i])) {
      command = inner;
    } else {
      ++place;
    }
  }
  const std::string begun = words.empty() ? "" : words.back();
  std::vector<std::string> names;
  if (waiting != nullptr) {
    names = ValuesOf(*waiting);
  } else if (begun.starts_with('-')) {
    names = OptionNames(*command);
  } else if (CLI::Option* argument = Argument(*command, place)) {
    names = ValuesOf(*argument);
  } else if (place == 0) {
    names = CommandsOf(*command);
  }
  std::erase_if(names, [&](const std::string& name) { return !name.starts_with(begun); });
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::vector<std::string>> CommandLine::Verbs() const {
  std::vector<std::vector<std::string>> verbs;
  AddVerbs(*app_, {}, verbs);
  return verbs;
}

}  // namespace retention
