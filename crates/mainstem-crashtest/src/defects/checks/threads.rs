//! What threads of the engine do to each other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use mainstem_env::sim::{OpKind, Sim, hooked};
use mainstem_log::{LogError, Start};

use super::kit::{Check, Gate, Tries, create, name, open, options, told};
use super::waits::{PATIENCE, append_in_thread};
use crate::sim::rng::payload;

/// See [`Check::about`].
pub(in crate::defects) static PANICS: Check = Check {
    name: "panics",
    about: "after a panic in a commit appends are refused, and wait for nobody",
    run: panics,
};

/// See [`Check::about`].
pub(in crate::defects) static ZEROS: Check = Check {
    name: "zeros",
    about: "records appended while space ahead is being filled with zeros stay",
    run: zeros,
};

fn panics(tries: &Tries) -> Result<(), String> {
    let sim = Sim::new(1);
    let is_armed = Arc::new(AtomicBool::new(false));
    let bomb = Arc::clone(&is_armed);
    let env = hooked(
        &sim.env(),
        Arc::new(move |kind, _| {
            let goes_off = kind == OpKind::SyncData && bomb.swap(false, Ordering::SeqCst);
            assert!(!goes_off, "a panic on order");
            Ok(())
        }),
    );
    let (engine, shard) = create(&env)?;
    shard.append_one(b"whole").map_err(told)?;
    is_armed.store(true, Ordering::SeqCst);
    tries.add(1);
    if append_in_thread(&shard).recv().is_ok() {
        return Err(String::from("an append returned from a panic"));
    }
    match append_in_thread(&shard).recv_timeout(PATIENCE) {
        Ok(Err(LogError::Poisoned(_))) => Ok(()),
        Ok(done) => Err(format!("an append after a panic came to {done:?}")),
        Err(_) => {
            // Closing would wait for it as well.
            std::mem::forget(engine);
            Err(format!(
                "an append after a panic had not returned after {} s",
                PATIENCE.as_secs()
            ))
        }
    }
}

/// How long a writer that keeps out of the zeros is given to run into them.
const GRACE: Duration = Duration::from_millis(500);

fn zeros(tries: &Tries) -> Result<(), String> {
    const RECORDS: u64 = 400;
    let sim = Sim::new(1);
    // Zeros come from a thread of the engine, and all else from ours.
    let (gate, env) = Gate::of(&sim, |kind, _| {
        let is_theirs = std::thread::current().name() == Some("mainstem-sync");
        matches!(kind, OpKind::Write | OpKind::SyncData) && is_theirs
    });
    let engine = open(&env).map_err(told)?;
    let mut options = options();
    options.segment_bytes = 1 << 20;
    options.prewrite_bytes = 64 << 10;
    let shard = engine.create_shard(&name("a")?, options).map_err(told)?;
    let shut = gate.shut();
    let (tell, answer) = mpsc::sync_channel(1);
    let (writer, clock) = (shard.clone(), sim.clone());
    std::thread::spawn(move || {
        let done = (0..RECORDS).try_for_each(|number| {
            // So many a second make a shard busy.
            clock.advance(Duration::from_millis(1));
            writer.append_one(&payload(number, 1000)).map(|_| ())
        });
        let _nobody_waits_any_more = tell.send(done);
    });
    shut.wait_for(1);
    tries.add(1);
    // A writer that runs over the zeros gets to its end, and one that waits for them does not.
    let early = answer.recv_timeout(GRACE);
    shut.release(1);
    // The zeros are written when they are about to be synced.
    shut.wait_for(2);
    drop(shut);
    let done = match early {
        Ok(done) => done,
        Err(_) => answer.recv().map_err(|error| error.to_string())?,
    };
    done.map_err(told)?;
    engine.close().map_err(told)?;
    drop((shard, engine));
    let engine = open(&env).map_err(told)?;
    let shard = engine
        .shard(&name("a")?, super::kit::options())
        .map_err(told)?;
    let mut cursor = shard.cursor(Start::Oldest).map_err(told)?;
    for number in 0..RECORDS {
        match cursor.next() {
            Ok(Some(record)) if record.payload() == payload(number, 1000) => {}
            other => return Err(format!("record {number} reads as {other:?}")),
        }
    }
    sim.violation().map_or(Ok(()), Err)
}
