//! Deliberate defects, for tests that must be able to fail.
//!
//! A harness that never fails proves nothing. Each defect here breaks one thing that the engine does
//! on purpose; `mainstem-crashtest defects` switches them on one at a time and expects a check to
//! notice. The feature `defects` makes the switch: without it [`is_planted`] is a constant, the code
//! behind it is gone, and so is everything public in this module.

#[cfg(all(feature = "defects", not(debug_assertions)))]
compile_error!("the feature `defects` breaks the engine on purpose; it is for test builds only");

mainstem_env::defects! {
    of "the engine":
    /// Groups are written and not synced: a power cut takes acknowledged records.
    SyncSkipped = "sync-skipped",
    /// Only one group in four is synced, by where it lies: a power cut takes acknowledged records.
    SyncSkippedMostly = "sync-skipped-mostly",
    /// A sealed segment is not synced before its successor takes records: a power cut leaves a hole,
    /// and the shard opens read-only.
    SealNotSynced = "seal-not-synced",
    /// A group goes into the commit journal without a note that it is there alone: what still holds
    /// acknowledged records is deleted.
    JournalDirtForgotten = "journal-dirt-forgotten",
    /// A segment whose groups are in the commit journal passes for synced: they go with the journal.
    JournalFlushSkipped = "journal-flush-skipped",
    /// After a failed sync of a segment a later one that succeeds lets go of what the commit journal has.
    JournalNotPinned = "journal-not-pinned",
    /// The commit journal is not looked at when a directory is opened: what was durable in it alone is
    /// lost.
    JournalNotReplayed = "journal-not-replayed",
    /// What comes out of the commit journal is not synced before the journal is removed.
    ReplayNotSynced = "replay-not-synced",
    /// A failed sync is tried again, which succeeds and proves nothing: acknowledged records are lost.
    FailedSyncRetried = "failed-sync-retried",
    /// A failed sync is taken for a good one: acknowledged records are lost.
    FailedSyncIgnored = "failed-sync-ignored",
    /// A write that stopped half-way is taken for a whole one: acknowledged records are lost.
    ShortWriteIgnored = "short-write-ignored",
    /// An append for which there is no space is acknowledged: it was never written.
    FullDiskAcknowledged = "full-disk-acknowledged",
    /// Callers are told before their group is written: a crash takes acknowledged records.
    AckBeforeCommit = "ack-before-commit",
    /// A sync also releases those who joined while it ran: a crash takes acknowledged records.
    NextGroupReleased = "next-group-released",
    /// The durable mark moves before the sync: what was seen by readers is lost in a power cut.
    MarkBeforeSync = "mark-before-sync",
    /// Cursors read to the end of what is written: what was seen by readers is lost in a power cut.
    EndBeforeSync = "end-before-sync",
    /// Cursors do not look at the durable mark: a reader gets a record that another one, asking for the
    /// mark afterwards, is told is not there.
    ReaderAheadOfMark = "reader-ahead-of-mark",
    /// The index vouches for a group that is still to be written: a torn write is taken for damage,
    /// and the shard opens read-only.
    IndexBeforeData = "index-before-data",
    /// A group header counts itself as durable: a torn write is taken for damage, and the shard opens
    /// read-only.
    DurableUptoTooFar = "durable-upto-too-far",
    /// The directory is not synced after a segment was created: a power cut takes the segment.
    SegmentNameNotSynced = "segment-name-not-synced",
    /// The directory is not synced after a shard was created: a power cut takes the shard.
    ShardNameNotSynced = "shard-name-not-synced",
    /// Names found at the opening are not synced: a power cut takes what an earlier process created
    /// and this one wrote to.
    FoundNamesNotSynced = "found-names-not-synced",
    /// A file is renamed into its place before it is synced: a power cut leaves garbage in its place,
    /// and the engine does not open.
    RenamedBeforeSync = "renamed-before-sync",
    /// The numbers of a refused group are not given again: the log gets a hole, or appending ends.
    NumbersNotTakenBack = "numbers-not-taken-back",
    /// Groups do not keep out of space that is being filled with zeros: acknowledged records are
    /// overwritten.
    ZerosOverData = "zeros-over-data",
    /// The arrival time of a record is what the clock shows, also when it was set back: times are
    /// not in order, and reading from a time skips records.
    TimeGoesBack = "time-goes-back",
    /// An append that expects another position is taken: two writers of one log do not notice each
    /// other, and a retry appends twice.
    ExpectedIgnored = "expected-ignored",
    /// An append that is refused keeps its bytes: in the end nothing is taken any more.
    RefusedAppendKeepsBytes = "refused-append-keeps-bytes",
    /// Only one of those who wait for a group is woken: the others wait for ever.
    WaitersForgotten = "waiters-forgotten",
    /// An append that is polled with another waker wakes the old one: its task waits for ever.
    OldWakerKept = "old-waker-kept",
    /// Those who wait for records are not woken when there are some: readers wait for ever.
    ReadersForgotten = "readers-forgotten",
    /// A panic in a commit leaves the lead taken: whoever appends afterwards waits for ever.
    LeadLostInPanic = "lead-lost-in-panic",
    /// An append dropped while it waits for room keeps its place: the bytes are never given back, and
    /// in the end nothing is taken any more.
    DroppedAppendKeepsBytes = "dropped-append-keeps-bytes",
    /// Bytes are taken beyond the limit: memory is not bounded.
    BudgetIgnored = "budget-ignored",
    /// A shard goes on after a failed sync: what is on the disk behind its back is unknown.
    PoisonForgotten = "poison-forgotten",
    /// A failed sync of one shard does not stop the others: they lie on the medium that failed.
    NeighboursGoOn = "neighbours-go-on",
    /// The note of a close vouches for a shard that was poisoned: what is on the disk is believed
    /// unseen.
    PoisonedVouchedFor = "poisoned-vouched-for",
    /// The note of a close is not removed at the opening: it is believed again after it ceased to be
    /// true.
    CleanNoteKept = "clean-note-kept",
    /// The note of a close is removed and not made invalid before: where the sync of its removal
    /// failed, a power cut brings it back when it is not true any more.
    NoteNotInvalidated = "note-not-invalidated",
    /// The checksum of a record is not looked at: changed bytes are served.
    RecordNotChecked = "record-not-checked",
    /// A record that does not verify is passed over: acknowledged records are missing, unsaid.
    DamagedRecordSkipped = "damaged-record-skipped",
    /// The checksum of an index entry is not looked at: reading begins too late and skips records.
    IndexEntryNotChecked = "index-entry-not-checked",
    /// The checksum of a footer is not looked at: retention and readers pass over young records.
    FooterNotChecked = "footer-not-checked",
    /// A missing segment is passed over: acknowledged records are missing, unsaid.
    HoleNotNoticed = "hole-not-noticed",
    /// A segment of another shard is taken: records of somebody else are served.
    ForeignSegmentTaken = "foreign-segment-taken",
    /// Sequence numbers are not compared: a sector that was written to the wrong place passes.
    SequenceNotChecked = "sequence-not-checked",
    /// A group need not follow the one before it: bytes of an earlier life come back as records.
    ChainNotChecked = "chain-not-checked",
    /// Checksums do without the salt of their segment: bytes of another segment pass for records.
    SaltNotChecked = "salt-not-checked",
    /// Records past the retention are served: what had to be gone is not.
    ExpiredServed = "expired-served",
    /// Damage is always taken for a torn write: acknowledged records are cut off, unsaid.
    DamageCutAsTorn = "damage-cut-as-torn",
    /// A later group proves nothing: damage before it is cut off as a torn write.
    LaterGroupIgnored = "later-group-ignored",
    /// The index proves nothing: damage in the last group is cut off as a torn write.
    IndexProofIgnored = "index-proof-ignored",
    /// The whole records of a torn group are kept: half a batch is there.
    TornGroupKept = "torn-group-kept",
    /// After a torn write, appends go behind its remains and not in its place: the next opening does
    /// not find them.
    AppendedBehindTear = "appended-behind-tear",
    /// What a killed process left is served before it is synced: it is seen, and a power cut takes it.
    TailServedUnsynced = "tail-served-unsynced",
    /// What a failed sync left in memory is taken for stored: it is seen, and a power cut takes it.
    CleanPagesTrusted = "clean-pages-trusted",
    /// After a crash between two segments the last number is given again: two records have one.
    NumberReused = "number-reused",
    /// A shard from which retention took everything begins at number 0 again: numbers that were seen
    /// are given to other records.
    NumbersStartAnew = "numbers-start-anew",
    /// What a crash left of a segment that was never born is taken for damage: the shard opens
    /// read-only.
    UnbornTakenForDamage = "unborn-taken-for-damage",
    /// A segment goes one millisecond early: records go that are within the retention.
    RetentionOffByOne = "retention-off-by-one",
    /// A segment goes when its oldest record is too old: younger ones go with it.
    RetentionByOldest = "retention-by-oldest",
    /// Retention deletes the newest segments first: a crash leaves a hole.
    RetentionNewestFirst = "retention-newest-first",
    /// The directory is not synced after a segment was deleted: a power cut brings back an older one
    /// without a newer one.
    UnlinkNotSynced = "unlink-not-synced",
    /// Retention believes a clock that jumps: everything is deleted that is young.
    ClockBelieved = "clock-believed",
    /// The files of a shard are removed one by one: a crash leaves half a shard.
    RemovalInPlace = "removal-in-place",
    /// Every engine locks a file of its own: two of them write to one directory.
    LockNotShared = "lock-not-shared",
    /// Verification looks at the oldest segment alone: damage in the others stays unsaid.
    VerifyStopsEarly = "verify-stops-early",
    /// Verification believes the footer of a segment and not its records: rot stays unsaid.
    VerifyBelievesFooter = "verify-believes-footer",
    /// Verification does not compare a segment with the one before it: a missing one stays unsaid.
    LinkNotVerified = "link-not-verified",
    /// A repair takes a damaged segment away whole: what could be read in it is gone.
    RepairCutsAll = "repair-cuts-all",
    /// A repair keeps no copy of what it cuts: what another tool might have saved is gone.
    RepairKeepsNoCopy = "repair-keeps-no-copy",
    /// A repaired segment takes the place of the damaged one before it is synced: a power cut leaves
    /// neither.
    RepairNotSynced = "repair-not-synced",
    /// After a repair, numbers of lost records are given again: two records have one.
    RepairReusesNumbers = "repair-reuses-numbers",
    /// The scrubber does not report what it finds: rot is found when it is too late.
    ScrubberSilent = "scrubber-silent",
    /// The scrubber leaves out what a pass does not come to: rot there stays unfound.
    ScrubberSkips = "scrubber-skips",
    /// The index of a shard that falls idle is not synced: a recovery reads the whole segment.
    IdleIndexNotSynced = "idle-index-not-synced",
    /// The files of idle shards stay open: in the end there are no descriptors left.
    IdleFilesKept = "idle-files-kept",
    /// A file that was closed is not opened again: an idle shard takes no appends any more.
    IdleNotReopened = "idle-not-reopened",
}
