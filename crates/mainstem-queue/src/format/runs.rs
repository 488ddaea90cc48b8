//! Numbers of messages, those that follow one another as one.
//!
//! What is delivered together was mostly pushed together, so a batch of thousands is named in a few
//! bytes.

use super::bytes::{Reader, Writer};

/// Messages with consecutive numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: u64,
    /// How many there are, at least 1.
    pub(crate) count: u32,
}

impl Run {
    /// A run is stored in so many bytes.
    pub(crate) const BYTES: usize = 12;

    /// Returns the run of one message.
    pub(crate) fn one(id: u64) -> Self {
        Self {
            first: id,
            count: 1,
        }
    }

    /// Returns the number of the last one.
    pub(crate) fn last(self) -> u64 {
        self.first
            .saturating_add(u64::from(self.count).saturating_sub(1))
    }

    /// Returns the numbers.
    pub(crate) fn ids(self) -> std::ops::RangeInclusive<u64> {
        self.first..=self.last()
    }

    /// Takes `id` in, if it comes next; returns whether it did.
    pub(crate) fn extend(&mut self, id: u64) -> bool {
        let comes_next = self.last().checked_add(1) == Some(id);
        match self.count.checked_add(1) {
            Some(count) if comes_next => {
                self.count = count;
                true
            }
            _ => false,
        }
    }

    pub(crate) fn write(self, out: &mut Writer) {
        out.u64(self.first).u32(self.count);
    }

    /// Reads a run: it has a message, and all its numbers are numbers.
    pub(crate) fn read(fields: &mut Reader<'_>) -> Option<Self> {
        let (first, count) = (fields.u64()?, fields.u32()?);
        first.checked_add(u64::from(count.checked_sub(1)?))?;
        Some(Self { first, count })
    }
}

/// Numbers of messages in the order in which they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Runs(Vec<Run>);

impl Runs {
    pub(crate) fn iter(&self) -> impl Iterator<Item = Run> + '_ {
        self.0.iter().copied()
    }

    /// Returns the numbers, one by one.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.iter().flat_map(Run::ids)
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.count(self.0.len());
        for run in &self.0 {
            run.write(out);
        }
    }

    pub(crate) fn read(fields: &mut Reader<'_>) -> Option<Self> {
        let count = fields.count(Run::BYTES)?;
        let mut runs = Vec::with_capacity(count);
        for _ in 0..count {
            runs.push(Run::read(fields)?);
        }
        Some(Self(runs))
    }
}

impl FromIterator<u64> for Runs {
    fn from_iter<I: IntoIterator<Item = u64>>(ids: I) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for id in ids {
            let is_in = runs.last_mut().is_some_and(|last| last.extend(id));
            if !is_in {
                runs.push(Run::one(id));
            }
        }
        Self(runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_in_their_order() {
        for given in [
            vec![],
            vec![7],
            vec![1, 2, 3],
            vec![3, 2, 1],
            vec![1, 2, 2, 3, 9, 10, u64::MAX - 1, u64::MAX],
        ] {
            let runs: Runs = given.iter().copied().collect();
            assert_eq!(runs.ids().collect::<Vec<_>>(), given);
        }
        let runs: Runs = (0..10_000).chain(20_000..30_000).collect();
        assert_eq!(runs.iter().count(), 2);
    }

    #[test]
    fn a_run_without_messages_or_beyond_all_numbers_is_refused() {
        for (first, count) in [(5, 0), (u64::MAX, 2), (u64::MAX - 6, 8)] {
            let mut out = Writer::default();
            out.u64(first).u32(count);
            assert_eq!(Run::read(&mut Reader(&out.0)), None);
        }
        let mut out = Writer::default();
        out.u64(u64::MAX - 6).u32(7);
        assert_eq!(
            Run::read(&mut Reader(&out.0)).map(Run::last),
            Some(u64::MAX)
        );
    }
}
