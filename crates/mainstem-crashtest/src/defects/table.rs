//! Which check must catch which defect.

use mainstem_log::Defect;

use super::checks::{self, Check};

/// How a check is set up.
#[derive(Clone, Copy, Debug)]
pub(super) enum Setup {
    /// Power is lost in random plans: those of the seeds below [`SEEDS`].
    Seeds,
    /// Power is lost in this plan.
    Plan(&'static str),
    /// Something is looked at more closely.
    Own(&'static Check),
}

/// How many random plans there are for a defect to show itself.
pub(super) const SEEDS: u64 = 24;

/// Returns what must catch `defect`.
pub(super) fn catcher(defect: Defect) -> Setup {
    use Setup::{Own, Plan, Seeds};
    match defect {
        Defect::SyncSkipped => Seeds,
        Defect::TimeGoesBack => Plan("1/4096: p5000 a.10 j-3000 a.10 c"),
        Defect::ExpectedIgnored => Own(&checks::EXPECTED),
    }
}

impl Setup {
    /// Returns the name of the check.
    pub(super) fn check(self) -> &'static str {
        match self {
            Self::Seeds | Self::Plan(_) => "sim",
            Self::Own(check) => check.name,
        }
    }

    /// Returns what it looks at.
    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Seeds => "power cuts in random plans",
            Self::Plan(plan) => plan,
            Self::Own(check) => check.about,
        }
    }
}
