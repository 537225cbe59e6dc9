// context set | use | list | show | delete
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/contexts.h"
#include "client/commands/table_cells.h"
#include "google/protobuf/struct.pb.h"

namespace retention {
namespace {

void SaveContexts(CommandSession& session, const Contexts& contexts) {
  if (const absl::Status status = WriteContexts(session.context_file(), contexts); !status.ok()) {
    session.Fail(std::string(status.message()));
  }
}

// That of `contexts`, or nothing after saying that there is none.
const Target* FindContext(CommandSession& session, const Contexts& contexts, const std::string& name) {
  const auto found = contexts.named.find(name);
  if (found != contexts.named.end()) return &found->second;
  session.Fail(absl::StrCat("no such context: ", Printable(name)));
  return nullptr;
}

// Files are found again from wherever the next command is run.
void MakeAbsolute(std::string& file) {
  if (!file.empty()) file = std::filesystem::absolute(file).lexically_normal();
}

void SetContext(CommandSession& session, const std::string& name) {
  Target target = session.given;
  if (target.address.empty()) throw UsageError("--server", "required: where the context's server is");
  MakeAbsolute(target.ca_file);
  MakeAbsolute(target.certificate_file);
  MakeAbsolute(target.key_file);
  session.CheckGiven(target);
  Contexts contexts = session.ReadContextFile();
  contexts.named[name] = target;
  SaveContexts(session, contexts);
}

void UseContext(CommandSession& session, const std::string& name) {
  Contexts contexts = session.ReadContextFile();
  if (FindContext(session, contexts, name) == nullptr) return;
  contexts.current = name;
  SaveContexts(session, contexts);
}

void DeleteContext(CommandSession& session, const std::string& name) {
  Contexts contexts = session.ReadContextFile();
  if (FindContext(session, contexts, name) == nullptr) return;
  contexts.named.erase(name);
  if (contexts.current == name) contexts.current.clear();
  SaveContexts(session, contexts);
}

void PrintContexts(CommandSession& session, const Contexts& contexts, const std::map<std::string, Target>& shown) {
  OutputTable table({{"CONTEXT", "name"},
                     {"IN USE", "current"},
                     {"SERVER", "server"},
                     {"CA", "ca"},
                     {"CERTIFICATE", "cert"},
                     {"KEY", "key"},
                     {"INSECURE", "insecure"}});
  google::protobuf::Struct json;
  auto& list = *(*json.mutable_fields())["contexts"].mutable_list_value();
  for (const auto& [name, target] : shown) {
    const bool is_current = name == contexts.current;
    table.AddRow({name, YesOrNo(is_current), target.address, TextCell(target.ca_file),
                  TextCell(target.certificate_file), TextCell(target.key_file), YesOrNo(target.insecure)});
    auto& fields = *list.add_values()->mutable_struct_value()->mutable_fields();
    fields["name"].set_string_value(name);
    fields["current"].set_bool_value(is_current);
    fields["server"].set_string_value(target.address);
    fields["ca"].set_string_value(target.ca_file);
    fields["cert"].set_string_value(target.certificate_file);
    fields["key"].set_string_value(target.key_file);
    fields["insecure"].set_bool_value(target.insecure);
  }
  session.Print(json, table);
}

void ListContexts(CommandSession& session) {
  const Contexts contexts = session.ReadContextFile();
  PrintContexts(session, contexts, contexts.named);
}

void ShowContext(CommandSession& session, std::string name) {
  const Contexts contexts = session.ReadContextFile();
  if (name.empty()) name = contexts.current;
  if (name.empty()) return session.Fail("no context is in use");
  if (const Target* target = FindContext(session, contexts, name)) PrintContexts(session, contexts, {{name, *target}});
}

}  // namespace

void AddContextCommands(Command root, CommandSession& session) {
  const Command context = root.AddNoun("context", "Named servers, so that they need not be written every time");
  auto name = std::make_shared<std::string>();
  const auto add = [&](const char* verb, const char* description, bool is_required,
                       void (*run)(CommandSession&, const std::string&)) {
    const Command command = context.AddVerb(verb, description);
    command.AddOption("NAME", *name, "Name of the context: letters, digits, - _ and .")
        .Required(is_required)
        .Check([](const std::string& text) { return IsContextName(text) ? "" : "letters, digits, - _ and . only"; });
    command.SetAction([run, name, &session] { run(session, *name); });
    return command;
  };
  add("set", "Keeps --server, --ca, --cert, --key and --insecure, as they are given or set, under a name", true,
      SetContext)
      .SetFooter(
          "In $RETENTION_CONTEXT_FILE, else $XDG_CONFIG_HOME/retentionctl/contexts.json, else in ~/.config, with mode "
          "0600.\n"
          "Keys stay where they are; only their paths are kept.\n"
          "\n"
          "Example:\n"
          "  retentionctl context set prod --server retention.example:50051 --ca ca.pem --cert me.pem --key me.key\n"
          "  retentionctl context use prod");
  add("use", "From now on commands go to this one, unless --server or --context say otherwise", true, UseContext);
  add("show", "One of them; that in use if none is named", false,
      [](CommandSession& s, const std::string& text) { ShowContext(s, text); });
  add("delete", "Forgets one", true, DeleteContext);
  context.AddVerb("list", "All of them").SetAction([&session] { ListContexts(session); });
}

}  // namespace retention
