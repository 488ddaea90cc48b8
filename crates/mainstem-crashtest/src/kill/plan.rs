//! Draws what a store is like, and what is done to it.

use std::time::Duration;

use super::draw::Draw;
use super::work::Sizes;

/// What one store is like, from its first cycle to its last.
#[derive(Clone, Debug)]
pub(super) struct StorePlan {
    pub(super) seed: u64,
    pub(super) cycles: u64,
    pub(super) lanes: usize,
    pub(super) sizes: Sizes,
    /// Over how many shards our own writer spreads the lanes.
    pub(super) shards: u32,
    /// How many days go by in a second for our own log, if retention is to delete meanwhile.
    pub(super) days_per_second: Option<u32>,
    draw: Draw,
}

/// More shards than the commits at which an engine uses its commit journal.
const MANY_SHARDS: u32 = 32;
/// Appends that are under way with so many, at least.
const MANY_APPENDS: usize = 192;
/// Commits at a time that are sometimes reached with so many, and sometimes not, however fast the disk is.
const SOME_COMMITS: u32 = 4;

/// One cycle: lives of the writer, each killed, then the reader.
#[derive(Clone, Debug)]
pub(super) struct CyclePlan {
    pub(super) lives: Vec<LifePlan>,
    /// How long after its start the reader is killed, each time that it is.
    pub(super) reader_kills: Vec<Duration>,
}

/// One life of the writer.
#[derive(Clone, Debug)]
pub(super) struct LifePlan {
    pub(super) end: End,
    /// The most appends that are sent and not acknowledged.
    pub(super) window: usize,
    /// After how many acknowledgements it is stopped for a moment, and for how long.
    pub(super) pause: Option<(u64, Duration)>,
    /// Whether a second writer is started after the same directory.
    pub(super) is_duel: bool,
    pub(super) style: Style,
}

/// What else our own writer does meanwhile.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Style {
    pub(super) readers: u32,
    pub(super) is_maintaining: bool,
    pub(super) is_asynchronous: bool,
    /// How many commits at a time go through the commit journal, if the engine does not decide.
    pub(super) journal: Option<u32>,
}

/// How a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Killed so long after so many acknowledgements.
    AfterAcks(u64, Duration),
    /// Killed so long after it was started, so that recovery is hit too.
    AfterStart(Duration),
    /// By itself: after so many acknowledgements its input ends.
    InOrder(u64),
}

impl StorePlan {
    /// Draws the plan of store `number` of the run with this seed.
    pub(super) fn new(seed: u64, number: u64) -> Self {
        let mut draw = Draw::new(seed, number);
        let sizes = match draw.within(0..=7) {
            // Small, about a sector, about a page and a little more than one.
            0 => Sizes::Equal(0),
            1 => Sizes::Equal(480),
            2 => Sizes::Equal(4060),
            3 => Sizes::Equal(4500),
            _ => Sizes::Mixed,
        };
        Self {
            seed: draw.next(),
            cycles: draw.within(4..=20),
            lanes: usize::try_from(draw.within(1..=6)).unwrap_or(1),
            sizes,
            shards: u32::try_from(draw.within(1..=3)).unwrap_or(1),
            // A record is old after 500, 200 and 83 ms: a few cycles, two of them, and hardly one.
            days_per_second: match draw.within(0..=8) {
                0 => Some(2),
                1 => Some(5),
                2 => Some(12),
                _ => None,
            },
            draw,
        }
    }

    /// Has retention delete in this store, too.
    pub(super) fn with_retention(mut self) -> Self {
        self.days_per_second.get_or_insert(5);
        self
    }

    /// Has all be in one log of some segments, as far as that is known of the store, so that who reads it
    /// goes from one to the next.
    pub(super) fn with_segments(mut self) -> Self {
        self.sizes = Sizes::Equal(4500);
        self.shards = 1;
        self
    }

    /// Has retention not delete.
    pub(super) fn without_retention(mut self) -> Self {
        self.days_per_second = None;
        self
    }

    /// Has our own writer change between the commit journal and syncs of its segments, as many or few shards
    /// commit at once.
    pub(super) fn with_many_shards(mut self) -> Self {
        self.shards = MANY_SHARDS;
        self.lanes = usize::try_from(MANY_SHARDS).unwrap_or(1);
        self
    }

    /// Draws the next cycle.
    pub(super) fn cycle(&mut self, is_alone: bool) -> CyclePlan {
        let draw = &mut self.draw;
        let lives = match draw.within(0..=5) {
            0..=2 => 1,
            3..=4 => 2,
            _ => 3,
        };
        let mut lives: Vec<_> = (0..lives).map(|_| life(draw, is_alone)).collect();
        if self.shards >= MANY_SHARDS {
            for life in &mut lives {
                life.window = life.window.max(MANY_APPENDS);
                life.style.journal = life.style.journal.map(|_| SOME_COMMITS);
            }
        }
        let kills = if draw.one_in(4) {
            draw.within(1..=2)
        } else {
            0
        };
        let reader_kills = (0..kills).map(|_| micros(draw, 30_000)).collect();
        CyclePlan {
            lives,
            reader_kills,
        }
    }
}

fn life(draw: &mut Draw, is_alone: bool) -> LifePlan {
    let acks = draw.mostly_small(0..=120);
    let end = match draw.within(0..=9) {
        0..=2 => End::AfterStart(micros(draw, 50_000)),
        3 => End::InOrder(acks),
        _ => End::AfterAcks(acks, micros(draw, 20_000)),
    };
    let pause = draw.one_in(6).then(|| {
        let after = draw.within(0..=acks);
        (after, micros(draw, 20_000))
    });
    let is_duel = draw.one_in(10) && !is_alone && !matches!(end, End::AfterStart(_));
    LifePlan {
        end,
        window: usize::try_from(draw.mostly_small(1..=96)).unwrap_or(1),
        pause,
        is_duel,
        style: Style {
            readers: u32::try_from(draw.mostly_small(0..=2)).unwrap_or(0),
            is_maintaining: draw.one_in(2),
            is_asynchronous: draw.one_in(2),
            journal: draw.one_in(2).then_some(1),
        },
    }
}

/// Draws a time of at most `most_us`.
fn micros(draw: &mut Draw, most_us: u64) -> Duration {
    Duration::from_micros(draw.within(0..=most_us))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_the_plan() {
        let text = |seed| {
            let mut plan = StorePlan::new(seed, 3);
            let cycles: Vec<CyclePlan> = (0..20).map(|_| plan.cycle(false)).collect();
            format!("{plan:?} {cycles:?}")
        };
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
    }

    #[test]
    fn everything_there_is_comes_up_and_what_is_switched_off_does_not() {
        let mut plan = StorePlan::new(1, 1);
        let lives: Vec<LifePlan> = (0..200).flat_map(|_| plan.cycle(false).lives).collect();
        assert!(lives.iter().any(|life| life.is_duel));
        assert!(lives.iter().any(|life| life.pause.is_some()));
        for is_end in [
            |end| matches!(end, End::AfterAcks(..)),
            |end| matches!(end, End::AfterStart(_)),
            |end| matches!(end, End::InOrder(_)),
        ] {
            assert!(lives.iter().any(|life| is_end(life.end)));
        }
        assert!(lives.iter().any(|life| life.style.journal == Some(1)));
        let mut busy = StorePlan::new(1, 1).with_many_shards();
        let busy: Vec<LifePlan> = (0..200).flat_map(|_| busy.cycle(false).lives).collect();
        assert!(busy.iter().all(|life| life.window >= MANY_APPENDS));
        for journal in [None, Some(SOME_COMMITS)] {
            assert!(busy.iter().any(|life| life.style.journal == journal));
        }
        assert!(busy.iter().all(|life| life.style.journal != Some(1)));
        let alone = (0..200).flat_map(|_| plan.cycle(true).lives);
        assert!(alone.into_iter().all(|life| !life.is_duel));
    }
}
