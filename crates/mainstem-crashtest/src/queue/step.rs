//! One thing that a plan does, and how it is written.

use std::fmt;
use std::str::FromStr;

/// How many consumers there are: two of the topic that is pushed to, one of that of transactions.
pub const CONSUMERS: usize = 3;
/// The consumer of what transactions push.
pub const OUTPUTS: usize = 2;

/// One thing that a plan does.
///
/// Written as a word: `p16` pushes 16 bytes, `pa16` with the ordering key a, `p16d1` with the
/// deduplication id 1, `p16w500` with a delay of 500 ms; `b3` pushes a batch of three; `g0.2` receives up
/// to two for the first consumer. `a1` acknowledges the second of the messages that are out, `n1` gives
/// it back, `e1` extends it, `x1` rejects it, and `t1` acknowledges it in a transaction that pushes
/// another message and sets a value; `A` acknowledges all that are out. `d0` redrives the dead of the
/// first consumer, `w500` lets 500 ms pass, `u` does upkeep, `r` closes and opens, `k3` kills the process
/// after 3 more changes of the disk, `f4096` fills the disk up to 4096 bytes, `F` frees it, and `c` looks
/// at everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "runs carry out all of them")]
pub enum Step {
    /// A push.
    Push(Push),
    /// Pushes of 20 bytes each in one batch.
    Batch(usize),
    /// A receive for a consumer, of so many at most.
    Receive(usize, usize),
    /// Something about one of the messages that are out.
    Settle(Settle, usize),
    /// An acknowledgement of all that are out.
    AckAll,
    /// A redrive of all dead messages of a consumer.
    Redrive(usize),
    /// Time passes, in ms.
    Pass(u64),
    /// Upkeep.
    Upkeep,
    /// A close and an opening.
    Reopen,
    /// The process ends after so many more changes of the disk.
    Kill(u64),
    /// The disk is filled until so many bytes are free.
    Fill(u64),
    /// There is room again on a disk that was filled.
    Free,
    /// Everything is looked at.
    Check,
}

/// A message to be pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a push is what stands in it")]
pub struct Push {
    /// Its ordering key, of `a` to `c`.
    pub key: Option<char>,
    /// Bytes of payload beyond those that identify it.
    pub size: usize,
    /// Its deduplication id.
    pub dedup: Option<u8>,
    /// Its delay, in ms.
    pub delay_ms: u64,
}

/// What is done about a message that is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "runs carry out all of them")]
pub enum Settle {
    /// It is acknowledged.
    Ack,
    /// It is given back.
    Nack,
    /// It is extended.
    Extend,
    /// It is rejected.
    Reject,
    /// It is acknowledged in a transaction.
    Transaction,
}

const SETTLES: [(char, Settle); 5] = [
    ('a', Settle::Ack),
    ('n', Settle::Nack),
    ('e', Settle::Extend),
    ('x', Settle::Reject),
    ('t', Settle::Transaction),
];

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Push(push) => {
                write!(f, "p")?;
                if let Some(key) = push.key {
                    write!(f, "{key}")?;
                }
                write!(f, "{}", push.size)?;
                if let Some(dedup) = push.dedup {
                    write!(f, "d{dedup}")?;
                }
                if push.delay_ms > 0 {
                    write!(f, "w{}", push.delay_ms)?;
                }
                Ok(())
            }
            Self::Batch(messages) => write!(f, "b{messages}"),
            Self::Receive(consumer, most) => write!(f, "g{consumer}.{most}"),
            Self::Settle(settle, place) => {
                let letter = SETTLES.iter().find(|(_, it)| it == settle);
                write!(f, "{}{place}", letter.map_or('?', |(letter, _)| *letter))
            }
            Self::AckAll => write!(f, "A"),
            Self::Redrive(consumer) => write!(f, "d{consumer}"),
            Self::Pass(ms) => write!(f, "w{ms}"),
            Self::Upkeep => write!(f, "u"),
            Self::Reopen => write!(f, "r"),
            Self::Kill(changes) => write!(f, "k{changes}"),
            Self::Fill(left) => write!(f, "f{left}"),
            Self::Free => write!(f, "F"),
            Self::Check => write!(f, "c"),
        }
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        parsed(word).ok_or_else(|| format!("`{word}` is no step"))
    }
}

fn parsed(word: &str) -> Option<Step> {
    let mut chars = word.chars();
    let first = chars.next()?;
    let rest = chars.as_str();
    let consumer = |text: &str| text.parse().ok().filter(|it| *it < CONSUMERS);
    Some(match first {
        'A' if rest.is_empty() => Step::AckAll,
        'u' if rest.is_empty() => Step::Upkeep,
        'r' if rest.is_empty() => Step::Reopen,
        'c' if rest.is_empty() => Step::Check,
        'F' if rest.is_empty() => Step::Free,
        'f' => Step::Fill(rest.parse().ok()?),
        'p' => Step::Push(push(rest)?),
        'b' => Step::Batch(rest.parse().ok()?),
        'g' => {
            let (of, most) = rest.split_once('.')?;
            Step::Receive(consumer(of)?, most.parse().ok()?)
        }
        'd' => Step::Redrive(consumer(rest)?),
        'w' => Step::Pass(rest.parse().ok()?),
        'k' => Step::Kill(rest.parse().ok()?),
        letter => {
            let (_, settle) = SETTLES.iter().find(|(it, _)| *it == letter)?;
            Step::Settle(*settle, rest.parse().ok()?)
        }
    })
}

fn push(text: &str) -> Option<Push> {
    let key = text.chars().next().filter(|key| ('a'..='c').contains(key));
    let text = text.get(usize::from(key.is_some())..)?;
    let (text, delay_ms) = match text.split_once('w') {
        Some((text, delay)) => (text, delay.parse().ok()?),
        None => (text, 0),
    };
    let (text, dedup) = match text.split_once('d') {
        Some((text, dedup)) => (text, Some(dedup.parse().ok()?)),
        None => (text, None),
    };
    Some(Push {
        key,
        size: text.parse().ok()?,
        dedup,
        delay_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_read_as_it_was_written() {
        for word in [
            "p16",
            "pa0",
            "p16d1",
            "pb16d1w500",
            "p0w5",
            "b3",
            "g0.2",
            "a1",
            "n0",
            "e2",
            "x1",
            "t3",
            "A",
            "d2",
            "w500",
            "u",
            "r",
            "k3",
            "f4096",
            "F",
            "c",
        ] {
            let step: Step = word.parse().unwrap();
            assert_eq!(step.to_string(), word);
        }
        for word in [
            "", "p", "pd16", "p1d", "p1w", "b", "g3.1", "g0", "a", "AA", "q", "d3", "k-1",
        ] {
            word.parse::<Step>().unwrap_err();
        }
    }
}
