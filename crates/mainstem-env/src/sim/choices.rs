//! Who decides what became of everything that was not synced.

use super::pages::{SECTOR, to_u64, to_usize};
use super::rng::{SplitMix, mix};

/// How freely the states of a disk after power loss depart from what was written.
///
/// Every state of a later level is also a state of the levels before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "tests walk through all of them")]
pub enum Strictness {
    /// What POSIX allows: the sync of a file does not persist its name; names, lengths and blocks
    /// are kept or lost in any combination; new space shows zeros or whatever was there before.
    StrictPosix,
    /// What ext4 does in its default mode: changes of names and lengths are kept in order, the sync
    /// of a file also persists its name and all earlier changes of names, new space shows zeros and
    /// a length never runs ahead of the data that an extending write put there.
    Ext4Like,
    /// Operations that were not synced are kept up to some point, and lost from there on.
    PrefixOnly,
}

impl Strictness {
    /// All levels, the freest first.
    pub const ALL: [Self; 3] = [Self::StrictPosix, Self::Ext4Like, Self::PrefixOnly];
}

/// A source of decisions for [`Sim::power_loss`](super::Sim::power_loss).
#[derive(Clone, Debug)]
pub struct Choices {
    mode: Mode,
    policy: Policy,
}

#[derive(Clone, Debug)]
enum Mode {
    Random(SplitMix),
    KeepAll,
    DropAll,
    Exhaustive { script: Vec<Pick>, at: usize },
}

#[derive(Clone, Copy, Debug)]
struct Pick {
    chosen: u64,
    options: u64,
}

/// What the random mode draws once for each state, so that states are of different kinds instead
/// of all being the same even mixture.
#[derive(Clone, Copy, Debug, Default)]
struct Policy {
    keep_permille: u64,
    torn_permille: u64,
    garbage_permille: u64,
    /// Whether each operation is kept or dropped as a whole.
    by_operation: bool,
    salt: u64,
}

impl Choices {
    /// Decides at random; the same seed decides the same way.
    ///
    /// A value can be used for many states in a row. To be able to repeat one alone, make a new
    /// value with a known seed for each.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        Self::new(Mode::Random(SplitMix::new(seed)))
    }

    /// Keeps everything that was written, except for what a failed sync left behind.
    #[must_use]
    pub fn keep_all() -> Self {
        Self::new(Mode::KeepAll)
    }

    /// Drops everything that was not synced.
    #[must_use]
    pub fn drop_all() -> Self {
        Self::new(Mode::DropAll)
    }

    /// Goes through all combinations: use it for a state, then call [`Choices::advance`], until
    /// that returns `false`. Torn blocks are torn in the middle only, and garbage is of one kind.
    #[must_use]
    pub fn exhaustive() -> Self {
        Self::new(Mode::Exhaustive {
            script: Vec::new(),
            at: 0,
        })
    }

    /// Decides as [`Choices::script`] of an exhaustive value said; what goes beyond that gets the first
    /// of its options.
    #[must_use]
    pub fn scripted(script: &[u64]) -> Self {
        let pick = |&chosen: &u64| Pick {
            chosen,
            options: chosen.saturating_add(1),
        };
        Self::new(Mode::Exhaustive {
            script: script.iter().map(pick).collect(),
            at: 0,
        })
    }

    /// Returns the decisions of an exhaustive value for the state that it was used for last; nothing
    /// for values of the other kinds.
    pub fn script(&self) -> Vec<u64> {
        match &self.mode {
            Mode::Exhaustive { script, .. } => script.iter().map(|pick| pick.chosen).collect(),
            _ => Vec::new(),
        }
    }

    /// Moves an exhaustive value on to the next combination; `false` if there is none. The other
    /// kinds have no next.
    pub fn advance(&mut self) -> bool {
        let Mode::Exhaustive { script, at } = &mut self.mode else {
            return false;
        };
        *at = 0;
        while let Some(mut last) = script.pop() {
            last.chosen = last.chosen.saturating_add(1);
            if last.chosen < last.options {
                script.push(last);
                return true;
            }
        }
        false
    }

    fn new(mode: Mode) -> Self {
        Self {
            mode,
            policy: Policy::default(),
        }
    }

    /// Prepares for the decisions about one state.
    pub(super) fn begin(&mut self) {
        match &mut self.mode {
            Mode::Random(random) => {
                let keep = [0, 50, 300, 500, 700, 950, 1000];
                let rarely = [0, 0, 100, 500];
                let mut draw = |from: &[u64]| {
                    let at = to_usize(random.below(to_u64(from.len())));
                    from.get(at).copied().unwrap_or(0)
                };
                self.policy = Policy {
                    keep_permille: draw(&keep),
                    torn_permille: draw(&rarely),
                    garbage_permille: draw(&rarely),
                    by_operation: draw(&[0, 1]) == 1,
                    salt: random.next(),
                };
            }
            Mode::Exhaustive { at, .. } => *at = 0,
            Mode::KeepAll | Mode::DropAll => {}
        }
    }

    /// Decides whether the change that operation `index` made is kept.
    pub(super) fn keeps(&mut self, index: u64) -> bool {
        let policy = self.policy;
        match &mut self.mode {
            Mode::Random(_) if policy.by_operation => {
                mix(policy.salt ^ mix(index)) % 1000 < policy.keep_permille
            }
            Mode::Random(random) => random.below(1000) < policy.keep_permille,
            Mode::KeepAll => true,
            Mode::DropAll => false,
            Mode::Exhaustive { .. } => self.pick(2) == 0,
        }
    }

    /// Decides whether a change that a failed sync left behind is kept.
    pub(super) fn keeps_orphan(&mut self, index: u64) -> bool {
        !matches!(self.mode, Mode::KeepAll) && self.keeps(index)
    }

    /// Decides whether the operation that was under way may have had an effect.
    pub(super) fn includes_in_flight(&mut self) -> bool {
        match self.mode {
            Mode::Random(_) | Mode::Exhaustive { .. } => true,
            Mode::KeepAll | Mode::DropAll => false,
        }
    }

    /// Chooses among versions of the same thing, given oldest first as the operation that made each
    /// and whether a failed sync left it behind; zero is the durable one before all of these.
    pub(super) fn version(&mut self, versions: &[(u64, bool)]) -> usize {
        if matches!(self.mode, Mode::Exhaustive { .. }) {
            return to_usize(self.pick(to_u64(versions.len()).saturating_add(1)));
        }
        for (number, &(index, orphaned)) in versions.iter().enumerate().rev() {
            let keeps = if orphaned {
                self.keeps_orphan(index)
            } else {
                self.keeps(index)
            };
            if keeps {
                return number.saturating_add(1);
            }
        }
        0
    }

    /// Decides whether a block is torn, and if so after how many bytes.
    pub(super) fn tear(&mut self) -> Option<usize> {
        let permille = self.policy.torn_permille;
        match &mut self.mode {
            Mode::Random(random) => (random.below(1000) < permille).then(|| {
                to_usize(random.below(to_u64(SECTOR).saturating_sub(1))).saturating_add(1)
            }),
            Mode::KeepAll | Mode::DropAll => None,
            Mode::Exhaustive { .. } => (self.pick(2) == 1).then_some(SECTOR / 2),
        }
    }

    /// Decides whether space that never held data shows garbage.
    pub(super) fn garbage(&mut self) -> bool {
        let permille = self.policy.garbage_permille;
        match &mut self.mode {
            Mode::Random(random) => random.below(1000) < permille,
            Mode::KeepAll | Mode::DropAll => false,
            Mode::Exhaustive { .. } => self.pick(2) == 1,
        }
    }

    /// Chooses how far a length got on its way from `old` to `new`: all the way, mostly.
    pub(super) fn step_towards(&mut self, old: u64, new: u64) -> u64 {
        let Mode::Random(random) = &mut self.mode else {
            return new;
        };
        if new > old && random.below(8) == 0 {
            return old.saturating_add(random.below(new.saturating_sub(old)));
        }
        new
    }

    /// Chooses a number up to and including `most`; keeping everything means the greatest.
    pub(super) fn up_to(&mut self, most: u64) -> u64 {
        match &mut self.mode {
            Mode::Random(random) => random.below(most.saturating_add(1)),
            Mode::KeepAll => most,
            Mode::DropAll => 0,
            Mode::Exhaustive { .. } => self.pick(most.saturating_add(1)),
        }
    }

    /// Returns a number for things that do not count as decisions: seeds, and bytes of garbage.
    pub(super) fn noise(&mut self) -> u64 {
        match &mut self.mode {
            Mode::Random(random) => random.next(),
            Mode::KeepAll => mix(1),
            Mode::DropAll => mix(2),
            Mode::Exhaustive { at, .. } => mix(to_u64(*at).saturating_add(3)),
        }
    }

    fn pick(&mut self, options: u64) -> u64 {
        let Mode::Exhaustive { script, at } = &mut self.mode else {
            return 0;
        };
        let number = *at;
        *at = number.saturating_add(1);
        if let Some(pick) = script.get(number) {
            return pick.chosen;
        }
        script.push(Pick { chosen: 0, options });
        0
    }
}
