//! A real process on a real disk is killed at random moments, again and again. It prints what was
//! acknowledged to it; whoever listened finds all of that afterwards.
//!
//! The process is this test binary, told by the environment to be the one that appends.
//! `MAINSTEM_KILL_CYCLES` sets how often it is killed.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use mainstem_env::Env;
use mainstem_log::{
    AppendOptions, Engine, EngineOptions, LogError, SeqNo, Shard, ShardOptions, Start,
};

use crate::kit::{batch, name};
use crate::workload::{Rng, payload};

/// Where the appending process finds its data directory.
const DIR_OF_CHILD: &str = "MAINSTEM_TEST_DIR_OF_APPENDING_PROCESS";
/// What makes the payloads of this life differ from those of the others.
const LIFE_OF_CHILD: &str = "MAINSTEM_TEST_LIFE_OF_APPENDING_PROCESS";
const THREADS: u64 = 4;
const CYCLES_BY_DEFAULT: u64 = 15;

fn options() -> ShardOptions {
    let mut options = ShardOptions::default();
    options.segment_bytes = 32 << 10;
    options
}

fn open(dir: &Path) -> Result<(Engine, Shard), LogError> {
    let engine = Engine::open(&Env::real(), dir, EngineOptions::default())?;
    let shard = match engine.create_shard(&name("s"), options()) {
        Err(LogError::ShardExists(_)) => engine.shard(&name("s"), options())?,
        other => other?,
    };
    Ok((engine, shard))
}

/// Returns the payload with a number of its own, which says how long it is.
fn numbered(unique: u64) -> Vec<u8> {
    let mut bytes = unique.to_le_bytes().to_vec();
    bytes.extend(payload(unique, usize::try_from(unique % 907).unwrap()));
    bytes
}

/// The process that appends until it is killed. Without the environment it is not one.
#[test]
fn the_appending_process() {
    let Some(dir) = std::env::var_os(DIR_OF_CHILD) else {
        return;
    };
    let life: u64 = std::env::var(LIFE_OF_CHILD).unwrap().parse().unwrap();
    let (_engine, shard) = open(Path::new(&dir)).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let shard = &shard;
            scope.spawn(move || {
                for number in 0.. {
                    let unique = ((life * THREADS + thread) << 32) + number * 4;
                    // Every so often several records at once.
                    let records = if number % 5 == thread { 3 } else { 1 };
                    let payloads: Vec<Vec<u8>> =
                        (0..records).map(|it| numbered(unique + it)).collect();
                    let appended = shard.append(&batch(&payloads), AppendOptions::default());
                    let first = appended.unwrap().seqs.start;
                    let line = format!("acked {first} {unique} {records}\n");
                    let mut out = std::io::stdout().lock();
                    // Nobody listens any more: the parent is gone.
                    if out
                        .write_all(line.as_bytes())
                        .and_then(|()| out.flush())
                        .is_err()
                    {
                        std::process::exit(0);
                    }
                }
            });
        }
    });
}

/// An acknowledgement: the first sequence number, the number of the first payload, and how many.
type Ack = (u64, u64, u64);

struct Appender {
    child: Child,
    acks: Receiver<Ack>,
}

impl Appender {
    fn start(dir: &Path, life: u64) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "--test-threads=1"])
            .arg("killed_processes_lose_nothing_acknowledged::the_appending_process")
            .env(DIR_OF_CHILD, dir)
            .env(LIFE_OF_CHILD, life.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, acks) = sync_channel(1 << 20);
        std::thread::spawn(move || {
            for line in out.lines() {
                // A line that the process was killed in the middle of is not one, and neither is
                // what the test harness says.
                let Some(ack) = line.ok().and_then(|line| parse(&line)) else {
                    continue;
                };
                sender.send(ack).unwrap();
            }
        });
        Self { child, acks }
    }

    /// Kills the process and returns all that it acknowledged, to the end of the pipe.
    fn kill(mut self, mut acks: Vec<Ack>) -> Vec<Ack> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        acks.extend(self.acks.iter());
        acks
    }
}

fn parse(line: &str) -> Option<Ack> {
    // The harness writes the name of the test into the same line as the first acknowledgement.
    let (_, numbers) = line.split_once("acked ")?;
    let mut numbers = numbers.split(' ').map(str::parse);
    let mut number = || numbers.next()?.ok();
    let ack = (number()?, number()?, number()?);
    numbers.next().is_none().then_some(ack)
}

/// Reads everything; every record must be a whole one of some life.
fn read_all(shard: &Shard) -> BTreeMap<u64, Vec<u8>> {
    let mut records = BTreeMap::new();
    let mut cursor = shard.cursor(Start::Oldest).unwrap();
    while let Some(record) = cursor.next().unwrap() {
        let unique = u64::from_le_bytes(*record.payload().first_chunk().unwrap());
        assert_eq!(
            record.payload(),
            numbered(unique),
            "record {}",
            record.seq()
        );
        records.insert(record.seq().0, record.payload().to_vec());
    }
    records
}

#[test]
fn however_often_they_are_killed() {
    let cycles = std::env::var("MAINSTEM_KILL_CYCLES").map_or(CYCLES_BY_DEFAULT, |it| {
        it.parse()
            .unwrap_or_else(|_| panic!("MAINSTEM_KILL_CYCLES is {it}, not a number"))
    });
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("data");
    let mut rng = Rng::new(cycles);
    let mut acknowledged: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for life in 0..cycles {
        let appender = Appender::start(&dir, life);
        let mut acks = Vec::new();
        if life % 3 == 2 {
            // While it starts, or recovers.
            let moment = Duration::from_micros(rng.below(50_000));
            match appender.acks.recv_timeout(moment) {
                Ok(ack) => acks.push(ack),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => panic!("the process ended by itself"),
            }
        } else {
            // After so many acknowledgements, and then some: right after one, it is mostly idle.
            for _ in 0..=rng.below(300) {
                acks.push(appender.acks.recv().expect("the process ended by itself"));
            }
            let more = Duration::from_micros(rng.below(20_000));
            while let Ok(ack) = appender.acks.recv_timeout(more) {
                acks.push(ack);
                if rng.below(20) == 0 {
                    break;
                }
            }
        }
        for (first, unique, records) in appender.kill(acks) {
            for number in 0..records {
                let before = acknowledged.insert(first + number, numbered(unique + number));
                assert!(before.is_none(), "two records got the number {first}");
            }
        }
        // The lock went with the process.
        let (engine, shard) = open(&dir).unwrap();
        assert!(shard.refusal().is_none(), "{:?}", shard.refusal());
        let found = read_all(&shard);
        assert_eq!(u64::try_from(found.len()).unwrap(), shard.durable_end().0);
        for (seq, bytes) in &acknowledged {
            assert_eq!(found.get(seq), Some(bytes), "life {life}, record {seq}");
        }
        if life % 4 == 1 {
            // This process goes on for a while itself, and closes in good order.
            let unique = (1 << 60) + (life << 8);
            let seq = shard.append_one(&numbered(unique)).unwrap().seqs.start;
            acknowledged.insert(seq.0, numbered(unique));
            engine.close().unwrap();
        }
        // Otherwise dropping the engine closes it too.
    }
    println!(
        "{cycles} kills, {} records acknowledged",
        acknowledged.len()
    );
    assert!(acknowledged.len() > 100);
}

#[test]
fn a_second_opener_is_told_who_holds_the_lock() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("data");
    let appender = Appender::start(&dir, 1);
    let first = appender.acks.recv().unwrap();
    let refused = open(&dir).unwrap_err();
    let LogError::Locked { path, holder } = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(path, &dir);
    assert!(
        holder.contains(&appender.child.id().to_string()),
        "{holder}"
    );
    appender.kill(vec![first]);
    let (engine, shard) = open(&dir).unwrap();
    assert!(shard.durable_end() > SeqNo(first.0));
    // Within one process too.
    let refused = open(&dir).unwrap_err();
    assert!(matches!(refused, LogError::Locked { .. }), "{refused:?}");
    engine.close().unwrap();
    open(&dir).unwrap();
}
