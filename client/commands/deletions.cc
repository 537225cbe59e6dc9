// What an operator deletes before its day: pbxs | extensions | meetings | recordings | pdfs | files | polls delete
#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/confirmation.h"
#include "client/commands/enum_names.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "retention/v1/category.pb.h"
#include "retention/v1/deletion_service.pb.h"
#include "retention/v1/hold_service.pb.h"
#include "retention/v1/retention_service.pb.h"

namespace retention {
namespace {

// The command line of a deletion: what it names, in order, and why.
struct Arguments {
  std::vector<std::string> names;
  std::string reason_name;

  v1::DeletionReason reason() const { return ValueNamed<v1::DeletionReason>(reason_name); }
};

void AddDelete(Command noun, CommandSession& session, const char* description, const std::vector<const char*>& names,
               const std::function<void(const Arguments&)>& execute) {
  const Command command = noun.AddVerb("delete", description);
  auto arguments = std::make_shared<Arguments>();
  arguments->names.resize(names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    command.AddOption(names[i], arguments->names[i], absl::StrCat("Identifier: ", names[i])).Required();
  }
  command.AddOption("--reason", arguments->reason_name, "Why; it is entered into the ledger")
      .Required()
      .OneOf(KebabNames<v1::DeletionReason>());
  SetFinalAction(command, session, [arguments, execute] { execute(*arguments); });
}

// Why not all is gone.
void PrintKeepers(CommandSession& session, const google::protobuf::RepeatedPtrField<v1::KeepingHold>& holds) {
  if (session.format() != OutputFormat::kTable) return;
  for (const v1::KeepingHold& hold : holds) {
    session.out() << "Kept by hold " << Printable(hold.hold_id()) << " (" << KebabName(hold.basis()) << ", until "
                  << ReadableDate(hold.end_date()) << ")\n";
  }
}

void PrintDeleted(CommandSession& session, const google::protobuf::Message& response, uint64_t values) {
  OutputTable table({{"VALUES ERASED", "values_erased", true}});
  table.AddRow({CountCell(values)});
  session.Print(response, table);
}

void DeletePbx(CommandSession& session, const Arguments& arguments) {
  v1::DeletePbxRequest request;
  request.set_pbx_id(arguments.names[0]);
  request.set_reason(arguments.reason());
  if (const auto response = session.Expect(session.MakeClient().DeletePbx(request))) {
    PrintDeleted(session, *response, response->values_erased());
    PrintKeepers(session, response->holds());
  }
}

void DeleteExtension(CommandSession& session, const Arguments& arguments) {
  v1::DeleteExtensionRequest request;
  request.set_pbx_id(arguments.names[0]);
  request.set_number(arguments.names[1]);
  request.set_reason(arguments.reason());
  const auto response = session.Expect(session.MakeClient().DeleteExtension(request));
  if (!response) return;
  OutputTable table({{"POLLS ERASED", "polls_erased", true}, {"PDFS ERASED", "pdfs_erased", true}});
  table.AddRow({absl::StrCat(response->polls_erased()), absl::StrCat(response->pdfs_erased())});
  session.Print(*response, table);
  PrintKeepers(session, response->holds());
}

void DeleteMeeting(CommandSession& session, const Arguments& arguments) {
  v1::DeleteMeetingRequest request;
  request.set_pbx_id(arguments.names[0]);
  request.set_meeting_id(arguments.names[1]);
  request.set_reason(arguments.reason());
  const auto response = session.Expect(session.MakeClient().DeleteMeeting(request));
  if (!response) return;
  OutputTable table({{"CATEGORY", "category"}, {"VALUES ERASED", "values_erased", true}});
  for (const v1::ErasedCount& erased : response->erased()) {
    table.AddRow({KebabName(erased.category()), absl::StrCat(erased.values())});
  }
  session.Print(*response, table);
  PrintKeepers(session, response->holds());
  if (session.format() != OutputFormat::kTable || response->unreadable_rows() == 0) return;
  session.out() << "\nDamaged, and erased unread: " << response->unreadable_rows() << " stored rows; "
                << response->unreadable_objects() << " of objects that the portal may still have.\n";
}

void DeleteObject(CommandSession& session, v1::DataCategory category, const Arguments& arguments) {
  v1::DeleteObjectRequest request;
  request.set_pbx_id(arguments.names[0]);
  request.set_meeting_id(arguments.names[1]);
  request.set_category(category);
  request.set_object_id(arguments.names[2]);
  request.set_reason(arguments.reason());
  if (const auto response = session.Expect(session.MakeClient().DeleteObject(request))) {
    PrintDeleted(session, *response, 1);
    PrintKeepers(session, response->holds());
  }
}

void DeletePoll(CommandSession& session, const Arguments& arguments) {
  v1::DeletePollRequest request;
  request.set_pbx_id(arguments.names[0]);
  request.set_poll_id(arguments.names[1]);
  request.set_reason(arguments.reason());
  if (const auto response = session.Expect(session.MakeClient().DeletePoll(request))) {
    PrintDeleted(session, *response, 1);
    PrintKeepers(session, response->holds());
  }
}

void Preview(CommandSession& session, const v1::PreviewErasureRequest& request) {
  const auto response = session.Expect(session.MakeClient().PreviewErasure(request));
  if (!response) return;
  OutputTable table(
      {{"CATEGORY", "category"}, {"WOULD BE ERASED", "values_erased", true}, {"HELD", "values_held", true}});
  for (const v1::ErasurePreview& preview : response->categories()) {
    table.AddRow(
        {KebabName(preview.category()), absl::StrCat(preview.values_erased()), absl::StrCat(preview.values_held())});
  }
  session.Print(*response, table);
  if (session.format() == OutputFormat::kTable) session.out() << "Erasure orders: " << response->orders() << "\n";
  PrintKeepers(session, response->holds());
}

// What a preview is asked for.
struct Scope {
  std::string controller;
  std::string pbx;
  std::string meeting;
  std::string extension;
  std::string poll;
  std::string object;
  std::string category;
  std::string due_through;
};

// Which options go together was checked by the command line.
v1::PreviewErasureRequest PreviewOf(const Scope& scope) {
  v1::PreviewErasureRequest request;
  if (!scope.controller.empty()) {
    request.set_controller_id(scope.controller);
  } else if (!scope.due_through.empty()) {
    *request.mutable_due_through() = ValueOrUsageError(ParseDate(scope.due_through), "--due-through");
  } else if (!scope.object.empty()) {
    v1::DeleteObjectRequest& object = *request.mutable_object();
    object.set_pbx_id(scope.pbx);
    object.set_meeting_id(scope.meeting);
    object.set_category(ValueNamed<v1::DataCategory>(scope.category));
    object.set_object_id(scope.object);
  } else if (!scope.meeting.empty()) {
    request.mutable_meeting()->set_pbx_id(scope.pbx);
    request.mutable_meeting()->set_meeting_id(scope.meeting);
  } else if (!scope.extension.empty()) {
    request.mutable_extension()->set_pbx_id(scope.pbx);
    request.mutable_extension()->set_number(scope.extension);
  } else if (!scope.poll.empty()) {
    request.mutable_poll()->set_pbx_id(scope.pbx);
    request.mutable_poll()->set_poll_id(scope.poll);
  } else {
    request.set_pbx_id(scope.pbx);
  }
  return request;
}

void AddPreview(Command root, CommandSession& session) {
  const Command preview =
      root.AddNoun("erasures", "What an erasure would do")
          .AddVerb("preview", "Says what an erasure would erase and holds would keep; erases nothing");
  auto scope = std::make_shared<Scope>();
  const OptionGroup whole = preview.AddChoice("Scope");
  whole.AddOption("--controller", scope->controller, "Every PBX of a controller");
  const Option pbx = whole.AddOption("--pbx", scope->pbx, "A PBX");
  whole.AddOption("--due-through", scope->due_through, "What falls due until the end of this day");
  const Option meeting = preview.AddOption("--meeting", scope->meeting, "A meeting").Needs(pbx);
  const Option extension =
      preview.AddOption("--extension", scope->extension, "An extension").Needs(pbx).Excludes(meeting);
  preview.AddOption("--poll", scope->poll, "A poll").Needs(pbx).Excludes(meeting).Excludes(extension);
  const Option object = preview.AddOption("--object", scope->object, "A recording, PDF or file").Needs(meeting);
  const Option category = preview.AddOption("--category", scope->category, "Which of these the object is")
                              .OneOf(ObjectCategoryNames())
                              .Needs(object);
  object.Needs(category);
  preview.SetFooter("Example:\n  retentionctl erasures preview --pbx pbx-17 --extension 100");
  preview.SetAction([scope, &session] { Preview(session, PreviewOf(*scope)); });
}

}  // namespace

void AddDeletionCommands(Command root, CommandSession& session) {
  AddDelete(root.AddNoun("pbxs", ""), session, "Ends a PBX with everything that ends with it", {"PBX"},
            [&session](const Arguments& arguments) { DeletePbx(session, arguments); });
  AddDelete(root.AddNoun("extensions", "Extensions of PBXs"), session,
            "Ends an extension, its polls and its meetings' PDFs", {"PBX", "EXTENSION"},
            [&session](const Arguments& arguments) { DeleteExtension(session, arguments); });
  AddDelete(root.AddNoun("meetings", ""), session, "Ends a meeting: everything but its history", {"PBX", "MEETING"},
            [&session](const Arguments& arguments) { DeleteMeeting(session, arguments); });
  struct Object {
    const char* noun;
    const char* description;
    v1::DataCategory category;
  };
  for (const Object& object : {Object{"recordings", "Recordings of meetings", v1::DATA_CATEGORY_RECORDING},
                               Object{"pdfs", "PDFs shared in meetings", v1::DATA_CATEGORY_PDF_SHARE},
                               Object{"files", "Files shared in meetings", v1::DATA_CATEGORY_FILE_SHARE}}) {
    AddDelete(root.AddNoun(object.noun, object.description), session, "Ends one, with an erasure order to the portal",
              {"PBX", "MEETING", "OBJECT"}, [&session, category = object.category](const Arguments& arguments) {
                DeleteObject(session, category, arguments);
              });
  }
  AddDelete(root.AddNoun("polls", "Polls"), session, "Ends a poll with its answers", {"PBX", "POLL"},
            [&session](const Arguments& arguments) { DeletePoll(session, arguments); });
  AddPreview(root, session);
}

}  // namespace retention
