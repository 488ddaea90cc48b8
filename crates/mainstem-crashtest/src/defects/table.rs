//! Which check must catch which defect.

use mainstem_env::sim::OpKind;
use mainstem_log::Defect;

use super::checks::{self, Check};
use super::planted::Planted;
use crate::rot::Ending;
use crate::sim::faults::EVERYTHING;

/// How a check is set up.
#[derive(Clone, Copy, Debug)]
pub(super) enum Setup {
    /// Power is lost in random plans: those of the seeds below [`SEEDS`].
    Seeds,
    /// Power is lost in this plan.
    Plan(&'static str),
    /// Power is lost in this plan of a queue.
    Queue(&'static str),
    /// Calls of this kind fail in this plan: each once and for ever, in every way.
    Faults(OpKind, &'static str),
    /// Files are damaged in this way after a store was left in that.
    Rot(Damage, Ending),
    /// Something is looked at more closely.
    Own(&'static Check),
}

/// What happens to each file of a store in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// A bit is flipped: near both ends each, and some in between.
    Flip,
    /// It is removed.
    Remove,
    /// It is replaced by each other one of its kind.
    Replace,
}

/// How many random plans there are for a defect to show itself.
pub(super) const SEEDS: u64 = 24;

/// Returns what must catch `defect`.
pub(super) fn catcher(defect: Planted) -> Setup {
    match defect {
        Planted::Log(defect) => of_log(defect),
        Planted::Queue(defect) => of_queue(defect),
    }
}

fn of_queue(defect: mainstem_queue::Defect) -> Setup {
    use mainstem_queue::Defect;
    Setup::Queue(match defect {
        Defect::AckNotWritten => "1: p9 g0.1 a0",
        Defect::DeliveryNotWritten => "1: p9 g0.1",
        Defect::NonceNotChecked => "1: p9 g0.1 n0 w2000 g0.1 a0",
        Defect::AttemptsForgotten => "1: p9 g0.1 g1.1 r g0.1 g1.1",
        Defect::WantedDeleted => "1: p900 p900 p900 p900 p900 p900 g0.9 g1.9 g2.1 u r",
        Defect::DeletedBeforeSaved => "1: p900 p900 p900 p900 p900 p900 u g0.9 g1.9 A u r c",
        Defect::DedupForgotten => "1: p9d1 r p9d1 c",
        Defect::InputNotAcknowledged | Defect::TransactionInParts => "1: p9 g0.1 t0",
        Defect::KeyIgnored => "1: pa9 pa9 g0.2",
        Defect::DelayIgnored => "1: p9w2000 g0.1",
        Defect::ReasonLost => "1: p9 g0.1 x0",
        Defect::DeadForgotten => "1: p9 g0.1 x0 r c",
        Defect::ValuesForgotten => "1: p9 g0.1 t0 r c",
    })
}

fn of_log(defect: Defect) -> Setup {
    use Setup::{Faults, Own, Plan, Rot, Seeds};
    match defect {
        Defect::SyncSkipped | Defect::SyncSkippedMostly => Plan("1/4096: a.10 a.20 a.30 a.40"),
        Defect::JournalNotReplayed => Plan("1/4096/32768: a.10 a.20"),
        Defect::JournalDirtForgotten => Plan("1/4096/32768: a.10 r"),
        Defect::JournalFlushSkipped => Plan(
            "1/16384/16384: a.400 a.400 a.400 a.400 a.400 a.400 a.400 a.400 a.400 a.400 a.400 m",
        ),
        Defect::JournalNotPinned => Faults(OpKind::SyncData, "1/65536/65536: a.10 a.10 a.3000 r"),
        Defect::ReplayNotSynced => Plan("1/4096/32768: a.10 k0 a.20"),
        Defect::SealNotSynced => Plan("1/4096: a+1000,700 a+1000,700 a+1000,700"),
        Defect::IndexBeforeData
        | Defect::DurableUptoTooFar
        | Defect::SegmentNameNotSynced
        | Defect::ShardNameNotSynced
        | Defect::FoundNamesNotSynced
        | Defect::RenamedBeforeSync
        | Defect::TornGroupKept
        | Defect::AppendedBehindTear
        | Defect::TailServedUnsynced
        | Defect::NumberReused
        | Defect::UnbornTakenForDamage => Seeds,
        Defect::FailedSyncRetried | Defect::FailedSyncIgnored => {
            Faults(OpKind::SyncData, "1/4096: a.10 a.20 a.30 a.40")
        }
        Defect::CleanPagesTrusted => Faults(OpKind::SyncData, EVERYTHING),
        Defect::ShortWriteIgnored => Faults(OpKind::Write, EVERYTHING),
        Defect::NoteNotInvalidated => Faults(
            OpKind::SyncDir,
            "4/4096: b~457 b+174 b.36 b+20,24,1000 r xb b&26,51&55,704&0 p100957744 b!255",
        ),
        Defect::FullDiskAcknowledged => Plan("1/8192: f4096 a.10 a+2000,2000 c"),
        Defect::NumbersNotTakenBack => Plan("1/8192: f4096 a.10 a+2000,2000 u a.10 c"),
        Defect::TimeGoesBack => Plan("1/4096: p5000 a.10 j-3000 a.10 c"),
        Defect::CleanNoteKept => Plan("1/4096: a+1000,700 a+1000,700 a+1000,700 r xa a.10 c"),
        Defect::ExpiredServed => Plan("1/4096: a.10 p90000000 a.10 c"),
        Defect::RetentionOffByOne => Plan("1/4096: a+1000,700 a+1000,700 a+1000,700 p86400000 m c"),
        Defect::RetentionByOldest => {
            Plan("1/4096: a+1000,700 p43200000 a+300 a+1000,700 p50000000 m c")
        }
        Defect::RetentionNewestFirst | Defect::UnlinkNotSynced => {
            Plan("1/4096: a+1000,700 a+1000,700 a+1000,700 a+1000,700 a+1000,700 p90000000 m")
        }
        Defect::RemovalInPlace => Plan("1/4096: a+1000,700 a+1000,700 a+1000,700 xa"),
        Defect::AckBeforeCommit
        | Defect::NextGroupReleased
        | Defect::MarkBeforeSync
        | Defect::EndBeforeSync => Own(&checks::ROUNDS),
        Defect::NumbersStartAnew => Plan("1/4096: a.10 a.20 p180000000 m r k3 a.10 c"),
        Defect::ExpectedIgnored | Defect::RefusedAppendKeepsBytes => Own(&checks::EXPECTED),
        Defect::ReadersForgotten => Own(&checks::FOLLOWERS),
        Defect::LeadLostInPanic => Own(&checks::PANICS),
        // A busy shard runs into space that is still to be filled with zeros.
        Defect::ZerosOverData => Plan("1/32768: a*64,0 a*16,1000 z z c"),
        Defect::ReaderAheadOfMark => Own(&checks::MARK),
        Defect::WaitersForgotten => Own(&checks::WAITS),
        Defect::OldWakerKept => Own(&checks::WAKERS),
        Defect::DroppedAppendKeepsBytes => Own(&checks::DROPPED),
        Defect::BudgetIgnored => Own(&checks::BUDGET),
        Defect::PoisonForgotten | Defect::PoisonedVouchedFor | Defect::NeighboursGoOn => {
            Own(&checks::POISON)
        }
        Defect::VerifyStopsEarly | Defect::VerifyBelievesFooter | Defect::LinkNotVerified => {
            Own(&checks::VERIFY)
        }
        Defect::RepairCutsAll
        | Defect::RepairKeepsNoCopy
        | Defect::RepairNotSynced
        | Defect::RepairReusesNumbers => Own(&checks::REPAIR),
        Defect::ScrubberSilent | Defect::ScrubberSkips => Own(&checks::SCRUB),
        Defect::IdleIndexNotSynced | Defect::IdleFilesKept | Defect::IdleNotReopened => {
            Own(&checks::IDLE)
        }
        Defect::ClockBelieved => Own(&checks::CLOCK),
        Defect::LockNotShared => Own(&checks::LOCK),
        Defect::RecordNotChecked
        | Defect::DamagedRecordSkipped
        | Defect::IndexEntryNotChecked
        | Defect::FooterNotChecked => Rot(Damage::Flip, Ending::Closed),
        Defect::DamageCutAsTorn | Defect::IndexProofIgnored => Rot(Damage::Flip, Ending::Killed),
        Defect::LaterGroupIgnored => Rot(Damage::Flip, Ending::CutOff),
        Defect::HoleNotNoticed => Rot(Damage::Remove, Ending::Closed),
        Defect::ForeignSegmentTaken => Rot(Damage::Replace, Ending::Closed),
        Defect::SequenceNotChecked => Own(&checks::MISPLACED),
        Defect::SaltNotChecked => Own(&checks::FOREIGN_GROUP),
        Defect::ChainNotChecked => Own(&checks::OTHER_LIFE),
    }
}

impl Setup {
    /// Returns the name of the check.
    pub(super) fn check(self) -> &'static str {
        match self {
            Self::Seeds | Self::Plan(_) => "sim",
            Self::Queue(_) => "queue",
            Self::Faults(..) => "faults",
            Self::Rot(..) => "rot",
            Self::Own(check) => check.name,
        }
    }

    /// Returns what it looks at.
    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Seeds => "power cuts in random plans",
            Self::Plan(plan) | Self::Queue(plan) => plan,
            Self::Faults(OpKind::SyncData, _) => "each sync of data fails, in every way",
            Self::Faults(OpKind::Write, _) => "each write fails, in every way",
            Self::Faults(OpKind::SyncDir, _) => "each sync of a directory fails, in every way",
            Self::Faults(..) => "each call of a kind fails, in every way",
            Self::Rot(Damage::Flip, Ending::Closed) => "flipped bits in a store that was closed",
            Self::Rot(Damage::Flip, Ending::Killed) => "flipped bits in a store that was killed",
            Self::Rot(Damage::Flip, Ending::CutOff) => "flipped bits in a store that lost power",
            Self::Rot(Damage::Remove, _) => "each file of a store removed",
            Self::Rot(Damage::Replace, _) => "each segment of a store replaced by each other",
            Self::Own(check) => check.about,
        }
    }
}
