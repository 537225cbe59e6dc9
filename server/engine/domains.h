// The domains: every part that knows a sentence of the notice, over one state of what is held.
#ifndef RETENTION_SERVER_ENGINE_DOMAINS_H_
#define RETENTION_SERVER_ENGINE_DOMAINS_H_

#include "absl/status/status.h"
#include "server/controllers/controllers.h"
#include "server/days/cohort_releaser.h"
#include "server/days/day_ender.h"
#include "server/days/room_renamer.h"
#include "server/holds/hold_commands.h"
#include "server/holds/hold_keeping.h"
#include "server/holds/hold_register.h"
#include "server/logs/log_retention.h"
#include "server/meetings/meeting_cache.h"
#include "server/pbxs/pbx_commands.h"
#include "server/pbxs/pbx_ender.h"
#include "server/policies/policy_refiler.h"
#include "server/recording/person_commands.h"
#include "server/recording/recorder.h"
#include "server/rows/holdings.h"

namespace retention {

// Over the store they are what the engine works with; over a snapshot, whose changes nobody commits, a preview.
struct Domains {
  // REQUIRES: all outlive it. `first` is in force until Load finds another policy.
  Domains(const StoreView& view, KeyRing& ring, Vault& vault, RandomSource& random, Policy first)
      : holdings(view, ring, vault, random, std::move(first)),
        meetings(view, vault, holdings.names, holdings.policies),
        hold_commands(holdings, holds),
        keeping(holdings, holds),
        controllers(holdings),
        pbx_ender(holdings, meetings, keeping),
        pbxs(holdings, holds, pbx_ender),
        recorder(holdings, meetings, pbxs),
        persons(holdings, meetings, recorder.filer()),
        logs(holdings),
        refiler(holdings, meetings, recorder.filer(), logs),
        days(holdings, keeping, meetings),
        cohorts(holdings),
        names(holdings, meetings) {
    holdings.keeper = &holds;
    holdings.on_extensions = [this] { recorder.ForgetExtensions(); };
  }
  Domains(const Domains&) = delete;
  Domains& operator=(const Domains&) = delete;

  // Takes up what the store says, but for descriptions of controllers, of which nothing that ends asks: up to 48 MiB.
  // DATA_LOSS if a row does not parse or open.
  absl::Status Load() {
    if (absl::Status s = holdings.Load(); !s.ok()) return s;
    if (absl::Status s = logs.Load(); !s.ok()) return s;
    return holds.Load(holdings.store, holdings.vault);
  }

  Holdings holdings;
  HoldRegister holds;
  MeetingCache meetings;
  HoldCommands hold_commands;
  HoldKeeping keeping;
  Controllers controllers;
  PbxEnder pbx_ender;
  PbxCommands pbxs;
  Recorder recorder;
  PersonCommands persons;
  LogRetention logs;
  PolicyRefiler refiler;
  DayEnder days;
  CohortReleaser cohorts;
  RoomRenamer names;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ENGINE_DOMAINS_H_
