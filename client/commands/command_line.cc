#include "client/commands/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

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

CLI::Validator Number(std::string in_help, double least, double most, std::string what) {
  const auto check = [least, most, what](const std::string& text) {
    double value = 0;
    const bool proper = absl::SimpleAtod(text, &value) && value >= least && value <= most;
    return proper ? std::string() : absl::StrCat("\"", text, "\" is not ", what);
  };
  return CLI::Validator([check](std::string& text) { return check(text); }, std::move(in_help));
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
  return Option(option_->check(CLI::Validator(check, member.get_description())));
}

Option Option::Between(int least, int most) const {
  return Option(option_->check(Number(CLI::Range(least, most).get_description(), least, most,
                                      absl::StrCat("a number from ", least, " to ", most))));
}

Option Option::NonNegative() const {
  return Option(option_->check(Number(CLI::NonNegativeNumber.get_description(), 0,
                                      std::numeric_limits<double>::infinity(), "a number from 0 on")));
}

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
  return Option(app_->add_option(name, value, description));
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

CommandLine::CommandLine(const std::string& program, const std::string& description)
    : app_(std::make_unique<CLI::App>(description, program)) {
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
  } catch (const CLI::ExtrasError&) {
    text = WrongCommand(*app_);
  } catch (const CLI::RequiredError& error) {
    const bool of_command = std::string_view(error.what()) == CLI::RequiredError::Subcommand(1).what();
    text = of_command ? WrongCommand(*app_) : error.what();
  } catch (const CLI::ArgumentMismatch& error) {
    // "--limit: 1 required INT missing"
    const std::string_view what = error.what();
    const size_t end = what.find(": ");
    const bool lacks_value = end != std::string_view::npos && what.ends_with(" missing");
    text = lacks_value ? std::string(what.substr(0, end)) + ": a value is required" : std::string(what);
  } catch (const CLI::ParseError& error) {
    text = error.what();
  } catch (const UsageError& error) {
    text = error.what();
  }
  return Outcome::kWrongUsage;
}

}  // namespace retention
