// policy notice | check-notice | record
#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "client/notice/json_value.h"
#include "client/notice/notice_check.h"
#include "client/notice/notice_facts.h"
#include "client/notice/record.h"
#include "client/notice/tilt.h"
#include "retention/v1/controller_service.pb.h"
#include "retention/v1/retention_service.pb.h"

namespace retention {
namespace {

constexpr int kControllersAsked = 100;

struct NoticeArguments {
  std::string language = "de";
  std::string format = "markdown";
  std::vector<std::string> controllers;  // Empty: all.
  std::string file;
  bool allow_unclear = false;

  Language lang() const { return language == "de" ? Language::kGerman : Language::kEnglish; }
};

// What the server says for a notice.
struct Asked {
  NoticeSource source;
  google::protobuf::Timestamp policy_since;
};

std::optional<Asked> Ask(CommandSession& session, const std::vector<std::string>& wanted) {
  const auto policy = session.Expect(session.MakeClient().GetPolicy(v1::GetPolicyRequest()));
  if (!policy) return std::nullopt;
  v1::ListControllersRequest request;
  request.set_page_size(kControllersAsked);
  const auto all = session.ExpectPages(&Client::ListControllers, request);
  if (!all) return std::nullopt;
  Asked asked{.source = {.policy = policy->policy(), .controllers = {}}, .policy_since = policy->in_force_since()};
  for (const v1::Controller& controller : all->controllers()) {
    const bool is_wanted =
        wanted.empty() || std::find(wanted.begin(), wanted.end(), controller.controller_id()) != wanted.end();
    if (is_wanted) asked.source.controllers.push_back(controller);
  }
  for (const std::string& id : wanted) {
    const bool is_described = std::any_of(asked.source.controllers.begin(), asked.source.controllers.end(),
                                          [&](const v1::Controller& its) { return its.controller_id() == id; });
    if (is_described) continue;
    session.Fail(
        absl::StrCat("controller ", Printable(id), " is not described: see retentionctl controllers apply --help"));
    return std::nullopt;
  }
  if (asked.source.controllers.empty()) {
    session.Fail("no controller is described: see retentionctl controllers apply --help");
    return std::nullopt;
  }
  // No notice of these can be right.
  if (wanted.empty() && !all->undescribed().empty()) {
    session.err() << "left out, as nobody has described them: " << all->undescribed_size()
                  << " controllers that PBXs name; see retentionctl controllers list\n";
  }
  return asked;
}

void WriteDocument(CommandSession& session, const Document& document, const NoticeArguments& arguments) {
  session.out() << (arguments.format == "html" ? ToHtml(document, CodeOf(arguments.lang())) : ToMarkdown(document));
}

void Notice(CommandSession& session, const NoticeArguments& arguments) {
  const auto asked = Ask(session, arguments.controllers);
  if (!asked) return;
  if (arguments.format != "tilt")
    return WriteDocument(session, WriteNotice(asked->source, arguments.lang()), arguments);
  if (asked->source.controllers.size() != 1)
    return session.Fail("TILT is of one controller: name it with --controller");
  const auto tilt =
      WriteTilt(asked->source.policy, asked->source.controllers.front(), asked->policy_since, arguments.lang());
  if (!tilt.ok()) return session.Fail(std::string(tilt.status().message()));
  session.out() << *tilt;
}

void Record(CommandSession& session, const NoticeArguments& arguments) {
  const auto asked = Ask(session, arguments.controllers);
  if (!asked) return;
  if (arguments.format != "json")
    return WriteDocument(session, WriteRecord(asked->source, arguments.lang()), arguments);
  session.out() << WriteRecordJson(asked->source, arguments.lang());
}

void PrintCheckAsJson(CommandSession& session, const NoticeCheck& check) {
  std::vector<JsonValue> deviations;
  for (const Deviation& deviation : check.deviations) {
    deviations.push_back(JsonValue::Object({{"line", static_cast<int>(deviation.promise.sentence.line)},
                                            {"about", deviation.promise.about},
                                            {"sentence", deviation.promise.sentence.text},
                                            {"promised", deviation.promised},
                                            {"policy", deviation.policy}}));
  }
  std::vector<JsonValue> unclear;
  for (const Sentence& sentence : check.unclear) {
    unclear.push_back(JsonValue::Object({{"line", static_cast<int>(sentence.line)}, {"sentence", sentence.text}}));
  }
  session.out() << JsonValue::Object({{"promises", static_cast<int>(check.promises)},
                                      {"deviations", JsonValue::Array(std::move(deviations))},
                                      {"unclear", JsonValue::Array(std::move(unclear))},
                                      {"silent", JsonValue::Array({check.silent.begin(), check.silent.end()})}})
                       .Written();
}

void PrintCheck(CommandSession& session, const NoticeCheck& check) {
  if (session.format() == OutputFormat::kJson) return PrintCheckAsJson(session, check);
  OutputTable table({{"LINE", "line", true},
                     {"ABOUT", "about"},
                     {"PROMISED", "promised"},
                     {"THE POLICY", "policy"},
                     {"SENTENCE", "sentence"}});
  for (const Deviation& deviation : check.deviations) {
    table.AddRow({CountCell(deviation.promise.sentence.line), deviation.promise.about, deviation.promised,
                  deviation.policy, deviation.promise.sentence.text});
  }
  if (session.format() == OutputFormat::kCsv) return table.PrintCsv(session.out());
  if (!check.deviations.empty()) table.PrintAligned(session.out());
  session.out() << check.promises << " promises, " << check.deviations.size() << " that the policy does not keep\n";
  for (const Sentence& sentence : check.unclear) {
    session.out() << "line " << sentence.line << ": unclear: " << Printable(sentence.text) << "\n";
  }
  if (!check.silent.empty()) session.out() << "promises nothing of: " << absl::StrJoin(check.silent, ", ") << "\n";
  session.out() << "not compared: controllers, officers, authorities, recipients and transfers\n";
}

void Check(CommandSession& session, const NoticeArguments& arguments) {
  const auto text = session.ReadWholeInput(arguments.file);
  if (!text) return;
  const auto policy = session.Expect(session.MakeClient().GetPolicy(v1::GetPolicyRequest()));
  if (!policy) return;
  const NoticeCheck check = CheckNotice(*text, policy->policy(), arguments.lang());
  PrintCheck(session, check);
  // A text of which nothing was understood is none that was found right.
  if (check.promises == 0) return session.Fail("no promise was found in the text");
  if (!check.deviations.empty()) {
    return session.Fail(
        absl::StrCat(CommandSession::NameOf(arguments.file), " promises otherwise than the policy does"));
  }
  if (!check.unclear.empty() && !arguments.allow_unclear) {
    session.Fail(absl::StrCat(CommandSession::NameOf(arguments.file),
                              " has sentences that were not understood: read them, and give --allow-unclear"));
  }
}

}  // namespace

void AddNoticeCommands(Command root, CommandSession& session) {
  const Command policy = root.AddNoun("policy", "Which category lives how long");
  auto arguments = std::make_shared<NoticeArguments>();
  const auto add_language = [&](const Command& command) {
    command.AddOption("--lang", arguments->language, "In which language").OneOf({"de", "en"}).ShowDefault();
  };
  const auto add_controllers = [&](const Command& command) {
    command.AddOption("--controller", arguments->controllers, "Of these alone; all that are described otherwise")
        .OnceForEachValue();
  };

  const Command notice = policy.AddVerb("notice", "The privacy notice that policy and controllers make");
  add_language(notice);
  add_controllers(notice);
  notice.AddOption("--format", arguments->format, "tilt: the Transparency Information Language, of one controller")
      .OneOf({"markdown", "html", "tilt"})
      .ShowDefault();
  notice.SetFooter(
      "Its sections 1, 2, 4, 6 to 10: who answers, which data, on what ground, who receives them, where, how long, "
      "which "
      "rights.\n"
      "\n"
      "Example:\n"
      "  retentionctl policy notice --lang de --format html > notice.html");
  notice.SetAction([=, &session] { Notice(session, *arguments); });

  const Command check = policy.AddVerb("check-notice", "What a notice promises otherwise than the policy does");
  check.AddOption("FILE", arguments->file, "The notice: text, Markdown or HTML; `-` for standard input").Required();
  add_language(check);
  check.AddFlag("--allow-unclear", arguments->allow_unclear, "Unclear sentences are listed, and are no failure");
  check.SetFooter(
      "Sentence by sentence, word by word. Exit code 1 if any deviates, or is unclear: it speaks of how long something "
      "is "
      "kept, and not all of its words are known. Categories of which the text promises nothing are told and are no "
      "deviation. Controllers, officers, authorities, recipients and transfers are not compared.\n"
      "\n"
      "Example:\n"
      "  retentionctl policy check-notice notice.md");
  check.SetAction([=, &session] { Check(session, *arguments); });

  const Command record = policy.AddVerb("record", "The record of processing activities (Art. 30 GDPR)");
  add_language(record);
  add_controllers(record);
  auto record_format = std::make_shared<std::string>("markdown");
  record.AddOption("--format", *record_format, "How it is written").OneOf({"markdown", "html", "json"}).ShowDefault();
  record.SetAction([=, &session] {
    arguments->format = *record_format;
    Record(session, *arguments);
  });
}

}  // namespace retention
