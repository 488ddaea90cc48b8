//! A toy log in which each of the classic mistakes can be made: the simulated disk must find every
//! one, and must find nothing when none is made.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use mainstem_env::sim::{Choices, Fault, OpKind, Sim, Strictness};
use mainstem_env::{Env, File, OpenMode, ReadMode, Region, replace_file};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    AckBeforeSync,
    NoDirectorySync,
    RenameBeforeFileSync,
    FailedSyncRetried,
    WriteBelowPublishedEnd,
    PublishBeforeSync,
}

/// A log in one file, and a note beside it that is replaced as a whole.
struct Toy {
    bug: Bug,
    env: Env,
    file: Arc<dyn File>,
    region: Region,
    end: u64,
}

impl Toy {
    fn create(env: &Env, bug: Bug) -> io::Result<Self> {
        let (root, dir) = (Path::new("/"), Path::new("/log"));
        env.fs.create_dir(dir)?;
        env.fs.sync_dir(root)?;
        let file = env.fs.open(&dir.join("0.seg"), OpenMode::CreateNew)?;
        file.allocate(8192)?;
        file.sync_all()?;
        if bug != Bug::NoDirectorySync {
            env.fs.sync_dir(dir)?;
        }
        let region = file.region(1 << 20, ReadMode::Mapped)?;
        let env = env.clone();
        Ok(Self {
            bug,
            env,
            file,
            region,
            end: 0,
        })
    }

    fn append(&mut self, record: &[u8], acknowledge: impl Fn()) -> io::Result<()> {
        let mut frame = u16::try_from(record.len()).unwrap().to_le_bytes().to_vec();
        frame.extend(checksum(self.end, record).to_le_bytes());
        frame.extend(record);
        let mut position = self.end;
        if self.bug == Bug::WriteBelowPublishedEnd && position > 0 {
            position -= 1;
            frame.insert(0, 0);
        }
        self.file.write_all_at(&frame, position)?;
        self.end = position + frame.len() as u64;
        match self.bug {
            Bug::AckBeforeSync => acknowledge(),
            Bug::PublishBeforeSync => self.region.publish(self.end),
            _ => {}
        }
        let synced = self.file.sync_data();
        if synced.is_err() && self.bug == Bug::FailedSyncRetried {
            self.file.sync_data()?;
        } else {
            synced?;
        }
        self.region.publish(self.end);
        acknowledge();
        Ok(())
    }

    fn note(&self, text: &[u8]) -> io::Result<()> {
        let (fs, dir) = (&*self.env.fs, Path::new("/log"));
        if self.bug != Bug::RenameBeforeFileSync {
            return replace_file(fs, dir, "NOTE", text);
        }
        let file = fs.open(&dir.join("NOTE.tmp"), OpenMode::ReadWriteOrCreate)?;
        file.write_all_at(text, 0)?;
        fs.rename(&dir.join("NOTE.tmp"), &dir.join("NOTE"))?;
        file.sync_all()?;
        fs.sync_dir(dir)
    }
}

fn checksum(seed: u64, bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed;
    bytes.iter().fold(start, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn recover(sim: &Sim) -> (Vec<Vec<u8>>, Option<Vec<u8>>) {
    let bytes = sim.read_file("/log/0.seg").unwrap_or_default();
    let (mut records, mut at) = (Vec::new(), 0);
    while let Some(header) = bytes.get(at..at + 10) {
        let len = usize::from(u16::from_le_bytes(header[..2].try_into().unwrap()));
        let Some(record) = bytes.get(at + 10..at + 10 + len) else {
            break;
        };
        if len == 0 || checksum(at as u64, record).to_le_bytes() != header[2..] {
            break;
        }
        records.push(record.to_vec());
        at += 10 + len;
    }
    (records, sim.read_file("/log/NOTE").ok())
}

/// What the user of the toy knows to be durable after so many operations.
struct Promise {
    at_op: u64,
    records: usize,
    note: Option<Vec<u8>>,
}

/// Runs the workload, and returns the first broken promise among all crash states.
fn broken_promise(bug: Bug, strictness: Strictness, states: &mut u64) -> Option<String> {
    let sim = Sim::new(7);
    let written: Vec<Vec<u8>> = (0..20)
        .map(|n| vec![n + 1; 40 + 97 * usize::from(n)])
        .collect();
    let notes: Vec<Vec<u8>> = (0..20).map(|n| vec![n; 700]).collect();
    let mut promises = vec![Promise {
        at_op: 0,
        records: 0,
        note: None,
    }];
    if bug == Bug::FailedSyncRetried {
        // Found while running otherwise; here the disk is to tell.
        sim.set_published_check(|_| false);
    }
    sim.fail(Fault::once(OpKind::SyncData, 14, io::ErrorKind::Other));
    let run = catch_unwind(AssertUnwindSafe(|| {
        let mut toy = Toy::create(&sim.env(), bug).unwrap();
        for (n, record) in written.iter().enumerate() {
            let acked = std::cell::Cell::new(None);
            let result = toy.append(record, || {
                acked.set(acked.get().or(Some(sim.op_count())));
            });
            if let Some(at_op) = acked.get() {
                let note = promises.last().unwrap().note.clone();
                promises.push(Promise {
                    at_op,
                    records: n + 1,
                    note,
                });
            }
            if result.is_err() {
                break;
            }
            if n % 5 == 0 {
                toy.note(&notes[n]).unwrap();
                let (at_op, note) = (sim.op_count(), Some(notes[n].clone()));
                promises.push(Promise {
                    at_op,
                    records: n + 1,
                    note,
                });
            }
        }
    }));
    if let Some(violation) = sim.violation() {
        assert!(run.is_err(), "a broken rule panics");
        return Some(violation);
    }
    run.unwrap();
    for at_op in 0..=sim.op_count() {
        let promise = promises
            .iter()
            .rfind(|promise| promise.at_op <= at_op)
            .unwrap();
        for seed in 0..40 {
            let mut choices = match seed {
                0 => Choices::keep_all(),
                1 => Choices::drop_all(),
                _ => Choices::random(seed),
            };
            *states += 1;
            let (records, note) = recover(&sim.power_loss(at_op, &mut choices, strictness));
            let is_prefix = written.starts_with(&records) && records.len() >= promise.records;
            let note_is_whole = match (&note, &promise.note) {
                (None, expected) => expected.is_none(),
                (Some(note), _) => notes.contains(note),
            };
            // Notes hold their number, and none is less than some.
            let note_is_new = note.as_ref().and_then(|note| note.first())
                >= promise.note.as_ref().and_then(|note| note.first());
            if !is_prefix || !note_is_whole || !note_is_new {
                return Some(format!(
                    "op {at_op} seed {seed}: {} of {} records, note {note_is_whole} {note_is_new}",
                    records.len(),
                    promise.records
                ));
            }
        }
    }
    None
}

#[test]
fn a_correct_log_keeps_its_promises_in_all_states() {
    for strictness in Strictness::ALL {
        let mut states = 0;
        assert_eq!(
            broken_promise(Bug::None, strictness, &mut states),
            None,
            "{strictness:?}"
        );
        assert!(states > 1000);
    }
}

#[test]
fn each_bug_breaks_a_promise_on_a_strict_disk() {
    for bug in [
        Bug::AckBeforeSync,
        Bug::NoDirectorySync,
        Bug::RenameBeforeFileSync,
        Bug::FailedSyncRetried,
        Bug::WriteBelowPublishedEnd,
        Bug::PublishBeforeSync,
    ] {
        let found = broken_promise(bug, Strictness::StrictPosix, &mut 0);
        println!("{bug:?}: {found:?}");
        assert!(found.is_some(), "{bug:?} was not found");
    }
}

#[test]
fn an_ext4_like_disk_hides_a_missing_directory_sync() {
    let found = broken_promise(Bug::NoDirectorySync, Strictness::Ext4Like, &mut 0);
    assert_eq!(found, None);
}
