//! Decides whether a history is one that a log may have.

use std::collections::BTreeMap;
use std::fmt;

/// When a call began and when it ended: ticks of one counter that all threads share. A call that never
/// ended has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a span is its two ends")]
pub struct Span {
    /// The tick at which the call was made.
    pub begun: u64,
    /// The tick at which it returned.
    pub ended: u64,
}

impl Span {
    /// The end of a call that never returned.
    pub const NEVER: u64 = u64::MAX;
}

/// A call and what it told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "recorders make all of them")]
pub enum Call {
    /// An append of records with these identities, all or none. `Some` is the sequence number of the
    /// first; `None` means that nobody was told what became of them.
    Append(Vec<u64>, Option<u64>),
    /// An append that was refused: nothing of it may ever be seen.
    Refused(Vec<u64>),
    /// A reader got the record with this sequence number and this identity.
    Read(u64, u64),
    /// A reader at this sequence number found no further record.
    End(u64),
    /// The durable mark was this.
    Mark(u64),
}

/// What no log may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks a history against `log`, the identities of all records that were there in the end, by
/// sequence number.
///
/// # Errors
/// The first thing that no log may do.
pub fn check(history: &[(Span, Call)], log: &[u64]) -> Result<(), Violation> {
    let wrong = |what: String| Err(Violation(what));
    let places: BTreeMap<u64, u64> = log.iter().copied().zip(0..).collect();
    if places.len() != log.len() {
        return wrong(String::from("a record is there twice"));
    }
    // By sequence number: when the append of a record began, and when it was acknowledged.
    let mut spans: Vec<Option<Span>> = vec![None; log.len()];
    for (span, call) in history {
        match call {
            Call::Append(records, told) => {
                note_append(&mut spans, &places, *span, records, *told)?;
            }
            Call::Refused(records) => {
                if let Some(record) = records.iter().find(|record| places.contains_key(record)) {
                    return wrong(format!("record {record} was refused and is there"));
                }
            }
            _ => {}
        }
    }
    // Up to which tick all records before a number had been asked for, at the earliest.
    let mut asked = Vec::with_capacity(log.len().saturating_add(1));
    asked.push(0);
    let mut latest = 0;
    for (seq, span) in spans.iter().enumerate() {
        let Some(span) = span else {
            return wrong(format!("record {seq} was never appended"));
        };
        latest = latest.max(span.begun);
        if latest >= span.ended {
            return wrong(format!(
                "record {seq} was acknowledged before one in front of it was asked for"
            ));
        }
        asked.push(latest);
    }
    let asked_before = |mark: u64| {
        usize::try_from(mark)
            .ok()
            .and_then(|at| asked.get(at))
            .copied()
    };

    // What is known to be durable grows with every call that ends.
    let mut known: Vec<(u64, u64)> = Vec::new();
    for (span, call) in history.iter().filter(|(span, _)| span.ended != Span::NEVER) {
        let shown = match call {
            Call::Append(records, Some(first)) => first.saturating_add(len(records)),
            Call::Read(seq, _) => seq.saturating_add(1),
            Call::Mark(mark) => *mark,
            Call::Append(_, None) | Call::Refused(_) | Call::End(_) => continue,
        };
        known.push((span.ended, shown));
    }
    known.sort_unstable();
    let mut most = 0;
    for (_, shown) in &mut known {
        most = most.max(*shown);
        *shown = most;
    }
    let known_at = |tick: u64| {
        let before = known.partition_point(|(ended, _)| *ended < tick);
        before
            .checked_sub(1)
            .and_then(|at| known.get(at))
            .map_or(0, |(_, shown)| *shown)
    };
    for (span, call) in history {
        let (at_least, at_most) = match call {
            Call::Read(seq, record) => {
                if places.get(record) != Some(seq) {
                    return wrong(format!("a reader got record {record} as number {seq}"));
                }
                (seq.saturating_add(1), None)
            }
            Call::End(mark) => (0, Some(*mark)),
            Call::Mark(mark) => (*mark, Some(*mark)),
            Call::Append(..) | Call::Refused(_) => continue,
        };
        match asked_before(at_least) {
            Some(asked) if asked < span.ended => {}
            Some(_) => return wrong(format!("{call:?} shows what nobody had asked for yet")),
            None => return wrong(format!("{call:?} shows more than there ever was")),
        }
        if let Some(at_most) = at_most
            && at_most < known_at(span.begun)
        {
            let known = known_at(span.begun);
            return wrong(format!(
                "{call:?}, after {known} records were known to be durable"
            ));
        }
    }
    Ok(())
}

fn note_append(
    spans: &mut [Option<Span>],
    places: &BTreeMap<u64, u64>,
    span: Span,
    records: &[u64],
    told: Option<u64>,
) -> Result<(), Violation> {
    let found = records.first().and_then(|first| places.get(first)).copied();
    let Some(first) = found else {
        return match told {
            Some(first) => Err(Violation(format!(
                "record {first} was acknowledged and is not there"
            ))),
            None if records.iter().any(|record| places.contains_key(record)) => {
                Err(Violation(String::from("an append is there in part")))
            }
            None => Ok(()),
        };
    };
    if told.is_some_and(|told| told != first) {
        return Err(Violation(format!(
            "record {first} was acknowledged as {told:?}"
        )));
    }
    for (record, seq) in records.iter().zip(first..) {
        let place = usize::try_from(seq).ok().and_then(|at| spans.get_mut(at));
        match place {
            Some(place @ None) if places.get(record) == Some(&seq) => *place = Some(span),
            _ => {
                return Err(Violation(format!(
                    "the append of record {first} is there in part"
                )));
            }
        }
    }
    Ok(())
}

fn len(records: &[u64]) -> u64 {
    u64::try_from(records.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(begun: u64, ended: u64, call: Call) -> (Span, Call) {
        (Span { begun, ended }, call)
    }

    fn append(begun: u64, ended: u64, record: u64, seq: u64) -> (Span, Call) {
        at(begun, ended, Call::Append(vec![record], Some(seq)))
    }

    /// Two appends that overlap, then one after both.
    fn three() -> Vec<(Span, Call)> {
        vec![
            append(1, 10, 70, 1),
            append(2, 9, 71, 0),
            append(11, 20, 72, 2),
        ]
    }

    fn with(call: (Span, Call)) -> Result<(), String> {
        let mut history = three();
        history.push(call);
        check(&history, &[71, 70, 72]).map_err(|violation| violation.to_string())
    }

    #[test]
    fn what_a_log_may_do_passes() {
        check(&three(), &[71, 70, 72]).unwrap();
        for call in [
            at(3, 4, Call::Mark(0)),
            at(3, 8, Call::Mark(2)),
            at(3, 8, Call::Read(1, 70)),
            at(10, 12, Call::End(2)),
            at(12, 13, Call::End(3)),
            at(12, 13, Call::Mark(2)),
            at(15, 16, Call::Refused(vec![99])),
            at(15, Span::NEVER, Call::Append(vec![98], None)),
        ] {
            with(call.clone()).unwrap_or_else(|what| panic!("{call:?}: {what}"));
        }
    }

    #[test]
    fn what_no_log_may_do_does_not() {
        for call in [
            // The future.
            at(3, 8, Call::Mark(3)),
            at(3, 4, Call::Read(2, 72)),
            at(1, 30, Call::Mark(4)),
            // The past.
            at(11, 12, Call::Mark(1)),
            at(21, 22, Call::End(2)),
            at(30, 31, Call::Mark(0)),
            // Other records.
            at(12, 13, Call::Read(0, 70)),
            at(12, 13, Call::Read(0, 5)),
            at(12, 13, Call::Refused(vec![70])),
            append(12, 13, 99, 3),
            append(30, 31, 71, 1),
        ] {
            with(call.clone()).expect_err(&format!("{call:?}"));
        }
        // Order against time, loss, duplicates, phantoms, halves.
        let log = |log: &[u64]| check(&three(), log);
        log(&[72, 71, 70]).unwrap_err();
        log(&[71, 70]).unwrap_err();
        log(&[71, 70, 72, 71]).unwrap_err();
        log(&[71, 70, 72, 9]).unwrap_err();
        let half = at(12, Span::NEVER, Call::Append(vec![80, 81], None));
        let history: Vec<_> = three().into_iter().chain([half]).collect();
        check(&history, &[71, 70, 72]).unwrap();
        check(&history, &[71, 70, 72, 80, 81]).unwrap();
        check(&history, &[71, 70, 72, 80]).unwrap_err();
        check(&history, &[71, 70, 72, 81]).unwrap_err();
    }

    #[test]
    fn marks_never_go_back() {
        let mut history = three();
        history.push(at(3, 5, Call::Mark(2)));
        history.push(at(6, 7, Call::Mark(1)));
        check(&history, &[71, 70, 72]).unwrap_err();
    }
}
