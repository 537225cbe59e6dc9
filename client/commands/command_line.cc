#include "client/commands/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdint>

namespace retention {

Option Option::Required(bool required) const { return Option(option_->required(required)); }

Option Option::ShowDefault() const { return Option(option_->capture_default_str()); }

Option Option::FromEnvironment(const std::string& variable) const { return Option(option_->envname(variable)); }

Option Option::OneOf(const std::vector<std::string>& values) const {
  return Option(option_->check(CLI::IsMember(values)));
}

Option Option::Between(int least, int most) const { return Option(option_->check(CLI::Range(least, most))); }

Option Option::NonNegative() const { return Option(option_->check(CLI::NonNegativeNumber)); }

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
  } catch (const CLI::ParseError& error) {
    text = error.what();
  } catch (const UsageError& error) {
    text = error.what();
  }
  return Outcome::kWrongUsage;
}

}  // namespace retention
