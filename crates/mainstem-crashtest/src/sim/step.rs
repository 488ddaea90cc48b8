//! One thing that a plan does, and how it is written.

use std::fmt;
use std::str::FromStr;

/// How an append is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "plans are made of all of them")]
pub enum Way {
    /// `append`, which blocks.
    Blocking,
    /// `append_one`, of the first size alone.
    One,
    /// `try_append`.
    Try,
    /// `append_async`, polled until it is ready.
    Future,
    /// `append_async`, dropped after it was polled once.
    Dropped,
}

impl Way {
    /// All ways, each with its sign.
    pub const ALL: [(Self, char); 5] = [
        (Self::Blocking, '+'),
        (Self::One, '.'),
        (Self::Try, '?'),
        (Self::Future, '~'),
        (Self::Dropped, '!'),
    ];
}

/// One thing that a plan does.
///
/// Written as a word: `a+10,300` appends a batch of two records to shard a (the sign is that of a
/// [`Way`]), `a&10&5,5` appends two batches that are committed as one group, `a*64,20` appends 64 times a
/// record of 20 bytes, one each millisecond, which makes the shard busy, so that the space ahead is
/// filled with zeros, `z` lets those who do that make their next call, `p500` lets 500 ms pass,
/// `j-500` sets the clock back by as much, `m` runs maintenance, `r` closes and opens, `k3` kills the
/// process after 3 more changes of the disk, `xa` removes shard a, `f4096` fills the disk up to 4096
/// bytes, `u` frees it, and `c` reads everything.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "runs carry out all of them")]
pub enum Step {
    /// Appends one batch to a shard: the sizes of its records in bytes, at least one.
    Append(usize, Way, Vec<usize>),
    /// Appends several batches to a shard, at least one, that one group commits.
    Group(usize, Vec<Vec<usize>>),
    /// Appends to a shard so many records of so many bytes, one each millisecond.
    Busy(usize, usize, usize),
    /// Lets each thread that fills space with zeros make its next call. Without it, that call is held
    /// until a commit waits for it.
    Zeros,
    /// Lets time pass, in ms.
    Pass(u64),
    /// Sets the wall clock forth or back, in ms.
    Jump(i64),
    /// Runs rolling by age, retention and the closing of idle files.
    Maintain,
    /// Closes in good order, and opens again.
    Reopen,
    /// Kills the process after so many more changes of the disk, and starts it again.
    Kill(u64),
    /// Removes a shard with all that is in it.
    Remove(usize),
    /// Fills the disk until so many bytes are free.
    Fill(u64),
    /// Makes room on a disk that was filled.
    Free,
    /// Reads everything and judges it.
    Check,
}

/// The shards of a plan, by their letters.
pub const SHARDS: [&str; 2] = ["a", "b"];

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = |shard: usize| SHARDS.get(shard).copied().unwrap_or("?");
        let list = |sizes: &[usize]| {
            let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
            sizes.join(",")
        };
        match self {
            Self::Append(shard, way, sizes) => {
                let sign = Way::ALL.iter().find(|(it, _)| it == way);
                let sign = sign.map_or('+', |(_, sign)| *sign);
                write!(f, "{}{sign}{}", letter(*shard), list(sizes))
            }
            Self::Group(shard, batches) => {
                write!(f, "{}", letter(*shard))?;
                batches.iter().try_for_each(|it| write!(f, "&{}", list(it)))
            }
            Self::Busy(shard, count, size) => write!(f, "{}*{count},{size}", letter(*shard)),
            Self::Zeros => write!(f, "z"),
            Self::Pass(ms) => write!(f, "p{ms}"),
            Self::Jump(ms) => write!(f, "j{ms}"),
            Self::Maintain => write!(f, "m"),
            Self::Reopen => write!(f, "r"),
            Self::Kill(changes) => write!(f, "k{changes}"),
            Self::Remove(shard) => write!(f, "x{}", letter(*shard)),
            Self::Fill(left) => write!(f, "f{left}"),
            Self::Free => write!(f, "u"),
            Self::Check => write!(f, "c"),
        }
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let wrong = || format!("`{word}` is no step");
        let shard = |text: &str| SHARDS.iter().position(|it| *it == text).ok_or_else(wrong);
        let sizes = |text: &str| -> Result<Vec<usize>, String> {
            text.split(',')
                .map(|it| it.parse().map_err(|_| wrong()))
                .collect()
        };
        let mut chars = word.chars();
        let first = chars.next().ok_or_else(wrong)?;
        let rest = chars.as_str();
        match first {
            'm' if rest.is_empty() => return Ok(Self::Maintain),
            'r' if rest.is_empty() => return Ok(Self::Reopen),
            'c' if rest.is_empty() => return Ok(Self::Check),
            'z' if rest.is_empty() => return Ok(Self::Zeros),
            'u' if rest.is_empty() => return Ok(Self::Free),
            'f' => return Ok(Self::Fill(rest.parse().map_err(|_| wrong())?)),
            'p' => return Ok(Self::Pass(rest.parse().map_err(|_| wrong())?)),
            'j' => return Ok(Self::Jump(rest.parse().map_err(|_| wrong())?)),
            'k' => return Ok(Self::Kill(rest.parse().map_err(|_| wrong())?)),
            'x' => return Ok(Self::Remove(shard(rest)?)),
            _ => {}
        }
        let shard = shard(&first.to_string())?;
        let sign = chars.next().ok_or_else(wrong)?;
        let rest = chars.as_str();
        if sign == '*' {
            return match sizes(rest)?.as_slice() {
                [count, size] => Ok(Self::Busy(shard, *count, *size)),
                _ => Err(wrong()),
            };
        }
        if sign == '&' {
            let batches: Result<_, _> = rest.split('&').map(sizes).collect();
            return Ok(Self::Group(shard, batches?));
        }
        let way = Way::ALL
            .iter()
            .find(|(_, it)| *it == sign)
            .ok_or_else(wrong)?;
        Ok(Self::Append(shard, way.0, sizes(rest)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_read_as_it_was_written() {
        for word in [
            "a+10,300", "b.0", "a?7", "b~1,2", "a!5", "a&10&5,5", "a*64,0", "z", "p500", "j-500",
            "m", "r", "k3", "xb", "f4096", "u", "c",
        ] {
            let step: Step = word.parse().unwrap();
            assert_eq!(step.to_string(), word);
        }
        for word in [
            "", "a", "d+1", "a+", "a+x", "a*4", "p", "j", "mm", "x", "xq", "k-1",
        ] {
            word.parse::<Step>().unwrap_err();
        }
    }
}
