//! One thing that a plan does, and how it is written.

use std::fmt;
use std::str::FromStr;

/// A record to be put: a partition key, one of `p` to `w`, and its bytes of data.
pub type Put = (char, usize);

/// One thing that a plan does. The first field of most is a place in [`STREAMS`].
///
/// Written as a word: `A+2` makes stream A with 2 shards, `A-` deletes it, `A=48` sets its retention to
/// 48 hours, `A.p10` puts a record with key p and 10 bytes, `A&p10,q0` puts two in one request, `A!`
/// takes iterators of all shards, `p500` lets 500 ms pass, `j-500` sets the clock back by as much, `t2`
/// lets each reading of the clock move it on by 2 ms, `m` runs maintenance, `r` closes and opens, `k3`
/// kills the process after 3 more changes of the disk, `f4096` fills the disk up to 4096 bytes, `u`
/// frees it, and `c` reads everything.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "runs carry out all of them")]
pub enum Step {
    /// `CreateStream` with so many shards.
    Create(usize, u32),
    /// `DeleteStream`.
    Delete(usize),
    /// `IncreaseStreamRetentionPeriod` or `DecreaseStreamRetentionPeriod`, to so many hours.
    Retain(usize, u32),
    /// `PutRecord`.
    Put(usize, Put),
    /// `PutRecords`, with at least one.
    Puts(usize, Vec<Put>),
    /// `GetShardIterator` for all shards, of several types; they are used after every loss of power.
    Iterators(usize),
    /// Lets time pass, in ms.
    Pass(u64),
    /// Sets the wall clock forth or back, in ms.
    Jump(i64),
    /// Lets each reading of the clock move it on, in ms; 0 ends that.
    Tick(u64),
    /// Ends deletions that are due, rolls by age, trims by retention, closes idle files.
    Maintain,
    /// Closes in good order, and opens again.
    Reopen,
    /// Kills the process after so many more changes of the disk, and starts it again.
    Kill(u64),
    /// Fills the disk until so many bytes are free.
    Fill(u64),
    /// Makes room on a disk that was filled.
    Free,
    /// Reads everything and judges it.
    Check,
}

/// The streams of a plan: their letters, and their names. One looks like a log of another.
pub const STREAMS: [(char, &str); 3] = [
    ('A', "orders"),
    ('B', "orders.0123456789abcdef.000000000000"),
    ('C', "clicks"),
];

/// The partition keys of a plan.
pub const KEYS: [char; 8] = ['p', 'q', 'r', 's', 't', 'u', 'v', 'w'];

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = |stream: &usize| STREAMS.get(*stream).map_or('?', |(letter, _)| *letter);
        match self {
            Self::Create(stream, shards) => write!(f, "{}+{shards}", letter(stream)),
            Self::Delete(stream) => write!(f, "{}-", letter(stream)),
            Self::Retain(stream, hours) => write!(f, "{}={hours}", letter(stream)),
            Self::Put(stream, (key, size)) => write!(f, "{}.{key}{size}", letter(stream)),
            Self::Puts(stream, puts) => {
                let puts: Vec<String> = puts
                    .iter()
                    .map(|(key, size)| format!("{key}{size}"))
                    .collect();
                write!(f, "{}&{}", letter(stream), puts.join(","))
            }
            Self::Iterators(stream) => write!(f, "{}!", letter(stream)),
            Self::Pass(ms) => write!(f, "p{ms}"),
            Self::Jump(ms) => write!(f, "j{ms}"),
            Self::Tick(ms) => write!(f, "t{ms}"),
            Self::Maintain => write!(f, "m"),
            Self::Reopen => write!(f, "r"),
            Self::Kill(changes) => write!(f, "k{changes}"),
            Self::Fill(left) => write!(f, "f{left}"),
            Self::Free => write!(f, "u"),
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
    match first {
        'm' if rest.is_empty() => return Some(Step::Maintain),
        'r' if rest.is_empty() => return Some(Step::Reopen),
        'c' if rest.is_empty() => return Some(Step::Check),
        'u' if rest.is_empty() => return Some(Step::Free),
        'f' => return Some(Step::Fill(rest.parse().ok()?)),
        't' => return Some(Step::Tick(rest.parse().ok()?)),
        'p' => return Some(Step::Pass(rest.parse().ok()?)),
        'j' => return Some(Step::Jump(rest.parse().ok()?)),
        'k' => return Some(Step::Kill(rest.parse().ok()?)),
        _ => {}
    }
    let stream = STREAMS.iter().position(|(letter, _)| *letter == first)?;
    let sign = chars.next()?;
    let rest = chars.as_str();
    match sign {
        '+' => Some(Step::Create(stream, rest.parse().ok()?)),
        '-' if rest.is_empty() => Some(Step::Delete(stream)),
        '=' => Some(Step::Retain(stream, rest.parse().ok()?)),
        '.' => Some(Step::Put(stream, put(rest)?)),
        '&' => {
            let puts: Option<Vec<Put>> = rest.split(',').map(put).collect();
            Some(Step::Puts(stream, puts?))
        }
        '!' if rest.is_empty() => Some(Step::Iterators(stream)),
        _ => None,
    }
}

fn put(text: &str) -> Option<Put> {
    let mut chars = text.chars();
    let key = chars.next().filter(|key| KEYS.contains(key))?;
    Some((key, chars.as_str().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_read_as_it_was_written() {
        for word in [
            "A+2", "B-", "C=48", "A.p10", "B&q5,w0", "C!", "p500", "j-500", "t2", "m", "r", "k3",
            "f0", "u", "c",
        ] {
            let step: Step = word.parse().unwrap();
            assert_eq!(step.to_string(), word);
        }
        for word in [
            "", "A", "D+1", "A+", "A+x", "A-1", "A.x1", "A.p", "A&", "p", "mm", "k-1", "A!!",
        ] {
            word.parse::<Step>().unwrap_err();
        }
    }
}
