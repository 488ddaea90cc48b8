//! What is done to a store that no engine has open.

use std::path::{Path, PathBuf};

use mainstem_env::sim::Sim;
use mainstem_log::{Offline, SegmentReport, Start};

use super::kit::{
    Check, DIR, Filled, RECORDS, Tries, damage, filled, name, open, options, record, told,
};

/// See [`Check::about`].
pub(in crate::defects) static VERIFY: Check = Check {
    name: "verify",
    about: "verification names every damaged and every missing segment, and no other",
    run: verify,
};

/// See [`Check::about`].
pub(in crate::defects) static REPAIR: Check = Check {
    name: "repair",
    about: "a repair keeps what can be read and a copy of the rest, reuses no number, and lasts",
    run: repair,
};

fn reports(sim: &Sim) -> Result<Vec<SegmentReport>, String> {
    let offline = Offline::open(&sim.env(), Path::new(DIR)).map_err(told)?;
    offline.verify(&name("a")?, &mut |_| ()).map_err(told)
}

/// Returns the segments that a verification finds something wrong with.
fn named(sim: &Sim) -> Result<Vec<PathBuf>, String> {
    let reports = reports(sim)?.into_iter();
    let wrong = reports.filter(|it| !it.damage.is_empty() || it.hole.is_some());
    Ok(wrong.map(|it| it.path).collect())
}

fn verify(tries: &Tries) -> Result<(), String> {
    let Filled { store, segments } = filled()?;
    let whole = named(&store)?;
    if !whole.is_empty() {
        return Err(format!("{whole:?} are named, and nothing is wrong"));
    }
    for (at, segment) in segments.iter().enumerate() {
        let (first, path) = segment;
        let end = segments
            .get(at.saturating_add(1))
            .map_or(RECORDS, |it| it.0);
        for number in *first..end {
            let sim = store.snapshot();
            damage(&sim, segment, number)?;
            tries.add(1);
            let named = named(&sim)?;
            if named != [path.as_path()] {
                return Err(format!(
                    "{named:?} are named for damage in {}",
                    path.display()
                ));
            }
        }
        // Retention might have taken the oldest.
        if at > 0 {
            let sim = store.snapshot();
            let gone = sim.env().fs.unlink(path);
            gone.map_err(|error| format!("no segment to remove: {error}"))?;
            tries.add(1);
            if named(&sim)?.is_empty() {
                return Err(format!("nothing is named without {}", path.display()));
            }
        }
    }
    Ok(())
}

fn repair(tries: &Tries) -> Result<(), String> {
    let Filled { store, segments } = filled()?;
    for (at, segment) in segments.iter().enumerate() {
        let (first, path) = segment;
        let end = segments
            .get(at.saturating_add(1))
            .map_or(RECORDS, |it| it.0);
        for number in *first..end {
            let sim = store.snapshot();
            damage(&sim, segment, number)?;
            let damaged = sim.read_file(path).map_err(|error| error.to_string())?;
            let offline = Offline::open(&sim.env(), Path::new(DIR)).map_err(told)?;
            let cuts = offline.plan_repair(&name("a")?).map_err(told)?;
            offline.repair(&name("a")?, &cuts).map_err(told)?;
            drop(offline);
            tries.add(1);
            let cut = sim.power_loss_now();
            let is_copied = cut.files().iter().any(|file| {
                file.extension().is_some_and(|it| it == "damaged")
                    && cut.read_file(file).is_ok_and(|bytes| bytes == damaged)
            });
            if !is_copied {
                return Err(format!("no copy is kept of {}", path.display()));
            }
            repaired(&cut, number, end).map_err(|what| format!("record {number}: {what}"))?;
        }
    }
    Ok(())
}

/// Checks that all records are there but those from `first_lost` on, up to `end`, and that the next one
/// gets a number of its own.
fn repaired(sim: &Sim, first_lost: u64, end: u64) -> Result<(), String> {
    let engine = open(&sim.env()).map_err(told)?;
    let shard = engine.shard(&name("a")?, options()).map_err(told)?;
    let mut cursor = shard.cursor(Start::Oldest).map_err(told)?;
    for number in (0..first_lost).chain(end..RECORDS) {
        match cursor.next() {
            Ok(Some(it)) if it.seq().0 == number && it.payload() == record(number) => {}
            other => return Err(format!("in place of record {number} there is {other:?}")),
        }
    }
    let appended = shard.append_one(b"after").map_err(told)?;
    match appended.seqs.start.0 {
        next if next >= RECORDS => Ok(()),
        next => Err(format!("number {next} is given again")),
    }
}
