//! What happened to a disk, and the disks that a power cut can leave.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use crate::oracle::{Oracle, Violation};

use super::dice::Dice;
use super::image::{Image, to_u64};

/// What a write puts there.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// Bytes.
    Data(Arc<[u8]>),
    /// So many zeros: a discard, a punched hole or a zeroed range.
    Zeros(u64),
}

/// One write of the kernel.
#[derive(Clone, Debug)]
pub(super) struct Write {
    /// The first byte.
    pub(super) offset: u64,
    /// What is written.
    pub(super) content: Content,
}

impl Write {
    fn len(&self) -> u64 {
        match &self.content {
            Content::Data(data) => to_u64(data.len()),
            Content::Zeros(len) => *len,
        }
    }

    /// Does all of it.
    pub(super) fn apply(&self, image: &mut Image) {
        self.apply_range(image, 0, self.len());
    }

    /// Does bytes `from..end` of it.
    fn apply_range(&self, image: &mut Image, from: u64, end: u64) {
        let end = end.min(self.len());
        let offset = self.offset.saturating_add(from);
        match &self.content {
            Content::Zeros(_) => image.zero(offset, end.saturating_sub(from)),
            Content::Data(data) => {
                let range = usize::try_from(from).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
                image.write(offset, data.get(range).unwrap_or_default());
            }
        }
    }
}

/// What the harness knows at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A writer is about to be started.
    Started,
    /// These records are about to be asked for, as one append.
    Sent(Arc<[String]>),
    /// The writer has printed this line.
    Acked(String),
    /// The reader has shown all these records and ended well.
    Shown(Arc<[String]>),
}

/// One entry of a log.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// The kernel wrote.
    Write(Write),
    /// A flush of the disk's cache was done: all writes before are durable.
    Flush,
    /// The harness knew something.
    Mark(Mark),
}

/// A log, and what was before it.
#[derive(Clone, Debug, Default)]
pub(super) struct Recording {
    /// The disk before the first entry.
    pub(super) base: Image,
    /// What was known before the first entry.
    pub(super) marks: Vec<Mark>,
    /// What happened, in order.
    pub(super) entries: Vec<Entry>,
}

/// Which of the writes after the last flush a power cut leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// All of them.
    All,
    /// None.
    None,
    /// Each or not, by chance.
    Subset,
    /// The newest alone.
    Newest,
    /// One of them in part, by sectors of so many bytes; the others by chance.
    Torn(u64),
}

impl Choice {
    /// Every choice, the tearing ones once for each size of sector.
    pub(super) const ALL: [Self; 6] = [
        Self::All,
        Self::None,
        Self::Subset,
        Self::Newest,
        Self::Torn(512),
        Self::Torn(4096),
    ];
}

/// A disk after a power cut.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// The disk.
    pub(super) image: Image,
    /// What was known when power failed.
    pub(super) marks: Vec<Mark>,
    /// Two states of a recording that differ have different ones.
    pub(super) fingerprint: u64,
    /// Whether a write was torn.
    pub(super) is_torn: bool,
    /// In words: where it was cut, and what was left.
    pub(super) about: String,
}

impl Recording {
    /// Returns how many flushes there are.
    pub(super) fn flushes(&self) -> u64 {
        let flushes = self.entries.iter().filter(|it| matches!(it, Entry::Flush));
        to_u64(flushes.count())
    }

    /// Returns a place to cut: before entry `n`, `n` from 0 to the number of entries.
    ///
    /// Uniform places are mostly idle ones, so others are preferred: right after the harness knew
    /// something, and right before a flush, when the most is undecided.
    pub(super) fn cut(&self, dice: &mut Dice) -> usize {
        let at = dice.index(self.entries.len() + 1);
        let next = |is_wanted: fn(&Entry) -> bool| {
            let mut rest = self.entries.iter().enumerate().skip(at);
            rest.find(|(_, entry)| is_wanted(entry))
                .map(|(place, _)| place)
        };
        match dice.below(10) {
            0..3 => at,
            3..6 => next(|entry| matches!(entry, Entry::Mark(_))).map_or(at, |place| place + 1),
            _ => next(|entry| matches!(entry, Entry::Flush)).unwrap_or(at),
        }
    }

    /// Returns what was known before entry `cut`.
    fn marks_before(&self, cut: usize) -> Vec<Mark> {
        let marks = self.entries.iter().take(cut).filter_map(|it| match it {
            Entry::Mark(mark) => Some(mark.clone()),
            _ => None,
        });
        self.marks.iter().cloned().chain(marks).collect()
    }
}

/// Walks through a recording and builds the states of cuts, which must not go back.
#[derive(Debug)]
pub(super) struct Cutter<'a> {
    recording: &'a Recording,
    /// The disk with all that is durable before entry `end`.
    durable: Image,
    end: usize,
}

impl<'a> Cutter<'a> {
    /// Returns a cutter at the start of `recording`.
    pub(super) fn new(recording: &'a Recording) -> Self {
        Self {
            recording,
            durable: recording.base.clone(),
            end: 0,
        }
    }

    /// Returns the state when power fails before entry `cut` and `choice` is what is left.
    pub(super) fn state(&mut self, cut: usize, choice: Choice, dice: &mut Dice) -> State {
        let before = self.recording.entries.get(self.end..cut);
        let before = before.unwrap_or_default();
        let flush = before.iter().rposition(|it| matches!(it, Entry::Flush));
        if let Some(flush) = flush {
            for entry in before.iter().take(flush) {
                if let Entry::Write(write) = entry {
                    write.apply(&mut self.durable);
                }
            }
            self.end += flush + 1;
        }
        let since = self.recording.entries.get(self.end..cut);
        let since = since.unwrap_or_default().iter();
        let open: Vec<&Write> = since
            .filter_map(|it| match it {
                Entry::Write(write) => Some(write),
                _ => None,
            })
            .collect();
        let marks = self.recording.marks_before(cut);
        let mut hasher = DefaultHasher::new();
        (self.end, marks.len()).hash(&mut hasher);
        let mut image = self.durable.clone();
        let last = open.len().saturating_sub(1);
        let torn = match choice {
            Choice::Torn(sector) if !open.is_empty() => Some((dice.index(open.len()), sector)),
            _ => None,
        };
        let keeps_others = dice.once_in(2);
        let mut kept = 0_u64;
        for (place, write) in open.iter().enumerate() {
            if let Some((_, sector)) = torn.filter(|(torn, _)| *torn == place) {
                for (from, end) in torn_ranges(write, sector, dice) {
                    (place, from, end).hash(&mut hasher);
                    write.apply_range(&mut image, from, end);
                }
                continue;
            }
            let is_kept = match choice {
                Choice::All => true,
                Choice::None => false,
                Choice::Subset => dice.once_in(2),
                Choice::Newest => place == last,
                Choice::Torn(_) => keeps_others || dice.once_in(2),
            };
            if is_kept {
                (place, write.len()).hash(&mut hasher);
                write.apply(&mut image);
                kept += 1;
            }
        }
        State {
            image,
            marks,
            fingerprint: hasher.finish(),
            is_torn: torn.is_some(),
            about: format!(
                "cut before entry {cut} of {}, {kept} of {} writes since the last flush kept whole \
                 ({choice:?})",
                self.recording.entries.len(),
                open.len()
            ),
        }
    }
}

/// Returns the parts of `write` that arrive: a prefix, or any sectors.
fn torn_ranges(write: &Write, sector: u64, dice: &mut Dice) -> Vec<(u64, u64)> {
    let sectors = write.len().div_ceil(sector);
    if dice.once_in(2) {
        return vec![(0, dice.below(sectors + 1) * sector)];
    }
    let sectors = (0..sectors).filter(|_| dice.once_in(2));
    sectors.map(|at| (at * sector, (at + 1) * sector)).collect()
}

/// Returns the oracle that knows what `marks` say.
///
/// # Errors
/// What the store did wrong before the marks end.
pub(super) fn oracle(marks: &[Mark]) -> Result<Oracle, Violation> {
    let mut oracle = Oracle::new();
    for mark in marks {
        match mark {
            Mark::Started => oracle.restarted(),
            Mark::Sent(records) => oracle.sent(records),
            Mark::Acked(text) => oracle.acked(text)?,
            Mark::Shown(records) => {
                oracle.judge(records.iter().map(String::as_str))?;
            }
        }
    }
    Ok(oracle)
}

#[cfg(test)]
mod tests;
