//! Deliberate defects, for tests that must be able to fail.
//!
//! A harness that never fails proves nothing. Each defect here breaks one thing that the engine does
//! on purpose; `mainstem-crashtest defects` switches them on one at a time and expects a check to
//! notice. The feature `defects` makes the switch: without it [`is_planted`] is a constant, the code
//! behind it is gone, and so is everything public in this module.

#[cfg(all(feature = "defects", not(debug_assertions)))]
compile_error!("the feature `defects` breaks the engine on purpose; it is for test builds only");

/// Declares the defects with what is said of each, and its name on the command line.
macro_rules! defects {
    ($($(#[doc = $about:literal])+ $defect:ident = $name:literal,)+) => {
        /// Something that the engine can be made to do wrong.
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
    /// Groups are written and not synced: a power cut takes acknowledged records.
    SyncSkipped = "sync-skipped",
    /// An append that expects another position is taken: two writers of one log do not notice each
    /// other, and a retry appends twice.
    ExpectedIgnored = "expected-ignored",
    /// The arrival time of a record is what the clock shows, also when it was set back: times are
    /// not in order, and reading from a time skips records.
    TimeGoesBack = "time-goes-back",
}

#[cfg(feature = "defects")]
pub(crate) use planting::is_planted;
#[cfg(feature = "defects")]
pub use planting::plant;

/// Returns whether the defect is planted: never.
#[cfg(not(feature = "defects"))]
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

    /// Plants `defect` in all engines of this process, in place of the one that was planted before.
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

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn every_defect_is_found_by_its_name_and_says_what_it_costs() {
            for defect in Defect::ALL {
                assert_eq!(defect.to_string().parse(), Ok(*defect));
                assert!(defect.about().contains(": "), "{defect}");
            }
            assert!("none".parse::<Defect>().is_err());
        }
    }
}
