// The key ring: the secrets whose destruction is the erasure.
//
// One random 256-bit key per due day, per PBX, per unreleased cohort, per month of names and per page of owners'
// numbers, outside the store and outside its backups. Destroying one overwrites it where it lies, in every replica;
// after that no copy of any value sealed under it can be opened again (NIST SP 800-88: cryptographic erase). On
// copy-on-write file systems and flash the old blocks may outlive the overwrite; put the ring on a volume that does not
// keep them.
//
// An owner is what is erased as a whole before its day: what an occurrence has of a person, a recording, an extension.
// It has a number, never given twice, and a secret, without which what is sealed under it opens in no copy. Numbers
// come in pages of 256, whose secrets follow from one seed. The first that is destroyed opens its page: the others'
// secrets are written out, and the seed is destroyed.
#ifndef RETENTION_STORAGE_SECRETS_KEY_RING_H_
#define RETENTION_STORAGE_SECRETS_KEY_RING_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/due_day.h"
#include "storage/ids.h"
#include "storage/key_use.h"
#include "storage/mutex.h"
#include "storage/secrets/attempt.h"
#include "storage/secrets/hmac.h"
#include "storage/secrets/locked_bytes.h"
#include "storage/secrets/ring_opening.h"
#include "storage/secrets/ring_report.h"
#include "storage/secrets/ring_values.h"
#include "storage/secrets/root_key.h"
#include "storage/secrets/secret_key.h"

namespace retention {

// Thread-safe. What is found does not wait for a disk, but for secrets of opened pages.
//
// Errors: DATA_LOSS if all heads are damaged, or a file is missing in all replicas (the server must not start: it would
// mint new keys; an entry that is damaged in all replicas, as zeros are, costs itself, and is overwritten);
// FAILED_PRECONDITION for an unknown version, a ring that was rolled back or that another process has open, and a
// directory that others have access to or that holds something else; INVALID_ARGUMENT for a ring that is not the known
// one; RESOURCE_EXHAUSTED if the disk is full; UNAVAILABLE for other I/O errors. A change that failed may be tried
// again. It is durable in all replicas but those that stale_replicas() counts.
class KeyRing {
 public:
  struct Options {
    // Fills `size` bytes with fresh randomness. Default: the operating system's.
    std::function<absl::Status(uint8_t* bytes, size_t size)> random;
    // Called before each write and sync of a replica: a test can fail or stop there.
    std::function<absl::Status(size_t replica, RingFile, RingReplica::Io)> on_io;
    // The same before each opening of a file to be written, and each read.
    std::function<absl::Status(size_t replica, RingFile, RingReplica::Access)> on_access;
    // Called when the replica in `directory` comes out of reach, with why, and when it is in reach again, with OK. It
    // must not call the ring.
    std::function<void(const std::string& directory, const absl::Status& why)> on_reach;
    // Where the second replica lies; empty: beside the first.
    std::string second_directory;
    // What is known of the ring by others, and about its replicas.
    RingOpening opening;
    // How many blocks for opened pages are kept allocated: so many pages can be opened when the disk is full.
    size_t spare_blocks = 4;
    // The keys above the ring, if there are any (wrapping.h, root_key.h). A ring that had none before takes them on;
    // one that has them opens with no other.
    std::optional<SecretKey> wrapping;
    std::shared_ptr<RootKey> root;
    // For how long the machine has been running: what failed is tried again by that where the clock stands still.
    std::function<absl::Duration()> running = TimeRunning;
  };

  // Makes a new, empty ring in `directory`, which is made if need be. ALREADY_EXISTS if there is one. Errors of the
  // root as RootKey's.
  static absl::StatusOr<std::unique_ptr<KeyRing>> Create(const std::string& directory, Options options);
  // Opens the ring in `directory`. NOT_FOUND if there is none.
  static absl::StatusOr<std::unique_ptr<KeyRing>> Open(const std::string& directory, Options options);

  KeyRing(const KeyRing&) = delete;
  KeyRing& operator=(const KeyRing&) = delete;

  // Random identity, so that a store and its ring can recognise each other.
  std::string identity() const;
  // Grows with every key that is made or destroyed, and with the loss of a replica.
  uint64_t generation() const;
  // Replicas that could not be written, and may hold what was destroyed since.
  size_t stale_replicas() const;
  // All of them are: nothing can be made or destroyed.
  bool out_of_reach() const;
  // Looks whether all replicas are there; finishes what a failure cut short, and overwrites those that could not be
  // written. They are opened anew by their paths, since their volumes may have been away. What the process knows
  // counts: the last that was written to is gone on with only as it was left. OK: nothing is left to do. One whose
  // overwriting fails again and again is overwritten ever more rarely, kRebuildWait apart at most, by `now` or by
  // the time that the machine runs, whichever goes on.
  absl::Status Mend(absl::Time now = absl::InfiniteFuture());
  static constexpr absl::Duration kRebuildWait = absl::Minutes(1);
  // How many replicas and entries were overwritten when it was opened; entries that are damaged in all replicas.
  struct Found {
    size_t replicas_rebuilt = 0;
    size_t entries_mended = 0;
    size_t entries_damaged = 0;
    bool rolled_back = false;  // and it was accepted
  };
  const Found& found() const { return found_; }
  // False if the limit on locked memory was too low.
  bool memory_is_locked() const;

  // For keyed hashes of identifiers.
  SecretKey HashKey() const;
  // Of the key that the ledger's checkpoints are signed with. It opens nothing.
  SecretKey CheckpointSeed() const;
  // For values that live until an explicit trigger (due day Open()), and for erasure orders.
  SecretKey OpenKey() const;

  // Returns the key of `day`, minted and durable if there was none. FAILED_PRECONDITION if `day` was destroyed.
  // REQUIRES: day.is_civil().
  absl::StatusOr<SecretKey> ForDay(DueDay day);
  // The key of `day`, if there is one.
  std::optional<SecretKey> FindDay(DueDay day) const;
  // After OK, the keys of all days up to and including `last` exist nowhere on this machine; secrets of owners that
  // were to live until then go within a month. From the instant that the ring's head says so (`generation`) on, a start
  // completes it. `now` is kept in unentered() if the days had keys. `rescues` stay until DropRescues. Destroying twice
  // is OK. REQUIRES: last.is_civil(), else INVALID_ARGUMENT.
  absl::Status DestroyDaysThrough(DueDay last, absl::Time now = absl::UnixEpoch(),
                                  std::span<const RescuedKey> rescues = {});
  // The days that have keys, up to and including `last`.
  std::vector<DueDay> DaysThrough(DueDay last) const;
  // What was rescued of a day.
  std::optional<SecretKey> FindRescue(DueDay day, const PbxId& pbx, PbxKeyUse use) const;
  // The first day of which anything was; None() if nothing is left.
  DueDay FirstRescued() const;
  // Destroys what was rescued of the days up to and including `through`.
  absl::Status DropRescues(DueDay through);
  // Whether anything that was destroyed still lies on a disk, after a failure. The next change, or Mend, goes on.
  bool unfinished() const;
  // The last day destroyed; DueDay::None() if none was.
  DueDay destroyed_through() const;
  // Destructions that no ledger tells of yet; what to call when it does. Ascending.
  std::vector<UnenteredDestruction> unentered() const;
  absl::Status MarkEntered(DueDay through);

  // What destructions that have no store must heed, as far as it is known. Where an entry was damaged in all replicas,
  // or the ring may not be the last one, the zone is forgotten: nobody knows what else was.
  DueRules due_rules() const;
  // After OK the ring knows that holds may keep what `pbxs` have until the end of `until`, or later; that nothing may
  // be destroyed by the ring alone until SetDueRules says otherwise.
  absl::Status HoldPbxs(std::span<const PbxId> pbxs, DueDay until);
  absl::Status SuspendDue();
  // After OK it knows `rules`, and nothing else. Writes nothing if it did. INVALID_ARGUMENT if the zone's name is
  // longer than kMaxZoneBytes.
  absl::Status SetDueRules(const DueRules& rules);
  // PBXs that have a key, or an order key.
  std::vector<PbxId> Pbxs() const;

  // The same for PBXs. MintPbx returns the key if there is one already; FAILED_PRECONDITION if it was narrowed.
  absl::StatusOr<SecretKey> MintPbx(const PbxId& pbx);
  std::optional<SecretKey> FindPbx(const PbxId& pbx) const;
  // What the PBX's key yields for values that its end still needs: its order key, from which the key cannot be found.
  std::optional<SecretKey> FindPbxOrders(const PbxId& pbx) const;
  // After OK, of the PBX's key nothing but its order key exists on this machine. Does nothing without a key.
  absl::Status NarrowPbx(const PbxId& pbx);
  // Destroys both.
  absl::Status DestroyPbx(const PbxId& pbx);

  // The same for cohorts, named by their last civil day: the key under which people are hashed until the release.
  // FAILED_PRECONDITION if the cohort was destroyed.
  absl::StatusOr<SecretKey> ForCohort(DueDay last_day);
  std::optional<SecretKey> FindCohort(DueDay last_day) const;
  absl::Status DestroyCohortsThrough(DueDay last);
  DueDay cohorts_destroyed_through() const;

  // Keys of names, oldest first; the last one is for what is named anew. Empty before the first is made.
  std::vector<NamesKey> NamesKeys() const;
  // Makes this one, durable on return; does nothing if it is there. REQUIRES: it is beyond the last.
  absl::Status MintNames(uint32_t number, DueDay today);
  // After OK, those with lower numbers exist nowhere on this machine.
  absl::Status DestroyNamesBefore(uint32_t number);

  // A new owner's number. Waits for the disk once in 4,096 times. `until`: nothing that it owns is ever filed under a
  // later day; it goes within 32 days of that. `room`: whether it may take what KeepRoom keeps, if the disk is full.
  enum class Room : uint8_t { kAny, kKept };
  absl::StatusOr<OwnerNumber> NewOwner(DueDay until, Room room = Room::kAny);
  // From now on the disk has room for so many new owners' numbers without a day, and for so many rescues, which a full
  // one is not to refuse; nothing else is given it. Waits for the disk only when the room changes, in steps of 16,384
  // numbers. RESOURCE_EXHAUSTED if it is not there: what there is of it is kept.
  absl::Status KeepRoom(uint64_t owners, uint64_t rescues);
  // Its secret, unless it is gone. `filed`: the day that something of it is filed under. DATA_LOSS if it was damaged in
  // all replicas: that it lives so long as the day does is what tells a lost page from one that ended.
  struct Owner {
    SecretKey secret;
    bool restricted = false;
  };
  absl::StatusOr<std::optional<Owner>> FindOwner(OwnerNumber number, DueDay filed = DueDay::None()) const;
  // After OK, the secrets of `owners` exist nowhere on this machine. What is gone already is passed over.
  absl::Status DestroyOwners(std::span<const OwnerNumber> owners);
  // Whether anything was found damaged in all replicas, at the opening or since, and is lost with what it seals: from
  // the first that meets it on, be it a read, until MarkLossTold says that a ledger tells of it.
  bool has_untold_loss() const;
  absl::Status MarkLossTold();
  // Whether it is to be shown to those alone who handle rights (GDPR article 18).
  absl::Status RestrictOwner(OwnerNumber owner, bool restricted);

  // Changes the root: what was destroyed before opens with no image of the ring from before, whatever of it was
  // overwritten. Others wait for part of it at a time. FAILED_PRECONDITION without a root; errors of RootKey. What a
  // failure cut short the next change, or Mend, undoes or ends.
  absl::Status ChangeRoot(absl::Time now);
  // When the root was last changed is in status(). It is due at once when days were destroyed since, and kRootInterval
  // after it for anything else, since a TPM wears. Returns whether it was changed.
  absl::StatusOr<bool> ChangeRootIfDue(absl::Time now);
  static constexpr absl::Duration kRootInterval = absl::Hours(1);

  // OK if the root is where it is said to be, or there is none; asked of it at most every kRootLook. What is destroyed
  // meanwhile is overwritten all the same, but the next start would be refused.
  absl::Status LookForRoot(absl::Time now);
  static constexpr absl::Duration kRootLook = absl::Minutes(1);

  // A step of looking for damage in all replicas that are in reach, kInspectedBytes of each or so, from where the last
  // one ended; after the last part comes the first. Heads and entries are compared with memory and written anew, be
  // they damaged in all; of an opened page what is whole in one replica is written to the others, and what is damaged
  // in all is lost, and overwritten. A replica that cannot be read, or has a head of the past, is stale from then on,
  // unless it is the last. Errors: nothing could be read, or written; what `found` got stands.
  using Inspection = RingInspection;
  absl::Status Inspect(Inspection& found);
  static constexpr size_t kInspectedBytes = 256 << 10;

  RingStatus status() const;
  absl::StatusOr<RingVerification> Verify() const;  // of replicas that are not stale; changes wait for part at a time
  uint64_t size() const;                            // bytes in one replica

 private:
  struct EntryName {
    RingEntryKind kind = RingEntryKind::kNone;
    uint64_t name = 0;
    DueDay day;  // of rescues

    friend auto operator<=>(const EntryName&, const EntryName&) = default;
  };
  static EntryName NameOf(const RingEntry& entry);
  static bool IsRescue(RingEntryKind kind) {
    return kind >= RingEntryKind::kRescueNotNeeded && kind <= RingEntryKind::kRescueForOrders;
  }
  struct Page {
    std::optional<size_t> block;  // opened: its entry holds the block's key; else the seed
    DueDay until;
  };
  // Of a page whose numbers are being given.
  struct Giving {
    uint64_t page = 0;
    size_t next = 0;
    std::optional<HmacKey> seed;  // until the page is opened
  };

  explicit KeyRing(Options options) : options_(std::move(options)) {}
  // Finds the keys in a head. FAILED_PRECONDITION if they are under others than `options_` has.
  absl::Status UnwrapHead(RingHead& head) const;
  // Puts them there, under a root that is made for it.
  absl::Status WrapHead(RingHead& head) const;
  std::vector<std::string> Directories(const std::string& directory) const;
  absl::Status CheckDirectories(const std::string& directory) const;
  absl::StatusOr<std::vector<std::unique_ptr<RingReplica>>> OpenReplicas(const std::string& directory) const;
  // Opens the lost replica `i` anew, to be written as memory says.
  absl::Status ReopenLost(size_t i) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status RebuildStale(size_t i, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status Overwrite(size_t i) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // Takes from the stale replica `i` what the others lack by damage. FAILED_PRECONDITION if it is to be left as it
  // lies: it is a later one, or nothing tells whether what it has was destroyed since.
  absl::Status TakeBack(size_t i, const RingHead& head) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status WriteBack(const std::map<OwnerNumber, OwnerSlot>& back) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status FindDamaged() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // Whether one that is out of reach may have what is damaged in all others: that is not lost yet, and left as it lies.
  bool MayBeElsewhere() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status GiveUpElsewhere() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  void Take(OpenedRing ring) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_, mutex_);
  absl::Status Load() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // What lies in `keys`; whether any of it is damaged in all replicas. That, and what is of no use, is dirty then.
  bool LoadEntries(ConstByteSpan entries) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_, mutex_);
  absl::Status CountBlocks() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status LoadBlocks() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status Draw(uint8_t* bytes, size_t size) const;
  absl::StatusOr<SecretKey> DrawKey() const;

  std::optional<SecretKey> Find(RingEntryKind kind, uint64_t name, DueDay day = DueDay::None()) const;
  std::optional<Page> PageAt(uint64_t page) const;
  ConstByteSpan EntryAt(size_t slot) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // nullopt if it was never written.
  std::optional<RingEntry> KnownEntry(size_t slot) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void Know(size_t slot, const RingEntry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of an entry that is whole, as all that are found by their names are.
  SecretKey SecretAt(size_t slot) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // Durable on return; finds it if it is there already.
  absl::StatusOr<SecretKey> Mint(RingEntryKind kind, uint64_t name, DueDay until = DueDay::None())
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // Without a new generation.
  absl::Status Put(std::span<const RingEntry> entries, Room room = Room::kAny)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status Reserve(size_t entries, Room room) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // What each slot shall hold; nothing: zeros, as before it was ever written. Under the keys of `head`.
  using Slots = std::map<size_t, std::optional<RingEntry>>;
  absl::Status WriteSlots(const Slots& slots, const RingHead& head) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // Another secret for an entry that there is: in memory at once, on the disks by Finish. `destroys`: the former goes.
  void Rewrite(const RingEntry& entry, bool destroys) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // Out of memory at once; off the disks by Finish. `destroys`: it was a secret, and leaves a tombstone.
  void Forget(const EntryName& name, bool destroys = true) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  void ForgetPage(uint64_t page) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  void ForgetThrough(DueDay last) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // Entries of rules, new or over those that there are, with a new generation. Writes nothing if they are there.
  absl::Status PutRules(std::span<const RingEntry> entries) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status DropZone() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // Overwrites what was forgotten, and what a failed write may have left.
  absl::Status Finish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status WriteHead(RingHead next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // Something that was destroyed is overwritten.
  void NoteErasure() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    erased_since_root_ = true;
    ++erasures_;
  }
  // A new generation, and nothing else.
  absl::Status WriteNextHead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // The same, owed until it is written.
  absl::Status Bump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // Writes of `keys` or `pages`; a replica that is lost by it will be known for stale.
  absl::Status Write(RingFile file, std::span<const RingWrite> writes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status Extend(RingFile file, uint64_t size) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);

  // What the replicas in reach have there, one at least.
  absl::StatusOr<std::vector<LockedBytes>> ReadRun(RingFile file, uint64_t offset, size_t size)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // The same of a file that was cut in all of them, which is filled with zeros first: what memory knows of it is
  // written anew, and the rest is found damaged. `why` if that is not so.
  absl::StatusOr<std::vector<LockedBytes>> ReadCut(RingFile file, uint64_t offset, size_t size, const absl::Status& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  void SetStale(size_t replica, const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // Files of a replica that were removed, or replaced, while it has them open are made anew. Whether any was.
  absl::StatusOr<bool> PutBackFiles(size_t replica) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // The same of all in reach. One of which that fails is stale from then on, unless it is the last.
  absl::Status InspectNames() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status InspectHead(Inspection& found) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status InspectEntries(size_t from, size_t to, Inspection& found) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // From where it goes on up to `to`.
  absl::Status InspectBlocks(size_t to, Inspection& found) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // `page`: whose block it is, if an entry names it; one without a header that is whole anywhere goes to `headless`.
  absl::Status InspectBlock(size_t block, std::optional<uint64_t> page, std::vector<uint64_t>& headless,
                            Inspection& found) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);

  absl::Status MintPages(size_t pages, DueDay until, Room room) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status OpenPages(std::span<const uint64_t> pages) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status ReserveBlocks(size_t blocks) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::StatusOr<OwnerSlot> ReadSlot(size_t block, OwnerNumber number) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // What is damaged in all replicas is lost.
  void NoteLost(OwnerNumber number) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // Says on the disks that something is lost, before anything of it is overwritten; overwrites what NoteLost noted.
  absl::Status PutLoss() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status WriteLost() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // That makes the slots of `owners` say so, in `bytes`, which outlive them.
  std::vector<RingWrite> WritesOf(const absl::flat_hash_set<OwnerNumber>& owners, OwnerState state,
                                  std::vector<uint8_t>& bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // The next number that may be given, if one is minted; whether nothing is the matter with it.
  struct NextOwner {
    OwnerNumber number = 0;
    bool is_opened = false;  // its page
  };
  std::optional<NextOwner> NextNumber(DueDay span);
  void GiveUp(uint64_t page, DueDay span);
  bool IsSound(OwnerNumber number) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // All of an opened page, each from the first replica in which it is whole.
  absl::StatusOr<std::vector<OwnerSlot>> ReadSlots(uint64_t page) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // A block for each page with its owners as `slots_of` says, under a new key; durable, and in memory its page's.
  using SlotsOf = std::function<absl::StatusOr<std::vector<OwnerSlot>>(uint64_t page)>;
  absl::Status WriteBlocks(std::span<const uint64_t> pages, const SlotsOf& slots_of)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // Writes blocks of which owners went under new keys, `most` of them or fewer.
  absl::Status Rekey(size_t most) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // All entries under a new key, that under a new root.
  absl::Status Reseal(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status DropFormerRoot() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  bool RootIsDue(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);

  const Options options_;
  Found found_;

  // Whoever changes the ring, for as long as it takes; mutex_ is for memory alone.
  mutable Mutex write_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  mutable Mutex mutex_;
  std::unique_ptr<RingDisk> disk_;
  RingHead head_ ABSL_GUARDED_BY(mutex_);
  LockedBytes entries_ ABSL_GUARDED_BY(mutex_);  // as they lie, but for their seals
  std::map<EntryName, size_t> slots_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, Page> pages_ ABSL_GUARDED_BY(mutex_);
  std::map<DueDay, Giving> giving_ ABSL_GUARDED_BY(mutex_);
  std::map<DueDay, std::deque<uint64_t>> ahead_ ABSL_GUARDED_BY(mutex_);  // minted, and none given

  // Free entries that nobody gets but for Room::kKept.
  std::atomic<size_t> kept_entries_ = 0;
  std::atomic<bool> lacks_room_ = false;

  std::set<size_t> free_slots_ ABSL_GUARDED_BY(write_mutex_);
  size_t written_slots_ ABSL_GUARDED_BY(write_mutex_) = 0;  // all before it have a check where they lie
  std::set<size_t> free_blocks_ ABSL_GUARDED_BY(write_mutex_);
  bool lacks_pages_ ABSL_GUARDED_BY(write_mutex_) = false;  // what lies in opened pages is left alone
  size_t blocks_ ABSL_GUARDED_BY(write_mutex_) = 0;
  uint64_t next_page_ ABSL_GUARDED_BY(write_mutex_) = 0;
  std::set<std::pair<DueDay, uint64_t>> pages_until_ ABSL_GUARDED_BY(write_mutex_);
  bool bump_owed_ ABSL_GUARDED_BY(write_mutex_) = false;  // a generation that could not be written yet
  // Of a change of the root: a head that failed may lie on a disk, and says that other entries count.
  bool head_unsure_ ABSL_GUARDED_BY(write_mutex_) = false;
  bool second_head_owed_ ABSL_GUARDED_BY(write_mutex_) = false;
  bool former_root_ ABSL_GUARDED_BY(write_mutex_) = false;      // another root than the head's may still be there
  uint64_t last_generation_ ABSL_GUARDED_BY(write_mutex_) = 0;  // the highest that a write was tried with
  bool erased_since_root_ ABSL_GUARDED_BY(write_mutex_) = false;
  uint64_t erasures_ ABSL_GUARDED_BY(write_mutex_) = 0;
  // Of stale replicas that have no room: how many there were when all that they have was overwritten.
  std::map<size_t, uint64_t> overwritten_at_ ABSL_GUARDED_BY(write_mutex_);
  Attempt AttemptAt(absl::Time now) const { return {.now = now, .running = options_.running()}; }
  std::map<size_t, FailedAttempt> failed_rebuilds_ ABSL_GUARDED_BY(write_mutex_);  // of those whose overwriting failed
  RingReturns returns_ ABSL_GUARDED_BY(write_mutex_);
  std::optional<absl::Time> root_due_since_ ABSL_GUARDED_BY(write_mutex_);
  std::optional<Attempt> root_tried_ ABSL_GUARDED_BY(write_mutex_);
  std::optional<Attempt> root_looked_ ABSL_GUARDED_BY(write_mutex_);
  absl::Status root_found_ ABSL_GUARDED_BY(write_mutex_);
  std::set<uint64_t> touched_ ABSL_GUARDED_BY(write_mutex_);  // pages whose owners went under the key of their block
  std::vector<std::string> put_back_ ABSL_GUARDED_BY(write_mutex_);  // that no Inspect told of
  // Where Inspect goes on: an entry or a block, by its place.
  RingFile inspected_file_ ABSL_GUARDED_BY(write_mutex_) = RingFile::kHead;
  size_t inspected_ ABSL_GUARDED_BY(write_mutex_) = 0;
  mutable uint64_t lost_since_ ABSL_GUARDED_BY(write_mutex_) = 0;   // it was opened
  mutable uint64_t lost_unseen_ ABSL_GUARDED_BY(write_mutex_) = 0;  // of these, that no Inspect told of
  mutable absl::flat_hash_set<OwnerNumber> lost_owners_ ABSL_GUARDED_BY(write_mutex_);  // damaged on the disks yet
  // To be brought to what memory says, or overwritten, too; nothing that was destroyed waits for it.
  std::set<size_t> leftover_slots_ ABSL_GUARDED_BY(write_mutex_);
  std::set<size_t> leftover_blocks_ ABSL_GUARDED_BY(write_mutex_);
  std::set<size_t> replaced_blocks_ ABSL_GUARDED_BY(write_mutex_);  // free once no entry on a disk names them
  std::set<size_t> dirty_slots_ ABSL_GUARDED_BY(write_mutex_);
  std::set<size_t> dirty_blocks_ ABSL_GUARDED_BY(write_mutex_);
  absl::flat_hash_set<OwnerNumber> dirty_owners_ ABSL_GUARDED_BY(write_mutex_);
};

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_KEY_RING_H_
