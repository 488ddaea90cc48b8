//! Reading sealed segments now and then, so that rot is found while there is another copy to go back
//! to, and not when the records are needed.

use std::sync::Arc;
use std::time::Duration;

use mainstem_env::{Elapsed, OpenMode};

use crate::defect::{Defect, is_planted};
use crate::error::LogError;
use crate::recovery::walk::{Place, Walker};
use crate::segment::shared::Segment;
use crate::seq::SeqNo;
use crate::shard::{ShardName, ShardState};
use crate::sync::Mutex;

/// All segments are read once in this time at most; a store that takes longer is read all the time.
const CYCLE: Duration = Duration::from_hours(24);
/// What a pass may catch up on when passes are far apart.
const CATCH_UP: Duration = Duration::from_secs(10);

/// Verifies sealed segments at a bounded rate, one after the other.
#[derive(Debug)]
pub(crate) struct Scrubber {
    bytes_per_s: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    last_pass: Elapsed,
    cycle_began: Elapsed,
    /// Where the next pass goes on; `None` until the next cycle.
    at: Option<Spot>,
}

/// A place in a segment, and what is expected there; no place means its start.
#[derive(Clone, Debug)]
struct Spot {
    shard: Option<ShardName>,
    base: SeqNo,
    inside: Option<Place>,
}

impl Spot {
    /// Before everything.
    fn start() -> Self {
        Self {
            shard: None,
            base: SeqNo(0),
            inside: None,
        }
    }
}

impl Scrubber {
    pub(crate) fn new(bytes_per_s: u64, now: Elapsed) -> Self {
        let state = State {
            last_pass: now,
            cycle_began: now,
            at: Some(Spot::start()),
        };
        Self {
            bytes_per_s,
            state: Mutex::new(state),
        }
    }

    /// Reads on from where the last pass stopped, as much as the time since then allows.
    pub(crate) fn pass(&self, shards: &[Arc<ShardState>], now: Elapsed) {
        let mut state = self.state.lock();
        let since = now.since(state.last_pass).min(CATCH_UP);
        state.last_pass = now;
        let ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let mut allowance = self.bytes_per_s.saturating_mul(ms) / 1000;
        if state.at.is_none() && now.since(state.cycle_began) >= CYCLE {
            state.cycle_began = now;
            state.at = Some(Spot::start());
        }
        while allowance > 0 {
            let Some(spot) = state.at.take() else { return };
            let Some((shard, segment, spot)) = resolve(shards, &spot) else {
                return;
            };
            let (read, inside) = match scrub(&shard, &segment, &spot, allowance) {
                Ok(done) => done,
                Err(_) if is_planted(Defect::ScrubberSilent) => (1, None),
                Err(error) => {
                    shard.counters.scrub_errors.add(1);
                    tracing::error!(shard = %shard.name, %error, "damage found while scrubbing");
                    (1, None)
                }
            };
            shard.counters.scrubbed_bytes.add(read);
            allowance = allowance.saturating_sub(read.max(1));
            let inside = inside.filter(|_| !is_planted(Defect::ScrubberSkips));
            state.at = Some(match inside {
                Some(_) => Spot { inside, ..spot },
                None => Spot {
                    base: segment.base.plus(1),
                    inside: None,
                    ..spot
                },
            });
        }
    }
}

/// Returns the sealed segment at or after `spot`; `None` after the last one.
fn resolve(
    shards: &[Arc<ShardState>],
    spot: &Spot,
) -> Option<(Arc<ShardState>, Arc<Segment>, Spot)> {
    for shard in shards {
        let same = spot.shard.as_ref() == Some(&shard.name);
        if spot.shard.as_ref().is_some_and(|name| *name > shard.name) {
            continue;
        }
        let base = if same { spot.base } else { SeqNo(0) };
        let segments = shard.segments.snapshot();
        let at = segments.partition_point(|segment| segment.base < base);
        // A segment that cannot tell whether it is sealed is scrubbed, and so found damaged.
        let next = segments
            .get(at)
            .filter(|it| !matches!(it.footer(), Ok(None)));
        if let Some(segment) = next {
            let inside = if same && segment.base == base {
                spot.inside
            } else {
                None
            };
            let spot = Spot {
                shard: Some(shard.name.clone()),
                base: segment.base,
                inside,
            };
            return Some((Arc::clone(shard), Arc::clone(segment), spot));
        }
    }
    None
}

/// Verifies groups of `segment` from `spot` on until `allowance` bytes are read. Returns how many were
/// and where to go on, or nothing if the segment is done.
fn scrub(
    shard: &ShardState,
    segment: &Segment,
    spot: &Spot,
    allowance: u64,
) -> Result<(u64, Option<Place>), LogError> {
    let header = *segment.header()?;
    let data_end = segment.durable_end()?;
    // Read into memory of our own: a bad sector is an error, and readers' maps stay as they are.
    let opened = shard.files.env.fs.open(segment.path(), OpenMode::Read);
    let file = match opened {
        Ok(file) => file,
        // Deleted by retention meanwhile.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((0, None)),
        Err(error) => return Err(LogError::io("open", segment.path())(error)),
    };
    let from = spot.inside.unwrap_or(Place::start_of(&header));
    let walker = Walker::new(&*file, segment.path(), header.salt, data_end, from);
    let mut walker = walker.in_passing();
    while walker.place().position < data_end {
        if walker.bytes_read >= allowance {
            return Ok((walker.bytes_read, Some(walker.place())));
        }
        if let Err(bad) = walker.next_group(None)? {
            return Err(LogError::corrupt(segment.path(), bad.position, bad.what));
        }
    }
    Ok((walker.bytes_read, None))
}
