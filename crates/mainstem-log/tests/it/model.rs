//! Whatever is called, in whatever order, the log answers as a vector would.

use std::time::Duration;

use mainstem_env::TimestampMs;
use mainstem_env::sim::Sim;
use mainstem_log::limits::{HOUR_MS, RETENTION_MS_MIN};
use mainstem_log::{AppendOptions, Engine, LogError, SeqNo, Shard, ShardOptions, Start};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::kit::{batch, name, open_sim, read, small_segments};
use crate::workload::payload;

#[derive(Clone, Debug)]
enum Call {
    /// Payload lengths of one batch.
    Append(Vec<usize>),
    /// An append that expects a number so much off the right one.
    Expect(i8),
    AdvanceMs(u64),
    RollByAge,
    Retain,
    Idle,
    Close,
    Kill,
    ReadOldest,
    /// In thousandths of what there is, and a bit beyond.
    ReadAt(u64),
    ReadTime(u64),
    ReadEnd,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let len = prop_oneof![3 => 0..40usize, 2 => 0..600usize, 1 => 900..=1000usize];
    let call = prop_oneof![
        8 => len.clone().prop_map(|len| Call::Append(vec![len])),
        4 => vec(0..300usize, 1..6).prop_map(Call::Append),
        // Larger than the stride of the index, where the segment is large enough.
        1 => vec(0..900usize, 1..60).prop_map(Call::Append),
        1 => (-2..=2i8).prop_map(Call::Expect),
        2 => (0..5000u64).prop_map(Call::AdvanceMs),
        1 => Just(Call::RollByAge),
        1 => Just(Call::Retain),
        1 => Just(Call::Idle),
        1 => Just(Call::Close),
        1 => Just(Call::Kill),
        1 => Just(Call::ReadOldest),
        2 => (0..1100u64).prop_map(Call::ReadAt),
        2 => (0..1100u64).prop_map(Call::ReadTime),
        1 => Just(Call::ReadEnd),
    ];
    vec(call, 1..60)
}

/// The log, and a vector that is to be the same.
struct Pair {
    sim: Sim,
    engine: Engine,
    shard: Shard,
    options: ShardOptions,
    records: Vec<(Vec<u8>, u64)>,
    unique: u64,
}

impl Pair {
    fn new(segment_bytes: u64) -> Self {
        let sim = Sim::new(1);
        let engine = open_sim(&sim);
        let mut options = small_segments();
        options.segment_bytes = segment_bytes;
        let shard = engine.create_shard(&name("s"), options.clone()).unwrap();
        Self {
            options,
            sim,
            engine,
            shard,
            records: Vec::new(),
            unique: 0,
        }
    }

    fn reopen(&mut self) {
        self.engine = open_sim(&self.sim);
        self.shard = self.engine.shard(&name("s"), self.options.clone()).unwrap();
    }

    fn pass(&self, ms: u64) {
        self.sim.advance(Duration::from_millis(ms));
        self.engine.maintain();
    }

    fn next(&self) -> u64 {
        u64::try_from(self.records.len()).unwrap()
    }

    /// Returns the number of the oldest record that is not past the retention.
    fn oldest(&self) -> usize {
        let horizon_ms = self.sim.now().0 - RETENTION_MS_MIN;
        self.records
            .partition_point(|(_, time_ms)| *time_ms < horizon_ms)
    }

    /// Returns the number so many thousandths on the way through all records.
    fn part(&self, thousandths: u64) -> u64 {
        self.next() * thousandths / 1000
    }

    /// Checks that reading from `start` gives the records from number `first` on.
    fn check(&self, start: Start, first: usize) {
        let (found, error) = read(&self.shard, start);
        assert!(error.is_none(), "{start:?}: {error:?}");
        let expected = self.records.iter().enumerate().skip(first);
        let expected: Vec<_> = expected
            .map(|(seq, (bytes, _))| (u64::try_from(seq).unwrap(), bytes.clone()))
            .collect();
        assert_eq!(found, expected, "{start:?}");
    }

    fn call(&mut self, call: &Call) {
        match call {
            Call::Append(lens) => {
                let mut payloads = Vec::new();
                let limit = usize::try_from(self.options.segment_bytes / 2).unwrap();
                let mut bytes = 0;
                for len in lens {
                    bytes += len + 32;
                    if bytes > limit {
                        break;
                    }
                    self.unique += 1;
                    payloads.push(payload(self.unique, *len));
                }
                let appended = self
                    .shard
                    .append(&batch(&payloads), AppendOptions::default());
                let appended = appended.unwrap();
                assert_eq!(appended.seqs.start.0, self.next());
                let newest_ms = self.records.last().map_or(0, |it| it.1);
                assert_eq!(appended.time.0, self.sim.now().0.max(newest_ms));
                let time_ms = appended.time.0;
                self.records
                    .extend(payloads.into_iter().map(|it| (it, time_ms)));
                assert_eq!(appended.seqs.end.0, self.next());
            }
            Call::Expect(off) => {
                let expected = SeqNo(self.next().saturating_add_signed(i64::from(*off)));
                let one = batch(&[b"expected".to_vec()]);
                match self.shard.append(&one, AppendOptions::expecting(expected)) {
                    Ok(appended) => {
                        assert_eq!(expected.0, self.next());
                        self.records.push((b"expected".to_vec(), appended.time.0));
                    }
                    Err(LogError::UnexpectedPosition { actual, .. }) => {
                        assert_ne!(expected, actual);
                        assert_eq!(actual.0, self.next());
                    }
                    Err(error) => panic!("{error:?}"),
                }
            }
            Call::AdvanceMs(ms) => self.sim.advance(Duration::from_millis(*ms)),
            Call::RollByAge => self.pass(HOUR_MS),
            Call::Retain => self.pass(RETENTION_MS_MIN / 2 + HOUR_MS),
            Call::Idle => {
                self.pass(31_000);
                self.pass(31_000);
            }
            Call::Close => {
                self.engine.close().unwrap();
                self.reopen();
                assert_eq!(self.shard.metrics().recovered_bytes, 0);
            }
            Call::Kill => {
                self.sim = self.sim.process_crash();
                self.reopen();
            }
            Call::ReadOldest => self.check(Start::Oldest, self.oldest()),
            Call::ReadAt(thousandths) => {
                let seq = self.part(*thousandths);
                let oldest = u64::try_from(self.oldest()).unwrap();
                if seq >= oldest {
                    let from = usize::try_from(seq).unwrap();
                    self.check(Start::At(SeqNo(seq)), from);
                } else {
                    let (found, error) = read(&self.shard, Start::At(SeqNo(seq)));
                    assert!(found.is_empty());
                    let trimmed =
                        matches!(error, Some(LogError::Trimmed { oldest: it }) if it.0 == oldest);
                    assert!(trimmed, "{error:?}, not trimmed up to {oldest}");
                }
            }
            Call::ReadTime(thousandths) => {
                let at = usize::try_from(self.part(*thousandths)).unwrap();
                let time_ms = self.records.get(at).map_or(self.sim.now().0, |it| it.1);
                for time_ms in [time_ms - 1, time_ms, time_ms + 1] {
                    let first = self.records.partition_point(|it| it.1 < time_ms);
                    let first = first.max(self.oldest());
                    self.check(Start::Time(TimestampMs(time_ms)), first);
                }
            }
            Call::ReadEnd => self.check(Start::End, self.records.len()),
        }
        assert_eq!(self.shard.durable_end().0, self.next());
        let oldest = self.shard.first_seq().unwrap().0;
        assert_eq!(oldest, u64::try_from(self.oldest()).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_log_is_the_same_as_a_vector(
        calls in calls(),
        segment_bytes in prop_oneof![Just(4096), Just(16 << 10), Just(128 << 10)],
    ) {
        let mut pair = Pair::new(segment_bytes);
        for call in &calls {
            pair.call(call);
        }
        pair.call(&Call::ReadOldest);
        assert_eq!(pair.sim.violation(), None);
    }
}
