//! What single calls promise.

use mainstem_env::EIO;
use mainstem_env::sim::{Fault, FaultError, OpKind, Sim};
use mainstem_log::limits::HOUR_MS;
use mainstem_log::{AppendOptions, LogError, SeqNo};

use super::kit::{Check, Tries, batch, create, name, open, options, told};

/// See [`Check::about`].
pub(in crate::defects) static EXPECTED: Check = Check {
    name: "expected",
    about: "an append that expects another number than the next is refused, and leaves nothing",
    run: expected,
};

/// See [`Check::about`].
pub(in crate::defects) static LOCK: Check = Check {
    name: "lock",
    about: "a data directory that is open cannot be opened again",
    run: lock,
};

/// See [`Check::about`].
pub(in crate::defects) static CLOCK: Check = Check {
    name: "clock",
    about: "retention deletes nothing while the clock has jumped ahead",
    run: clock,
};

/// See [`Check::about`].
pub(in crate::defects) static POISON: Check = Check {
    name: "poison",
    about: "after a failed write or sync no shard takes an append, and the next opening looks closely",
    run: poison,
};

fn expected(tries: &Tries) -> Result<(), String> {
    let sim = Sim::new(1);
    let (_engine, shard) = create(&sim.env())?;
    let mut expecting = AppendOptions::default();
    expecting.expected = Some(SeqNo(0));
    let batch = batch(&[b"once"])?;
    shard.append(&batch, expecting).map_err(told)?;
    tries.add(1);
    match shard.append(&batch, expecting) {
        Err(LogError::UnexpectedPosition { .. }) => {}
        other => return Err(format!("a second append at number 0 came to {other:?}")),
    }
    match shard.metrics().queued_bytes {
        0 => Ok(()),
        left => Err(format!(
            "a refused append left {left} bytes that count as waiting"
        )),
    }
}

fn lock(tries: &Tries) -> Result<(), String> {
    let sim = Sim::new(1);
    let (_engine, _shard) = create(&sim.env())?;
    tries.add(1);
    match open(&sim.env()) {
        Err(LogError::Locked { .. }) => Ok(()),
        Err(other) => Err(format!("a second opening came to {other:?}")),
        Ok(_) => Err(String::from("two engines have the same directory open")),
    }
}

fn clock(tries: &Tries) -> Result<(), String> {
    let sim = Sim::new(1);
    let (engine, shard) = create(&sim.env())?;
    for _ in 0..10 {
        shard.append_one(&[7; 900]).map_err(told)?;
    }
    let ahead = i64::try_from(72 * HOUR_MS).unwrap_or(0);
    sim.jump_wall(ahead);
    engine.maintain();
    sim.jump_wall(-ahead);
    tries.add(1);
    match shard.first_seq().map_err(told)? {
        SeqNo(0) => Ok(()),
        first => Err(format!("records before {first} are gone, and are young")),
    }
}

fn poison(tries: &Tries) -> Result<(), String> {
    for op in [OpKind::SyncData, OpKind::Write] {
        let sim = Sim::new(1);
        let (engine, shard) = create(&sim.env())?;
        let other = engine.create_shard(&name("b")?, options()).map_err(told)?;
        shard.append_one(b"whole").map_err(told)?;
        sim.fail(Fault::once(op, 1, FaultError::Raw(EIO)).on_path(".seg"));
        tries.add(1);
        match shard.append_one(b"unknown") {
            Err(LogError::SyncFailed { .. }) => {}
            other => return Err(format!("an append whose {op:?} failed came to {other:?}")),
        }
        for shard in [&shard, &other] {
            match shard.append_one(b"refused") {
                Err(LogError::Poisoned(_)) => {}
                done => {
                    return Err(format!(
                        "after a failed {op:?} an append to shard {} came to {done:?}",
                        shard.name()
                    ));
                }
            }
        }
        engine.close().map_err(told)?;
        drop((engine, shard, other));
        let engine = open(&sim.env()).map_err(told)?;
        let shard = engine.shard(&name("a")?, options()).map_err(told)?;
        if shard.metrics().recovered_bytes == 0 {
            return Err(format!(
                "a shard with a failed {op:?} was opened without a look at it"
            ));
        }
    }
    Ok(())
}
