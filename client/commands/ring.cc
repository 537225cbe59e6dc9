// ring status | rotate | verify
#include "absl/strings/str_cat.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/command_session.h"
#include "client/commands/enum_names.h"
#include "client/commands/table_cells.h"
#include "client/human_units.h"
#include "retention/v1/ring_service.pb.h"

namespace retention {
namespace {

// All of a ring is read, or rewritten.
constexpr absl::Duration kRingTimeout = absl::Minutes(10);

void ShowStatus(CommandSession& session) {
  const auto status = session.Expect(session.MakeClient().GetRingStatus(v1::GetRingStatusRequest()));
  if (!status) return;
  OutputTable table({{"FIELD", "field"}, {"VALUE", "value"}});
  const auto add = [&table](const char* name, const char* csv_name, TableCell value) {
    table.AddRow({TableCell(name, csv_name), std::move(value)});
  };
  const TableCell never("never", "");
  add("generation", "generation", CountCell(status->generation()));
  add("replicas", "replicas", CountCell(status->replicas()));
  add("stale replicas", "stale_replicas", CountCell(status->stale_replicas()));
  add("keys lost", "entries_lost", CountCell(status->entries_lost()));
  add("pages untouched", "pages_untouched", CountCell(status->pages_untouched()));
  add("pages opened", "pages_opened", CountCell(status->pages_opened()));
  add("owners", "owners", CountCell(status->owners()));
  add("bytes a replica", "size_bytes", CountCell(status->size_bytes()));
  add("destroyed through", "destroyed_through",
      status->has_destroyed_through() ? TableCell(ReadableDate(status->destroyed_through())) : TableCell("-", ""));
  add("wrapping key", "wrapped", YesOrNo(status->wrapped()));
  add("root", "root", KebabName(status->root()));
  if (status->root() != v1::RING_ROOT_KIND_NONE) {
    add("root changed (UTC)", "root_change_time",
        status->has_root_change_time() ? TimeCell(status->root_change_time()) : never);
    add("erased since", "erased_since_root_change", YesOrNo(status->erased_since_root_change()));
    if (status->has_root_overdue_since()) {
      add("CHANGE OVERDUE (UTC)", "root_overdue_since", TimeCell(status->root_overdue_since()));
    }
  }
  session.Print(*status, table);
}

void Rotate(CommandSession& session) {
  const auto rotated = session.Expect(session.MakeClient(kRingTimeout).RotateRingRoot(v1::RotateRingRootRequest()));
  if (!rotated) return;
  OutputTable table({TableColumn{"ROOT CHANGED (UTC)", "root_change_time"}});
  table.AddRow(std::vector{TimeCell(rotated->root_change_time())});
  session.Print(*rotated, table);
}

void Verify(CommandSession& session) {
  session.Progress("reading the ring ...");
  const auto found = session.Expect(session.MakeClient(kRingTimeout).VerifyRing(v1::VerifyRingRequest()));
  session.Progress("");
  if (!found) return;
  OutputTable table({{"REPLICA", "replica"}, {"STATE", "state"}, {"DAMAGED", "damaged", true}});
  for (int i = 0; i < found->replicas_size(); ++i) {
    const v1::RingReplicaCheck& replica = found->replicas(i);
    table.AddRow({std::string(1, static_cast<char>('a' + i)),
                  replica.stale()        ? "stale"
                  : replica.unreadable() ? "unreadable"
                                         : "read",
                  CountCell(replica.damaged())});
  }
  session.Print(*found, table);
  if (session.format() == OutputFormat::kTable) {
    session.out() << "Keys: " << ReadableCount(static_cast<int64_t>(found->entries())) << ", owners in opened pages: "
                  << ReadableCount(static_cast<int64_t>(found->owners_in_opened_pages()))
                  << ", differing: " << ReadableCount(static_cast<int64_t>(found->differing()))
                  << ", lost: " << ReadableCount(static_cast<int64_t>(found->lost())) << "\n";
  }
  if (!found->sound()) session.Fail("the key ring is not sound");
}

}  // namespace

void AddRingCommands(Command root, CommandSession& session) {
  const Command ring = root.AddNoun("ring", "The key ring: the secrets whose destruction is the erasure");
  ring.AddVerb("status", "What the ring holds, and what stands above it").SetAction([&session] {
    ShowStatus(session);
  });
  ring.AddVerb("rotate", "Changes its root now")
      .SetFooter(
          "Afterwards no image of the ring from before opens what was destroyed. The server changes the root by "
          "itself\n"
          "when days end, and within an hour of any other erasure. A TPM wears with every change.")
      .SetAction([&session] { Rotate(session); });
  ring.AddVerb("verify", "Reads all replicas, checks every checksum and compares them; exit code 1 if one is damaged")
      .SetFooter("A restart of the server mends what is damaged in one replica from the other.")
      .SetAction([&session] { Verify(session); });
}

}  // namespace retention
