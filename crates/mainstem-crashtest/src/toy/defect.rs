//! What the toy can be told to do wrong.

use clap::ValueEnum;

/// A mistake. Each is one that a killed process brings to light, or else, as
/// [`Defect::needs_power_cut`] tells, a disk that loses power or fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Defect {
    /// Everything is right.
    #[default]
    None,
    /// Nothing is synced. Only a power cut brings it to light: a killed process leaves the kernel's
    /// memory as it is.
    NoSync,
    /// A sync that failed is taken for one that worked.
    IgnoreFailedSync,
    /// A sync that failed is tried again; the kernel has then forgotten what it could not write.
    RetryFailedSync,
    /// An append is acknowledged, and then written.
    AckBeforeWrite,
    /// Appends are kept in memory until there are some, and acknowledged at once.
    Buffered,
    /// Opening after a crash writes the last append again.
    DuplicateOnReopen,
    /// The records of a batch are written one by one.
    TornBatch,
    /// After a crash, numbers go on from where they were written down the last time.
    ReuseAfterCrash,
    /// A torn frame at the end is left where it is, and appends go behind it.
    KeepTornTail,
    /// What is there of a torn frame at the end is served.
    ServeTornTail,
    /// Lines that wait together are written in the wrong order.
    Reorder,
    /// Nothing keeps a second writer out.
    NoLock,
    /// The mark of a writer stays behind when it is killed, and keeps everybody out.
    StaleLock,
    /// A torn frame at the end is taken for damage.
    RefuseTornTail,
    /// A write that fails is taken for one that did not. Killing does not bring this to light: a call of
    /// the system has to fail.
    IgnoreWriteErrors,
}

impl Defect {
    /// Returns whether the mistake stays hidden as long as the machine runs and its disk works.
    pub fn needs_power_cut(self) -> bool {
        matches!(
            self,
            Self::NoSync | Self::IgnoreFailedSync | Self::RetryFailedSync
        )
    }
}
