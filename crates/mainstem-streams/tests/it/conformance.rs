//! What every engine does, whatever keeps its logs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mainstem_env::TimestampMs;
use mainstem_env::sim::Sim;
use mainstem_streams::{
    Appended, EmbeddedEngine, EngineError, LogEngine, LogName, ReadFrom, RecordBatch, SeqNo,
    ShardLog,
};

use crate::model_engine::ModelEngine;
use crate::support::{DIR, HOUR_MS, quiet};

/// An engine under test, and a clock to move it by.
pub(crate) struct Subject<'a> {
    pub(crate) engine: &'a dyn LogEngine,
    pub(crate) now: &'a dyn Fn() -> TimestampMs,
    pub(crate) advance: &'a dyn Fn(u64),
}

const DAY_MS: u64 = 24 * HOUR_MS;

fn log_name(text: &str) -> LogName {
    LogName::new(text).unwrap()
}

fn batch(payloads: &[&[u8]]) -> RecordBatch {
    let mut batch = RecordBatch::new();
    for payload in payloads {
        batch.push(&[payload]);
    }
    batch
}

fn append(log: &dyn ShardLog, payloads: &[&[u8]]) -> Appended {
    log.append(batch(payloads), None).unwrap()
}

/// Returns sequence numbers and payloads from a place on.
fn read(log: &dyn ShardLog, from: ReadFrom) -> Vec<(u64, Vec<u8>)> {
    let mut cursor = log.cursor(from).unwrap();
    let mut found = Vec::new();
    while let Some(record) = cursor.next().unwrap() {
        found.push((record.seq.0, record.payload.to_vec()));
    }
    found
}

impl Subject<'_> {
    /// Every check, each on a log of its own.
    pub(crate) fn conforms(&self) {
        self.logs_are_made_listed_and_removed();
        self.batches_get_consecutive_numbers();
        self.appends_are_fenced_by_position();
        self.asynchronous_appends_do_the_same();
        self.reading_begins_where_it_was_told();
        self.cursors_go_on_when_there_is_more();
        self.old_records_are_hidden();
        self.sealed_logs_take_no_more();
    }

    fn fresh(&self, name: &str) -> Arc<dyn ShardLog> {
        self.engine.create(&log_name(name)).unwrap();
        self.engine.open(&log_name(name), DAY_MS).unwrap()
    }

    fn logs_are_made_listed_and_removed(&self) {
        let (a, b) = (log_name("made.a"), log_name("made.b"));
        let missing = self.engine.open(&a, DAY_MS);
        assert!(matches!(missing, Err(EngineError::NotFound { log }) if log == a));
        self.engine.create(&b).unwrap();
        self.engine.create(&a).unwrap();
        let twice = self.engine.create(&a);
        assert!(matches!(twice, Err(EngineError::Exists { log }) if log == a));
        assert_eq!(self.engine.names().unwrap(), [a.clone(), b.clone()]);
        append(self.engine.open(&a, DAY_MS).unwrap().as_ref(), &[b"x"]);
        self.engine.remove(&a).unwrap();
        self.engine.remove(&a).unwrap();
        assert_eq!(self.engine.names().unwrap(), std::slice::from_ref(&b));
        // A log made again under the name of a removed one is empty.
        self.engine.create(&a).unwrap();
        let again = self.engine.open(&a, DAY_MS).unwrap();
        assert_eq!(again.durable_end().unwrap(), SeqNo(0));
        assert_eq!(read(again.as_ref(), ReadFrom::Oldest), []);
    }

    fn batches_get_consecutive_numbers(&self) {
        let log = self.fresh("consecutive");
        assert_eq!(log.durable_end().unwrap(), SeqNo(0));
        let first = append(log.as_ref(), &[b"a", b"", b"c"]);
        assert_eq!(first.seqs, SeqNo(0)..SeqNo(3));
        assert_eq!(first.time, (self.now)());
        (self.advance)(5);
        let second = append(log.as_ref(), &[b"d"]);
        assert_eq!(second.seqs, SeqNo(3)..SeqNo(4));
        assert_eq!(second.time, first.time.plus_ms(5));
        assert_eq!(log.durable_end().unwrap(), SeqNo(4));
        let mut cursor = log.cursor(ReadFrom::Oldest).unwrap();
        for (payload, time) in [
            (&b"a"[..], first.time),
            (b"", first.time),
            (b"c", first.time),
            (b"d", second.time),
        ] {
            let record = cursor.next().unwrap().unwrap();
            assert_eq!((&record.payload[..], record.time), (payload, time));
        }
        assert!(cursor.next().unwrap().is_none());
    }

    fn appends_are_fenced_by_position(&self) {
        let log = self.fresh("fenced");
        log.append(batch(&[b"a"]), Some(SeqNo(0))).unwrap();
        for wrong in [0, 2] {
            let refused = log.append(batch(&[b"b"]), Some(SeqNo(wrong)));
            assert!(matches!(
                refused,
                Err(EngineError::Fenced { expected, next, .. })
                    if expected == SeqNo(wrong) && next == SeqNo(1)
            ));
        }
        log.append(batch(&[b"b"]), Some(SeqNo(1))).unwrap();
        assert_eq!(log.durable_end().unwrap(), SeqNo(2));
    }

    fn asynchronous_appends_do_the_same(&self) {
        let log = self.fresh("asynchronous");
        let appended = log.append_async(batch(&[b"a", b"b"]), None).wait().unwrap();
        assert_eq!(appended.seqs, SeqNo(0)..SeqNo(2));
        let refused = log.append_async(batch(&[b"c"]), Some(SeqNo(9))).wait();
        assert!(matches!(refused, Err(EngineError::Fenced { .. })));
        let pending = ["c", "d", "e"].map(|text| {
            let batch = batch(&[text.as_bytes()]);
            log.append_async(batch, None)
        });
        // In the order of the calls, however they are waited for.
        for (pending, start) in pending.into_iter().zip([2, 3, 4]).rev() {
            assert_eq!(pending.wait().unwrap().seqs.start, SeqNo(start));
        }
        assert_eq!(read(log.as_ref(), ReadFrom::Oldest).len(), 5);
    }

    fn reading_begins_where_it_was_told(&self) {
        let log = self.fresh("begin");
        let mut times = Vec::new();
        for payload in [b"a", b"b", b"c"] {
            times.push(append(log.as_ref(), &[payload]).time);
            (self.advance)(10);
        }
        let from = |from| read(log.as_ref(), from).first().map(|(seq, _)| *seq);
        assert_eq!(from(ReadFrom::Oldest), Some(0));
        assert_eq!(from(ReadFrom::At(SeqNo(1))), Some(1));
        assert_eq!(from(ReadFrom::At(SeqNo(3))), None);
        assert_eq!(
            from(ReadFrom::At(SeqNo(9))),
            None,
            "past the end is no error"
        );
        assert_eq!(from(ReadFrom::Time(TimestampMs(0))), Some(0));
        assert_eq!(from(ReadFrom::Time(times[1])), Some(1));
        assert_eq!(from(ReadFrom::Time(times[1].plus_ms(1))), Some(2));
        assert_eq!(from(ReadFrom::Time(times[2].plus_ms(1))), None);
    }

    fn cursors_go_on_when_there_is_more(&self) {
        let log = self.fresh("follow");
        let mut oldest = log.cursor(ReadFrom::Oldest).unwrap();
        let mut ahead = log.cursor(ReadFrom::At(SeqNo(1))).unwrap();
        assert!(oldest.next().unwrap().is_none());
        append(log.as_ref(), &[b"a"]);
        assert_eq!(oldest.next().unwrap().unwrap().seq, SeqNo(0));
        assert!(ahead.next().unwrap().is_none());
        append(log.as_ref(), &[b"b"]);
        assert_eq!(oldest.next().unwrap().unwrap().seq, SeqNo(1));
        assert_eq!(ahead.next().unwrap().unwrap().seq, SeqNo(1));
        let mut late = log.cursor(ReadFrom::Time((self.now)().plus_ms(1))).unwrap();
        assert!(late.next().unwrap().is_none());
        (self.advance)(1);
        append(log.as_ref(), &[b"c"]);
        assert_eq!(late.next().unwrap().unwrap().seq, SeqNo(2));
    }

    fn old_records_are_hidden(&self) {
        let log = self.fresh("old");
        append(log.as_ref(), &[b"a", b"b"]);
        (self.advance)(2 * HOUR_MS);
        append(log.as_ref(), &[b"c"]);
        (self.advance)(DAY_MS - HOUR_MS);
        assert_eq!(log.first().unwrap(), SeqNo(2));
        assert_eq!(read(log.as_ref(), ReadFrom::Oldest), [(2, b"c".to_vec())]);
        assert_eq!(read(log.as_ref(), ReadFrom::Time(TimestampMs(0))).len(), 1);
        let refused = log.cursor(ReadFrom::At(SeqNo(1)));
        assert!(matches!(
            refused.map(drop),
            Err(EngineError::Trimmed { oldest, .. }) if oldest == SeqNo(2)
        ));
        log.set_retention_ms(2 * DAY_MS).unwrap();
        append(log.as_ref(), &[b"d"]);
        log.set_retention_ms(DAY_MS).unwrap();
        (self.advance)(DAY_MS + 1);
        // With every record out of retention the first one is the next one.
        assert_eq!(log.first().unwrap(), SeqNo(4));
        assert_eq!(read(log.as_ref(), ReadFrom::Oldest), []);
        assert_eq!(append(log.as_ref(), &[b"e"]).seqs, SeqNo(4)..SeqNo(5));
        assert_eq!(read(log.as_ref(), ReadFrom::Oldest), [(4, b"e".to_vec())]);
    }

    fn sealed_logs_take_no_more(&self) {
        let log = self.fresh("sealed");
        append(log.as_ref(), &[b"a"]);
        assert_eq!(log.seal().unwrap(), SeqNo(1));
        assert_eq!(
            log.seal().unwrap(),
            SeqNo(1),
            "sealing twice changes nothing"
        );
        let refused = [
            log.append(batch(&[b"b"]), None),
            log.append_async(batch(&[b"b"]), None).wait(),
        ];
        for refused in refused {
            assert!(matches!(refused, Err(EngineError::Sealed { .. })));
        }
        assert_eq!(read(log.as_ref(), ReadFrom::Oldest), [(0, b"a".to_vec())]);
    }
}

fn check(engine: &dyn LogEngine, sim: &Sim) {
    Subject {
        engine,
        now: &|| sim.now(),
        advance: &|ms| sim.advance(Duration::from_millis(ms)),
    }
    .conforms();
}

#[test]
fn model_engine() {
    let sim = Sim::new(1);
    check(&ModelEngine::new(sim.env().clock), &sim);
}

#[test]
fn embedded_engine() {
    let sim = Sim::new(1);
    let engine = EmbeddedEngine::open(&sim.env(), Path::new(DIR), quiet()).unwrap();
    check(&engine, &sim);
}

#[test]
fn sealing_counts_an_append_whose_caller_went_away() {
    let sim = Sim::new(1);
    let engine = EmbeddedEngine::open(&sim.env(), Path::new(DIR), quiet()).unwrap();
    engine.create(&log_name("sealed")).unwrap();
    let log = engine.open(&log_name("sealed"), DAY_MS).unwrap();
    for _ in 0..50 {
        drop(log.append_async(batch(&[b"x"]), None));
    }
    let end = log.seal().unwrap();
    assert_eq!(end, SeqNo(50));
    assert_eq!(log.durable_end().unwrap(), end);
    assert_eq!(read(log.as_ref(), ReadFrom::Oldest).len(), 50);
}
