//! Whatever is put, trimmed and read, and from wherever: the same as from a list of records.

use proptest::prelude::*;

use mainstem_streams::PutRecordsEntry;
use mainstem_types::StreamName;

use crate::support::{HOUR_MS, START_MS, Start, World, texts};

#[derive(Clone, Debug)]
enum Step {
    Put(u8),
    Batch(Vec<u8>),
    Wait(u64),
    Restart,
    SetRetention(u32),
    /// Reads everything from a start, so many records at a time.
    Read(From, usize),
}

/// A start, as places among the records put so far.
#[derive(Clone, Copy, Debug)]
enum From {
    Oldest,
    Latest,
    At(prop::sample::Index),
    After(prop::sample::Index),
    Time(prop::sample::Index, i8),
}

fn step() -> impl Strategy<Value = Step> {
    let from = prop_oneof![
        Just(From::Oldest),
        Just(From::Latest),
        any::<prop::sample::Index>().prop_map(From::At),
        any::<prop::sample::Index>().prop_map(From::After),
        (any::<prop::sample::Index>(), -1..=1i8).prop_map(|(i, shift)| From::Time(i, shift)),
    ];
    prop_oneof![
        4 => any::<u8>().prop_map(Step::Put),
        3 => prop::collection::vec(any::<u8>(), 1..20).prop_map(Step::Batch),
        3 => prop_oneof![0..2000u64, 0..30 * HOUR_MS].prop_map(Step::Wait),
        1 => Just(Step::Restart),
        1 => (24..72u32).prop_map(Step::SetRetention),
        6 => (from, 1..12usize).prop_map(|(from, limit)| Step::Read(from, limit)),
    ]
}

#[derive(Clone, Debug)]
struct Known {
    text: String,
    number: String,
    time_ms: u64,
}

/// The stream under test, and what it should hold.
struct Pair {
    world: World,
    stream: StreamName,
    records: Vec<Known>,
    retention_hours: u32,
    /// Nothing older is shown, whatever the retention is now.
    floor_ms: u64,
}

impl Pair {
    fn new() -> Self {
        let world = World::new();
        let stream = world.create("test", 1);
        Self {
            world,
            stream,
            records: Vec::new(),
            retention_hours: 24,
            floor_ms: 0,
        }
    }

    fn now_ms(&self) -> u64 {
        self.world.sim.now().0
    }

    fn horizon_ms(&self) -> u64 {
        let retention_ms = u64::from(self.retention_hours) * HOUR_MS;
        self.floor_ms
            .max(self.now_ms().saturating_sub(retention_ms))
    }

    fn put(&mut self, sizes: &[u8]) {
        let count = self.records.len();
        let texts = sizes.iter().enumerate();
        let texts: Vec<String> = texts
            .map(|(i, &size)| format!("{} {}", count + i, "x".repeat(usize::from(size))))
            .collect();
        let entries = texts.iter().map(|text| PutRecordsEntry {
            data: text.as_bytes(),
            partition_key: "key",
            explicit_hash_key: None,
        });
        let entries: Vec<_> = entries.collect();
        let output = self
            .world
            .streams()
            .put_records(&mainstem_streams::PutRecordsInput {
                stream: &self.stream,
                records: &entries,
            });
        let time_ms = self.now_ms();
        for (put, text) in output.unwrap().records.into_iter().zip(texts) {
            let number = put.unwrap().sequence_number.to_string();
            self.records.push(Known {
                text,
                number,
                time_ms,
            });
        }
    }

    fn set_retention(&mut self, hours: u32) {
        if hours == self.retention_hours {
            return;
        }
        self.floor_ms = self.horizon_ms();
        let streams = self.world.streams();
        if hours > self.retention_hours {
            streams.increase_retention(&self.stream, hours).unwrap();
        } else {
            streams.decrease_retention(&self.stream, hours).unwrap();
        }
        self.retention_hours = hours;
    }

    /// Returns what a read from a start should find.
    fn expected(&self, from: From) -> Vec<String> {
        let horizon_ms = self.horizon_ms();
        let wanted = |place: usize, record: &Known| match from {
            From::Oldest => true,
            From::Latest => false,
            From::At(start) => place >= start.index(self.records.len()),
            From::After(start) => place > start.index(self.records.len()),
            From::Time(start, shift) => record.time_ms >= self.time_ms(start, shift),
        };
        let records = self.records.iter().enumerate();
        let found = records
            .filter(|(place, record)| record.time_ms >= horizon_ms && wanted(*place, record));
        found.map(|(_, record)| record.text.clone()).collect()
    }

    fn time_ms(&self, start: prop::sample::Index, shift: i8) -> u64 {
        let times = self.records.get(start.index(self.records.len().max(1)));
        let time_ms = times.map_or(START_MS, |record| record.time_ms);
        time_ms
            .saturating_add_signed(shift.into())
            .min(self.now_ms())
    }

    fn read(&self, from: From, limit: usize) -> Vec<String> {
        let number = |place: prop::sample::Index| {
            self.records[place.index(self.records.len())]
                .number
                .as_str()
        };
        let start = match from {
            From::Oldest => Start::TrimHorizon,
            From::Latest => Start::Latest,
            From::At(place) => Start::At(number(place)),
            From::After(place) => Start::After(number(place)),
            From::Time(place, shift) => Start::Time(self.time_ms(place, shift)),
        };
        let mut iterator = self.world.iterator(&self.stream, "0", start).unwrap();
        let mut found = Vec::new();
        loop {
            let read = self.world.read_up_to(&iterator, Some(limit)).unwrap();
            assert!(read.records.len() <= limit);
            if read.records.is_empty() {
                assert_eq!(read.behind_latest_ms, 0);
                return found;
            }
            found.extend(texts(&read));
            iterator = read.next_shard_iterator.unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn from_any_start(steps in prop::collection::vec(step(), 1..40)) {
        let mut pair = Pair::new();
        for step in steps {
            match step {
                Step::Put(size) => pair.put(&[size]),
                Step::Batch(sizes) => pair.put(&sizes),
                Step::Wait(ms) => pair.world.advance(ms),
                Step::Restart => pair.world.reopen().unwrap(),
                Step::SetRetention(hours) => pair.set_retention(hours),
                Step::Read(From::At(_) | From::After(_), _) if pair.records.is_empty() => {}
                Step::Read(from, limit) => {
                    prop_assert_eq!(pair.read(from, limit), pair.expected(from), "{:?}", from);
                }
            }
        }
    }
}
