//! The whole engine: work as the input has it, power lost where the input says, and the oracle of the
//! crash tests over what is left.

use mainstem_crashtest::sim::explore::replay_drawn;
use mainstem_crashtest::sim::state::{Choice, Loss};
use mainstem_crashtest::sim::{Plan, Step, Way};
use mainstem_env::sim::Strictness;

use crate::input::Input;
use crate::said;

/// Steps of a plan at most: longer plans find what several short ones do, more slowly.
const STEPS_MAX: usize = 24;

/// How often power is lost in one run at most, and recovered from.
const LOSSES_MAX: usize = 3;

/// Decisions that the input makes one by one; those after are zero, the plainest.
const SCRIPT_MAX: usize = 16;

/// What a batch takes of a segment at most, besides its records, for each of them.
const FRAME_BYTES: usize = 40;

const HOUR_MS: u64 = 3_600_000;

/// One run.
///
/// # Panics
/// When the engine broke a promise, with the command that shows it again.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    // The losses come first, so that what is added at the end is more work.
    let losses: Vec<Drawn> = (0..=input.below(LOSSES_MAX))
        .map(|_| drawn(&mut input))
        .collect();
    let plan = plan(&mut input);
    said::about(format!("mainstem-crashtest sim --plan '{plan}'"));
    let mut losses = losses.into_iter();
    let result = replay_drawn(&plan, |operations| {
        losses.next().map(|it| it.among(operations))
    });
    if let Err(failure) = result {
        said::about(failure.replay());
        panic!("{}", failure.what);
    }
}

/// A loss of power of which the place is not known before the work is done.
struct Drawn {
    /// In 65536ths of the operations.
    share: u16,
    strictness: Strictness,
    choice: Choice,
}

impl Drawn {
    fn among(self, operations: u64) -> Loss {
        Loss {
            at: (operations.saturating_add(1) * u64::from(self.share)) >> 16,
            strictness: self.strictness,
            choice: self.choice,
        }
    }
}

fn drawn(input: &mut Input<'_>) -> Drawn {
    let share = input.u16();
    let strictness = Strictness::ALL[input.below(Strictness::ALL.len())];
    let choice = match input.u8() % 4 {
        0 => Choice::KeepAll,
        1 => Choice::DropAll,
        2 => Choice::Random(input.u64()),
        _ => {
            let len = usize::from(input.u8()) % SCRIPT_MAX;
            Choice::Script((0..len).map(|_| u64::from(input.u8())).collect())
        }
    };
    Drawn {
        share,
        strictness,
        choice,
    }
}

fn plan(input: &mut Input<'_>) -> Plan {
    let seed_byte = input.u8();
    let seed = u64::from(seed_byte);
    let segment_bytes = [4096, 8192][input.below(2)];
    let journal_bytes = [0, 16 << 10, 64 << 10][usize::from(seed_byte % 3)];
    let mut steps = Vec::new();
    while steps.len() < STEPS_MAX && !input.is_empty() {
        steps.push(step(input, segment_bytes));
    }
    Plan {
        seed,
        segment_bytes,
        journal_bytes,
        steps,
    }
}

fn step(input: &mut Input<'_>, segment_bytes: u64) -> Step {
    let kind = input.u8();
    // The lowest bit is the shard, so that one flip moves a step to the other.
    let shard = usize::from(kind & 1);
    match (kind >> 1) % 16 {
        0..=4 => {
            let way = Way::ALL[usize::from(kind >> 1) % Way::ALL.len()].0;
            Step::Append(shard, way, batch(input, segment_bytes))
        }
        5 => {
            let batches = 2 + input.below(3);
            Step::Group(
                shard,
                (0..batches).map(|_| batch(input, segment_bytes)).collect(),
            )
        }
        6 => Step::Pass(u64::from(input.u16())),
        7 => Step::Pass(u64::from(input.u8() % 64) * HOUR_MS),
        8 => Step::Maintain,
        9 => Step::Reopen,
        10 => Step::Kill(u64::from(input.u8() % 32)),
        11 => Step::Remove(shard),
        12 => Step::Jump((i64::from(input.u8() % 61) - 30) * 3_600_000),
        13 => Step::Fill(u64::from(input.u16()) % (4 * segment_bytes)),
        14 => Step::Free,
        _ => Step::Check,
    }
}

/// Sizes of records that fit into half a segment together.
fn batch(input: &mut Input<'_>, segment_bytes: u64) -> Vec<usize> {
    let segment_bytes = usize::try_from(segment_bytes).expect("a small number");
    let mut left = segment_bytes / 2;
    let mut sizes = Vec::new();
    for _ in 0..=input.u8() % 6 {
        let size = usize::from(input.u16()) % (segment_bytes / 4 - 24);
        let Some(rest) = left.checked_sub(size + FRAME_BYTES) else {
            break;
        };
        left = rest;
        sizes.push(size);
    }
    if sizes.is_empty() { vec![0] } else { sizes }
}
