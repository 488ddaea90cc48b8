//! Deliberate defects, for tests that must be able to fail.

/// Declares the defects that a test can plant in a crate: what each breaks and would cost, and its name on
/// the command line.
///
/// A harness that never fails proves nothing: `mainstem-crashtest defects` switches defects on one at a
/// time and expects a check to notice. The feature `defects` of the crate that declares them makes the
/// switch: `is_planted(Defect)`, `plant(Option<Defect>)` and the list `Defect::ALL`. Without the feature
/// `is_planted` is a constant, so that the code behind it is gone.
#[macro_export]
macro_rules! defects {
    (of $whose:literal: $($(#[doc = $about:literal])+ $defect:ident = $name:literal,)+) => {
        #[doc = concat!("Something that ", $whose, " can be made to do wrong.")]
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

            /// Plants `defect` in this process, in place of the one that was planted before.
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
    };
}
