//! What a worker says, a line each.

use std::fmt;
use std::str::FromStr;

/// What a worker is about to do, or what was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Messages are pushed as one batch, with the ordering key of a thread or none.
    Push { key: Option<u8>, ids: Vec<u64> },
    /// Messages are acknowledged at once.
    Ack { consumer: usize, ids: Vec<u64> },
    /// A thread acknowledges a message, pushes another and keeps its number, all in one.
    Transact {
        consumer: usize,
        input: u64,
        output: u64,
        thread: u8,
    },
    /// A message is given back.
    Nack { consumer: usize, id: u64 },
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// It is about to be done.
    Asked(Deed),
    /// It was answered.
    Answered(Deed),
    /// A message was delivered.
    Received {
        consumer: usize,
        id: u64,
        attempts: u32,
    },
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = match self {
            Self::Push { key, ids } => {
                match key {
                    Some(key) => write!(f, "push {key}")?,
                    None => write!(f, "push -")?,
                }
                ids.as_slice()
            }
            Self::Ack { consumer, ids } => {
                write!(f, "ack {consumer}")?;
                ids.as_slice()
            }
            Self::Transact {
                consumer,
                input,
                output,
                thread,
            } => return write!(f, "transact {consumer} {input} {output} {thread}"),
            Self::Nack { consumer, id } => return write!(f, "nack {consumer} {id}"),
        };
        ids.iter().try_for_each(|id| write!(f, " {id}"))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked(deed) => write!(f, "? {deed}"),
            Self::Answered(deed) => write!(f, "! {deed}"),
            Self::Received {
                consumer,
                id,
                attempts,
            } => write!(f, "< {consumer} {id} {attempts}"),
        }
    }
}

impl FromStr for Line {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        parsed(line).ok_or_else(|| format!("the worker said {line:?}"))
    }
}

fn parsed(line: &str) -> Option<Line> {
    let (sign, rest) = line.split_once(' ')?;
    if sign == "<" {
        let mut parts = rest.split(' ');
        return Some(Line::Received {
            consumer: parts.next()?.parse().ok()?,
            id: parts.next()?.parse().ok()?,
            attempts: parts.next()?.parse().ok()?,
        });
    }
    let (verb, rest) = rest.split_once(' ')?;
    let mut parts = rest.split(' ');
    let first = parts.next()?;
    let mut numbers = parts.map(str::parse::<u64>);
    let deed = match verb {
        "push" => Deed::Push {
            key: match first {
                "-" => None,
                key => Some(key.parse().ok()?),
            },
            ids: numbers.collect::<Result<_, _>>().ok()?,
        },
        "ack" => Deed::Ack {
            consumer: first.parse().ok()?,
            ids: numbers.collect::<Result<_, _>>().ok()?,
        },
        "transact" => Deed::Transact {
            consumer: first.parse().ok()?,
            input: numbers.next()?.ok()?,
            output: numbers.next()?.ok()?,
            thread: numbers.next()?.ok()?.try_into().ok()?,
        },
        "nack" => Deed::Nack {
            consumer: first.parse().ok()?,
            id: numbers.next()?.ok()?,
        },
        _ => return None,
    };
    match sign {
        "?" => Some(Line::Asked(deed)),
        "!" => Some(Line::Answered(deed)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_as_it_was_said() {
        for line in [
            "? push - 1 2 3",
            "! push 2 9",
            "? ack 1 5 6",
            "! transact 0 5 6 3",
            "? nack 2 7",
            "< 1 99 4",
        ] {
            assert_eq!(line.parse::<Line>().unwrap().to_string(), line);
        }
        for line in [
            "",
            "?",
            "? push",
            "? sing 1 2",
            "< 1 2",
            "* ack 1 2",
            "? push x 1",
        ] {
            line.parse::<Line>().unwrap_err();
        }
    }
}
