//! What an engine does while nobody asks anything of it.

use std::time::Duration;

use mainstem_env::sim::Sim;

use super::kit::{
    Check, RECORDS, Tries, create, damage, fill, name, open, options, segments, told,
};

/// See [`Check::about`].
pub(in crate::defects) static SCRUB: Check = Check {
    name: "scrub",
    about: "damage anywhere in a sealed segment is found and counted without a reader",
    run: scrub,
};

/// See [`Check::about`].
pub(in crate::defects) static IDLE: Check = Check {
    name: "idle",
    about: "an idle shard holds no files, takes appends again, and is recovered from its index",
    run: idle,
};

/// The size of a segment that is never full.
const SPACIOUS_BYTES: u64 = 64 << 10;

fn scrub(tries: &Tries) -> Result<(), String> {
    for number in 0..RECORDS {
        let sim = Sim::new(1);
        let (engine, shard) = create(&sim.env())?;
        fill(&shard)?;
        let all = segments(&sim);
        let at = all.partition_point(|(first, _)| *first <= number);
        // The newest is not sealed.
        let (Some(segment), true) = (all.get(at.saturating_sub(1)), at < all.len()) else {
            return Ok(());
        };
        damage(&sim, segment, number)?;
        tries.add(1);
        // A pass comes to a few records.
        for _ in 0..RECORDS {
            sim.advance(Duration::from_millis(1));
            engine.maintain();
        }
        match shard.metrics().scrub_errors {
            1 => {}
            errors => return Err(format!("{errors} errors for damage in record {number}")),
        }
    }
    Ok(())
}

fn idle(tries: &Tries) -> Result<(), String> {
    let sim = Sim::new(1);
    let engine = open(&sim.env()).map_err(told)?;
    let mut large = options();
    large.segment_bytes = SPACIOUS_BYTES;
    let shard = engine
        .create_shard(&name("a")?, large.clone())
        .map_err(told)?;
    let before = sim.open_files();
    fill(&shard)?;
    let written = shard.metrics().bytes;
    for _ in 0..2 {
        engine.maintain();
        sim.advance(Duration::from_secs(31));
    }
    engine.maintain();
    tries.add(1);
    let held = sim.open_files();
    if held >= before {
        return Err(format!(
            "{held} files are open, {before} were before the first append"
        ));
    }
    shard
        .append_one(b"again")
        .map_err(|error| format!("an append after a rest: {error:?}"))?;
    tries.add(1);
    let cut = sim.power_loss_now();
    let engine = open(&cut.env()).map_err(told)?;
    let shard = engine.shard(&name("a")?, large).map_err(told)?;
    // The space ahead is looked at in any case, and what the index covers is not.
    match shard.metrics().recovered_bytes {
        read if read.saturating_add(written / 2) < SPACIOUS_BYTES => Ok(()),
        read => Err(format!(
            "a recovery read {read} of {SPACIOUS_BYTES} bytes, and an index covers {written}"
        )),
    }
}
