//! Knows what was asked of a store, and judges what it shows after a crash.

use std::collections::BTreeMap;
use std::fmt;

use crate::contract::Id;

/// One append: its records, all or none.
#[derive(Clone, Debug)]
struct Sent {
    records: Vec<String>,
    acked: bool,
}

/// The appends of one lane that are, or may be, in the store, oldest first.
#[derive(Clone, Debug, Default)]
struct Lane {
    appends: Vec<Sent>,
}

/// What a store may and must show.
///
/// # Invariants
/// What was acknowledged, or shown once, is there from then on. What a judgement did not find is gone
/// and never comes back. Each lane is a prefix of what was sent to it since.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    lanes: BTreeMap<u32, Lane>,
}

/// What a judgement found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Judged {
    /// Records that the store shows.
    pub found: u64,
    /// Appends that were not acknowledged and are there all the same.
    pub kept_unacked: u64,
    /// Appends that were not acknowledged and are gone.
    pub lost_unacked: u64,
}

/// What a store did that it must never do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "reports walk through all of them")]
pub enum Violation {
    /// A record that was acknowledged, or shown once, is not there.
    Lost(Id),
    /// A record is there that is not one of those sent, or not as it was sent.
    Invented(String),
    /// A record stands before one that was sent earlier on its lane, or is there twice.
    OutOfOrder(Id),
    /// Some records of an append are there and others are not.
    Torn(Id),
    /// The writer acknowledged what nobody sent.
    AckOfNothing(String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(id) => write!(f, "record {id} was acknowledged and is not there"),
            Self::Invented(text) => write!(f, "record `{text}` was never sent"),
            Self::OutOfOrder(id) => write!(f, "record {id} is there twice or out of order"),
            Self::Torn(id) => write!(f, "the append of record {id} is there in part"),
            Self::AckOfNothing(text) => write!(f, "`{text}` was acknowledged and never sent"),
        }
    }
}

impl std::error::Error for Violation {}

impl Oracle {
    /// Returns the oracle of a store in which nothing is.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note that an append of `records`, all of one lane, is about to be asked for.
    ///
    /// # Panics
    /// If the first record has no identity.
    #[expect(clippy::expect_used, reason = "the harness made the record")]
    pub fn sent(&mut self, records: &[String]) {
        let id = records.first().and_then(|record| Id::of_record(record));
        let id = id.expect("a record begins with its identity");
        self.lanes.entry(id.lane).or_default().appends.push(Sent {
            records: records.to_vec(),
            acked: false,
        });
    }

    /// Takes note of a line that the writer printed.
    ///
    /// # Errors
    /// [`Violation::AckOfNothing`] if no append that may be there begins with this identity.
    pub fn acked(&mut self, text: &str) -> Result<(), Violation> {
        let nothing = || Violation::AckOfNothing(text.to_owned());
        let id = Id::parse(text).ok_or_else(nothing)?;
        let lane = self.lanes.get_mut(&id.lane).ok_or_else(nothing)?;
        let begins = |sent: &&mut Sent| {
            let first = sent.records.first();
            first.and_then(|record| Id::of_record(record)) == Some(id)
        };
        let sent = lane.appends.iter_mut().rev().find(begins);
        sent.ok_or_else(nothing)?.acked = true;
        Ok(())
    }

    /// Returns how many records must be there.
    pub fn acked_records(&self) -> u64 {
        let appends = self.lanes.values().flat_map(|lane| &lane.appends);
        let records = appends.filter(|it| it.acked).map(|it| it.records.len());
        records.fold(0, |sum, records| sum.saturating_add(len(records)))
    }

    /// Judges all that a store shows, oldest first, and remembers it: what is there stays from now
    /// on, and what is not is gone.
    ///
    /// # Errors
    /// The first [`Violation`], in the order in which the store shows its records; those of what is
    /// missing come last.
    pub fn judge<'a>(
        &mut self,
        shown: impl IntoIterator<Item = &'a str>,
    ) -> Result<Judged, Violation> {
        // For each lane: how many appends, and how many records of the next one, were shown.
        let mut places: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
        let mut judged = Judged::default();
        for text in shown {
            let invented = || Violation::Invented(text.to_owned());
            let id = Id::of_record(text).ok_or_else(invented)?;
            let lane = self.lanes.get(&id.lane).ok_or_else(invented)?;
            let (append, record) = places.entry(id.lane).or_default();
            let expected = lane.appends.get(*append);
            let is_expected = expected
                .and_then(|sent| sent.records.get(*record))
                .is_some_and(|expected| expected == text);
            if !is_expected {
                let was_sent = lane.appends.iter().flat_map(|sent| &sent.records);
                return Err(if was_sent.into_iter().any(|sent| sent == text) {
                    out_of_order(lane, *append, *record, id)
                } else {
                    invented()
                });
            }
            *record = record.saturating_add(1);
            if expected.is_some_and(|sent| sent.records.len() == *record) {
                (*append, *record) = (append.saturating_add(1), 0);
            }
            judged.found = judged.found.saturating_add(1);
        }
        for (number, lane) in &mut self.lanes {
            let (append, record) = places.get(number).copied().unwrap_or_default();
            let rest = lane.appends.get(append..).unwrap_or_default();
            if let Some(lost) = rest.iter().find(|sent| sent.acked) {
                return Err(Violation::Lost(first_id(lost, *number)));
            }
            if let Some(torn) = rest.first().filter(|_| record > 0) {
                return Err(Violation::Torn(first_id(torn, *number)));
            }
            judged.lost_unacked = judged.lost_unacked.saturating_add(len(rest.len()));
            lane.appends.truncate(append);
            for sent in &mut lane.appends {
                if !sent.acked {
                    judged.kept_unacked = judged.kept_unacked.saturating_add(1);
                    sent.acked = true;
                }
            }
        }
        Ok(judged)
    }
}

/// Names what is wrong when a record was sent but is not the one that comes next on its lane.
fn out_of_order(lane: &Lane, append: usize, record: usize, id: Id) -> Violation {
    match lane.appends.get(append) {
        // Records of the append were passed over, or the append as a whole.
        Some(expected) if record > 0 => Violation::Torn(first_id(expected, id.lane)),
        Some(expected) if expected.acked && first_id(expected, id.lane) < id => {
            Violation::Lost(first_id(expected, id.lane))
        }
        _ => Violation::OutOfOrder(id),
    }
}

fn first_id(sent: &Sent, lane: u32) -> Id {
    let id = sent
        .records
        .first()
        .and_then(|record| Id::of_record(record));
    id.unwrap_or(Id { lane, number: 0 })
}

fn len(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::record;

    fn one(lane: u32, number: u64) -> Vec<String> {
        vec![record(Id { lane, number }, 9, 0)]
    }

    /// Two lanes; of lane 0 the first append is acknowledged, the second, of three records, is not.
    fn oracle() -> (Oracle, Vec<String>) {
        let mut oracle = Oracle::new();
        let batch: Vec<String> = (1..4)
            .map(|number| record(Id { lane: 0, number }, 5, 0))
            .collect();
        oracle.sent(&one(0, 0));
        oracle.sent(&batch);
        oracle.sent(&one(1, 0));
        oracle.acked("0-0").unwrap();
        oracle.acked("1-0").unwrap();
        (oracle, batch)
    }

    fn judge(oracle: &mut Oracle, shown: &[&[String]]) -> Result<Judged, Violation> {
        let shown: Vec<&str> = shown
            .iter()
            .flat_map(|it| it.iter())
            .map(String::as_str)
            .collect();
        oracle.judge(shown)
    }

    #[test]
    fn what_was_not_acknowledged_may_be_there_or_not_but_not_change_its_mind() {
        let (mut oracle, batch) = oracle();
        let (zero, other) = (one(0, 0), one(1, 0));
        let judged = judge(&mut oracle.clone(), &[&other, &zero, &batch]).unwrap();
        assert_eq!(
            (judged.found, judged.kept_unacked, judged.lost_unacked),
            (5, 1, 0)
        );

        let mut with = oracle.clone();
        judge(&mut with, &[&zero, &batch, &other]).unwrap();
        let lost = judge(&mut with, &[&zero, &other]).unwrap_err();
        assert_eq!(lost, Violation::Lost(Id { lane: 0, number: 1 }));

        let judged = judge(&mut oracle, &[&zero, &other]).unwrap();
        assert_eq!(
            (judged.found, judged.kept_unacked, judged.lost_unacked),
            (2, 0, 1)
        );
        let back = judge(&mut oracle, &[&zero, &batch, &other]).unwrap_err();
        assert!(matches!(back, Violation::Invented(_)), "{back}");
    }

    #[test]
    fn every_kind_of_wrong_is_named() {
        let (oracle, batch) = oracle();
        let (zero, other) = (one(0, 0), one(1, 0));
        let wrong = |shown: &[&[String]]| judge(&mut oracle.clone(), shown).unwrap_err();
        let id = |lane, number| Id { lane, number };
        assert_eq!(wrong(&[&zero]), Violation::Lost(id(1, 0)));
        assert_eq!(
            wrong(&[&zero, &other, &batch[..2]]),
            Violation::Torn(id(0, 1))
        );
        assert_eq!(
            wrong(&[&zero, &batch[..1], &batch[2..], &other]),
            Violation::Torn(id(0, 1))
        );
        assert_eq!(wrong(&[&batch, &zero, &other]), Violation::Lost(id(0, 0)));
        assert_eq!(
            wrong(&[&zero, &zero, &other]),
            Violation::OutOfOrder(id(0, 0))
        );
        let mut changed = zero.clone();
        changed[0].push('x');
        assert!(matches!(wrong(&[&changed, &other]), Violation::Invented(_)));
        assert!(matches!(
            wrong(&[&zero, &one(7, 0)]),
            Violation::Invented(_)
        ));
        let ack = oracle.clone().acked("0-7").unwrap_err();
        assert_eq!(ack, Violation::AckOfNothing(String::from("0-7")));
    }
}
