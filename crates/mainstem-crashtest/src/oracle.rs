//! Knows what was asked of a store, and judges what it shows after a crash.

use std::collections::BTreeMap;
use std::fmt;

use crate::contract::{Id, Place};

/// One append: its records, all or none.
#[derive(Clone, Debug)]
struct Sent {
    records: Vec<String>,
    acked: bool,
    /// How often the writer had been started anew when this was sent.
    life: u64,
    /// When it was, at the earliest, that the store learned of it, in ms.
    since_ms: u64,
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
/// and never comes back. Of what was sent to a lane since, in one life of the writer, a prefix is there.
/// A place that was told belongs to one record for ever. Of a store that deletes what is old, only what is
/// old may be gone, and in each log only its oldest records.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    lanes: BTreeMap<u32, Lane>,
    life: u64,
    now_ms: u64,
    told: BTreeMap<Place, Id>,
    places: BTreeMap<Id, Place>,
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
    /// Records that were acknowledged, or shown once, and left because they were old.
    pub gone_old: u64,
}

impl Judged {
    /// Takes note that an append was seen, which stays from then on.
    fn keep(&mut self, sent: &mut Sent) {
        if !sent.acked {
            self.kept_unacked = self.kept_unacked.saturating_add(1);
            sent.acked = true;
        }
    }
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
    /// A record is said to be at a place other than the one told before.
    Moved(Id),
    /// A place that was told for one record was given to another.
    Reused(Place, Id),
    /// A record is gone, which may be for its age, while older ones of its log are there.
    Hole(Place, Id),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(id) => write!(f, "record {id} was acknowledged and is not there"),
            Self::Invented(text) => write!(f, "record `{text}` was never sent"),
            Self::OutOfOrder(id) => write!(f, "record {id} is there twice or out of order"),
            Self::Torn(id) => write!(f, "the append of record {id} is there in part"),
            Self::AckOfNothing(text) => write!(f, "`{text}` was acknowledged and never sent"),
            Self::Moved(id) => write!(f, "record {id} changed its place"),
            Self::Reused(place, id) => {
                write!(
                    f,
                    "place {place} was told for another record than {id} before"
                )
            }
            Self::Hole(place, id) => write!(
                f,
                "record {id} is gone from place {place}, and older ones of that log are there"
            ),
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
            life: self.life,
            since_ms: self.now_ms,
        });
    }

    /// Takes note of the time, in ms by the clock of the store: what is sent from now on is not older.
    pub fn is_now(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// Takes note that a writer was started, before anything is sent to it.
    ///
    /// What the one before it was sent and did not acknowledge may be missing from now on, though
    /// later appends of the same lane are there.
    pub fn restarted(&mut self) {
        self.life = self.life.saturating_add(1);
    }

    /// Takes note of a line that the writer printed: an identity, and maybe a place.
    ///
    /// # Errors
    /// [`Violation::AckOfNothing`] if no append that may be there begins with this identity;
    /// [`Violation::Moved`] or [`Violation::Reused`] if the place was another record's.
    pub fn acked(&mut self, text: &str) -> Result<(), Violation> {
        let nothing = || Violation::AckOfNothing(text.to_owned());
        let (identity, place) = match text.split_once(' ') {
            None => (text, None),
            Some((identity, place)) => {
                let place = Place::parse(place).ok_or_else(nothing)?;
                (identity, Some(place))
            }
        };
        let id = Id::parse(identity).ok_or_else(nothing)?;
        let lane = self.lanes.get_mut(&id.lane).ok_or_else(nothing)?;
        let begins = |sent: &&mut Sent| {
            let first = sent.records.first();
            first.and_then(|record| Id::of_record(record)) == Some(id)
        };
        let sent = lane.appends.iter_mut().rev().find(begins);
        sent.ok_or_else(nothing)?.acked = true;
        place.map_or(Ok(()), |place| self.tell(id, place))
    }

    /// Remembers the place of a record.
    fn tell(&mut self, id: Id, place: Place) -> Result<(), Violation> {
        if *self.places.entry(id).or_insert(place) != place {
            return Err(Violation::Moved(id));
        }
        if *self.told.entry(place).or_insert(id) != id {
            return Err(Violation::Reused(place, id));
        }
        Ok(())
    }

    /// Returns how many records must be there.
    pub fn acked_records(&self) -> u64 {
        let appends = self.lanes.values().flat_map(|lane| &lane.appends);
        let records = appends.filter(|it| it.acked).map(|it| it.records.len());
        records.fold(0, |sum, records| sum.saturating_add(len(records)))
    }

    /// Judges all that a store shows, oldest first, and remembers it: what is there stays from now
    /// on, and what is not is gone. Each item is a line of the reader.
    ///
    /// # Errors
    /// The first [`Violation`], in the order in which the store shows its records; those of what is
    /// missing come last.
    pub fn judge<'a>(
        &mut self,
        shown: impl IntoIterator<Item = &'a str>,
    ) -> Result<Judged, Violation> {
        self.judge_retained(shown, 0)
    }

    /// As [`Oracle::judge`], of a store that may have deleted what was older than `young_from_ms`, in ms
    /// by its clock, as [`Oracle::is_now`] has it: of each log the oldest records, as far as they are
    /// known to be that old, without a younger one that is gone. What is gone does not come back.
    ///
    /// # Errors
    /// As [`Oracle::judge`]; [`Violation::Hole`] too.
    pub fn judge_retained<'a>(
        &mut self,
        shown: impl IntoIterator<Item = &'a str>,
        young_from_ms: u64,
    ) -> Result<Judged, Violation> {
        let shown: Vec<&str> = shown.into_iter().collect();
        let mut judged = Judged::default();
        if young_from_ms > 0 {
            self.forget_old(&shown, young_from_ms, &mut judged)?;
        }
        let progress = self.walk(shown, &mut judged)?;
        for (number, lane) in &mut self.lanes {
            let Progress { append, record } = progress.get(number).copied().unwrap_or_default();
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
                judged.keep(sent);
            }
        }
        Ok(judged)
    }

    /// Judges what a store shows that breaks off somewhere and says so, and remembers it: each record is
    /// right, and none is missing before it on its lane.
    ///
    /// # Errors
    /// As [`Oracle::judge`], but that nothing counts as missing behind the last record of a lane.
    pub fn judge_part<'a>(
        &mut self,
        shown: impl IntoIterator<Item = &'a str>,
    ) -> Result<Judged, Violation> {
        let mut judged = Judged::default();
        let progress = self.walk(shown, &mut judged)?;
        for (number, Progress { append, record }) in progress {
            let Some(lane) = self.lanes.get_mut(&number) else {
                continue;
            };
            // An append that was seen in part is there as a whole.
            let seen = append.saturating_add(usize::from(record > 0));
            for sent in lane.appends.iter_mut().take(seen) {
                judged.keep(sent);
            }
        }
        Ok(judged)
    }

    /// Goes through all that a store shows, and returns how far it came on each lane.
    fn walk<'a>(
        &mut self,
        shown: impl IntoIterator<Item = &'a str>,
        judged: &mut Judged,
    ) -> Result<BTreeMap<u32, Progress>, Violation> {
        let mut progress: BTreeMap<u32, Progress> = BTreeMap::new();
        let mut last: BTreeMap<u32, u64> = BTreeMap::new();
        for line in shown {
            let (text, place) = split(line);
            let invented = || Violation::Invented(line.to_owned());
            let id = Id::of_record(text).ok_or_else(invented)?;
            let lane = self.lanes.get_mut(&id.lane).ok_or_else(invented)?;
            let shown_so_far = progress.entry(id.lane).or_default();
            let lost = lane.forget_lost(*shown_so_far, text);
            judged.lost_unacked = judged.lost_unacked.saturating_add(lost);
            if lane.at(*shown_so_far) != Some(text) {
                let was_sent = lane.appends.iter().flat_map(|sent| &sent.records);
                return Err(if was_sent.into_iter().any(|sent| sent == text) {
                    out_of_order(lane, *shown_so_far, id)
                } else {
                    invented()
                });
            }
            lane.step(shown_so_far);
            judged.found = judged.found.saturating_add(1);
            if let Some(place) = place {
                let place = Place::parse(place).ok_or_else(invented)?;
                if last.insert(place.log, place.number) >= Some(place.number) {
                    return Err(Violation::OutOfOrder(id));
                }
                self.tell(id, place)?;
            }
        }
        Ok(progress)
    }

    /// Drops the appends that are not shown, were sent before `young_from_ms`, and were the oldest of
    /// their lane and of their log.
    fn forget_old(
        &mut self,
        shown: &[&str],
        young_from_ms: u64,
        judged: &mut Judged,
    ) -> Result<(), Violation> {
        let mut first_texts: BTreeMap<u32, &str> = BTreeMap::new();
        let mut first_numbers: BTreeMap<u32, u64> = BTreeMap::new();
        for (text, place) in shown.iter().map(|line| split(line)) {
            if let Some(id) = Id::of_record(text) {
                first_texts.entry(id.lane).or_insert(text);
            }
            if let Some(place) = place.and_then(Place::parse) {
                first_numbers.entry(place.log).or_insert(place.number);
            }
        }
        for (number, lane) in &mut self.lanes {
            let is_first = |sent: &Sent| match first_texts.get(number) {
                Some(first) => sent.records.iter().any(|record| record == first),
                None => false,
            };
            let gone = lane
                .appends
                .iter()
                .take_while(|sent| sent.since_ms < young_from_ms && !is_first(sent))
                .count();
            for sent in lane.appends.drain(..gone) {
                let id = first_id(&sent, *number);
                let place = self.places.get(&id).filter(|_| sent.acked);
                if let Some(place) = place
                    && let Some(first) = first_numbers.get(&place.log)
                    && place.number >= *first
                {
                    return Err(Violation::Hole(*place, id));
                }
                if sent.acked {
                    let records = len(sent.records.len());
                    judged.gone_old = judged.gone_old.saturating_add(records);
                } else {
                    judged.lost_unacked = judged.lost_unacked.saturating_add(1);
                }
            }
        }
        Ok(())
    }
}

/// Splits a line of the reader into a record and its place, if that is told.
fn split(line: &str) -> (&str, Option<&str>) {
    line.split_once('\t')
        .map_or((line, None), |(text, place)| (text, Some(place)))
}

/// How many appends of a lane, and how many records of the next one, were shown.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    append: usize,
    record: usize,
}

impl Lane {
    /// Returns the record that comes next.
    fn at(&self, shown_so_far: Progress) -> Option<&str> {
        let sent = self.appends.get(shown_so_far.append)?;
        sent.records.get(shown_so_far.record).map(String::as_str)
    }

    /// Goes on behind the record that comes next.
    fn step(&self, shown_so_far: &mut Progress) {
        shown_so_far.record = shown_so_far.record.saturating_add(1);
        let sent = self.appends.get(shown_so_far.append);
        if sent.is_some_and(|sent| sent.records.len() == shown_so_far.record) {
            shown_so_far.append = shown_so_far.append.saturating_add(1);
            shown_so_far.record = 0;
        }
    }

    /// Drops the appends that a writer took with it, if `text` begins an append of a later one, and
    /// returns how many they are.
    fn forget_lost(&mut self, shown_so_far: Progress, text: &str) -> u64 {
        if shown_so_far.record > 0 || self.at(shown_so_far) == Some(text) {
            return 0;
        }
        let rest = self.appends.get(shown_so_far.append..).unwrap_or_default();
        let begins = |sent: &Sent| sent.records.first().is_some_and(|first| first == text);
        let Some(passed) = rest.iter().position(begins) else {
            return 0;
        };
        let life = rest.get(passed).map(|sent| sent.life);
        let lost = rest.get(..passed).unwrap_or_default();
        if lost
            .iter()
            .any(|sent| sent.acked || Some(sent.life) == life)
        {
            return 0;
        }
        self.appends
            .drain(shown_so_far.append..shown_so_far.append.saturating_add(passed));
        len(passed)
    }
}

/// Names what is wrong when a record was sent but is not the one that comes next on its lane.
fn out_of_order(lane: &Lane, shown_so_far: Progress, id: Id) -> Violation {
    let Progress { append, record } = shown_so_far;
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
mod tests;
