//! Deliberate defects, for tests that must be able to fail.
//!
//! A harness that never fails proves nothing. Each defect here breaks one thing that the queue does
//! on purpose; `mainstem-crashtest defects` switches them on one at a time and expects a check to
//! notice. The feature `defects` makes the switch: without it [`is_planted`] is a constant, the code
//! behind it is gone, and so is everything public in this module.

#[cfg(all(feature = "defects", not(debug_assertions)))]
compile_error!("the feature `defects` breaks the queue on purpose; it is for test builds only");

/// Declares the defects with what is said of each, and its name on the command line.
macro_rules! defects {
    ($($(#[doc = $about:literal])+ $defect:ident = $name:literal,)+) => {
        /// Something that the queue can be made to do wrong.
        #[cfg_attr(
            not(feature = "defects"),
            expect(unreachable_pub, reason = "public where there is something to plant")
        )]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(
            feature = "defects",
            expect(clippy::exhaustive_enums, reason = "whoever plants them has an answer to each")
        )]
        #[repr(u8)]
        pub enum Defect {
            $($(#[doc = $about])+ $defect,)+
        }

        #[cfg(feature = "defects")]
        impl Defect {
            /// All defects.
            pub const ALL: &[Self] = &[$(Self::$defect),+];

            /// Returns the name of the defect.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$defect => $name,)+
                }
            }

            /// Returns what is broken, and what it would cost.
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$defect => concat!($($about),+).trim_start(),)+
                }
            }
        }
    };
}

defects! {
    /// An acknowledgement is answered and not written: after a crash the message comes back.
    AckNotWritten = "queue-ack-not-written",
    /// A delivery is handed out before it is written: what kills its consumers does so for ever.
    DeliveryNotWritten = "queue-delivery-not-written",
    /// The nonce of a receipt is not looked at: an old receipt ends a newer delivery.
    NonceNotChecked = "queue-nonce-not-checked",
    /// Attempts are not kept with the state: a message that kills its consumers never becomes a dead one.
    AttemptsForgotten = "queue-attempts-forgotten",
    /// Files are deleted though a consumer still wants messages in them: they are lost.
    WantedDeleted = "queue-wanted-deleted",
    /// Files are deleted before the state is written down that makes them superfluous: after a crash the
    /// queue does not open.
    DeletedBeforeSaved = "queue-deleted-before-saved",
    /// Deduplication ids are not kept with the state: after an opening, repeats are pushed again.
    DedupForgotten = "queue-dedup-forgotten",
    /// A transaction pushes and does not acknowledge: after a crash its input comes back.
    InputNotAcknowledged = "queue-input-not-acknowledged",
    /// The values of a transaction are written by themselves: a crash leaves a part of it.
    TransactionInParts = "queue-transaction-in-parts",
    /// Ordering keys are ignored: messages of one key are out at the same time.
    KeyIgnored = "queue-key-ignored",
    /// Delays are ignored: messages are delivered before they are due.
    DelayIgnored = "queue-delay-ignored",
    /// Why a message is dead is not written: nobody can tell.
    ReasonLost = "queue-reason-lost",
    /// That a message is dead is not kept with the state: after an opening it is delivered again.
    DeadForgotten = "queue-dead-forgotten",
    /// Values are not kept with the state: after an opening they are gone.
    ValuesForgotten = "queue-values-forgotten",
}

#[cfg(feature = "defects")]
pub(crate) use planting::is_planted;
#[cfg(feature = "defects")]
pub use planting::plant;

/// Returns whether the defect is planted: never.
#[cfg(not(feature = "defects"))]
#[inline]
pub(crate) const fn is_planted(_: Defect) -> bool {
    false
}

#[cfg(feature = "defects")]
mod planting {
    use std::fmt;
    use std::str::FromStr;
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::Defect;

    /// The defect that is planted, counted from 1; 0 is none.
    static PLANTED: AtomicU8 = AtomicU8::new(0);

    /// Plants `defect` in all queues of this process, in place of the one that was planted before.
    pub fn plant(defect: Option<Defect>) {
        PLANTED.store(defect.map_or(0, number), Ordering::SeqCst);
    }

    /// Returns whether the defect is planted.
    pub(crate) fn is_planted(defect: Defect) -> bool {
        PLANTED.load(Ordering::Relaxed) == number(defect)
    }

    const fn number(defect: Defect) -> u8 {
        (defect as u8).saturating_add(1)
    }

    impl fmt::Display for Defect {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.name())
        }
    }

    impl FromStr for Defect {
        type Err = String;

        fn from_str(name: &str) -> Result<Self, String> {
            let found = Self::ALL.iter().find(|it| it.name() == name).copied();
            found.ok_or_else(|| format!("`{name}` is no defect"))
        }
    }
}
