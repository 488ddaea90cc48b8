//! Who is told, and who may see, what and when.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use mainstem_env::sim::{OpKind, Sim};
use mainstem_log::{AppendOptions, LogError, Shard, Start};

use super::kit::{
    Check, Gate, QUEUED_BYTES_MAX, Tries, batch, create, name, open, options, syncs_segment, told,
};

/// See [`Check::about`].
pub(in crate::defects) static ROUNDS: Check = Check {
    name: "rounds",
    about: "while a group is being synced, nobody is told of its records and no reader sees them",
    run: rounds,
};

/// See [`Check::about`].
pub(in crate::defects) static MARK: Check = Check {
    name: "mark",
    about: "no reader gets a record before the durable mark is past it",
    run: mark,
};

/// See [`Check::about`].
pub(in crate::defects) static WAITS: Check = Check {
    name: "waits",
    about: "every append of a group that several callers wait for returns",
    run: waits,
};

/// See [`Check::about`].
pub(in crate::defects) static WAKERS: Check = Check {
    name: "wakers",
    about: "an append wakes the task that polled it last",
    run: wakers,
};

/// See [`Check::about`].
pub(in crate::defects) static FOLLOWERS: Check = Check {
    name: "followers",
    about: "whoever waits for further records is woken when there are some",
    run: followers,
};

/// See [`Check::about`].
pub(in crate::defects) static BUDGET: Check = Check {
    name: "budget",
    about: "no more bytes wait than the limit",
    run: budget,
};

/// See [`Check::about`].
pub(in crate::defects) static DROPPED: Check = Check {
    name: "dropped",
    about: "the bytes of an append that was dropped while it waited for room come back",
    run: dropped,
};

/// Nothing is to be waited for longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

fn rounds(tries: &Tries) -> Result<(), String> {
    let sim = Sim::new(1);
    let (gate, env) = Gate::of(&sim, syncs_segment);
    let (_engine, shard) = create(&env)?;
    shard.append_one(b"first").map_err(told)?;
    let shut = gate.shut();
    let leader = append_in_thread(&shard);
    shut.wait_for(1);
    tries.add(1);
    nobody_sees(&shard, 1)?;
    let mut follower = pin!(shard.append_async(batch(&[b"follower"])?, AppendOptions::default()));
    let mut poll = || {
        let polled = follower
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        match polled {
            Poll::Pending => Ok(()),
            Poll::Ready(done) => Err(format!(
                "an append came to {done:?} while its group was being synced"
            )),
        }
    };
    poll()?;
    shut.release(1);
    // The group of the follower is written, and its sync has not begun.
    shut.wait_for(2);
    let led = leader.recv().map_err(|error| error.to_string())?;
    led.map_err(told)?;
    tries.add(1);
    poll()?;
    nobody_sees(&shard, 2)
}

fn mark(tries: &Tries) -> Result<(), String> {
    let sim = Sim::new(1);
    // The index is written after the sync and before the mark moves.
    let (gate, env) = Gate::of(&sim, |kind, path| {
        kind == OpKind::Write && path.extension().is_some_and(|it| it == "idx")
    });
    let (_engine, shard) = create(&env)?;
    shard.append_one(b"first").map_err(told)?;
    let shut = gate.shut();
    let append = append_in_thread(&shard);
    shut.wait_for(1);
    tries.add(1);
    let mut cursor = shard.cursor(Start::Oldest).map_err(told)?;
    let mut read = 0_u64;
    while cursor.next().map_err(told)?.is_some() {
        read = read.saturating_add(1);
    }
    let mark = shard.durable_end();
    drop(shut);
    let done = append.recv().map_err(|error| error.to_string())?;
    done.map_err(told)?;
    if read > mark.0 {
        return Err(format!(
            "{read} records were read while the durable mark was at {mark}"
        ));
    }
    Ok(())
}

/// Checks that all that is to be seen of a shard is `count` records.
fn nobody_sees(shard: &Shard, count: u64) -> Result<(), String> {
    if shard.durable_end().0 > count {
        return Err(format!(
            "the durable mark is at {} while the sync of record {count} has not begun",
            shard.durable_end()
        ));
    }
    let mut cursor = shard.cursor(Start::Oldest).map_err(told)?;
    while let Some(record) = cursor.next().map_err(told)? {
        if record.seq().0 >= count {
            return Err(format!("record {count} was read before its sync had begun"));
        }
    }
    Ok(())
}

pub(super) fn append_in_thread(shard: &Shard) -> mpsc::Receiver<Result<(), LogError>> {
    let (tell, told) = mpsc::sync_channel(1);
    let shard = shard.clone();
    std::thread::spawn(move || {
        let done = shard.append_one(b"waits");
        let _nobody_waits_any_more = tell.send(done.map(|_| ()));
    });
    told
}

fn waits(tries: &Tries) -> Result<(), String> {
    const WAITERS: u64 = 4;
    let sim = Sim::new(1);
    let (gate, env) = Gate::of(&sim, syncs_segment);
    let (engine, shard) = create(&env)?;
    for _ in 0..20 {
        tries.add(1);
        let shut = gate.shut();
        let mut all = vec![append_in_thread(&shard)];
        shut.wait_for(1);
        let bytes = shard.metrics().queued_bytes;
        all.extend((0..WAITERS).map(|_| append_in_thread(&shard)));
        while shard.metrics().queued_bytes < bytes.saturating_mul(WAITERS.saturating_add(1)) {
            std::thread::yield_now();
        }
        drop(shut);
        for one in all {
            match one.recv_timeout(PATIENCE) {
                Ok(done) => done.map_err(told)?,
                Err(_) => {
                    // Closing might wait for it as well.
                    std::mem::forget(engine);
                    return Err(format!(
                        "an append had not returned after {} s",
                        PATIENCE.as_secs()
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Notes that it was woken.
#[derive(Debug, Default)]
struct Bell {
    has_rung: AtomicBool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.has_rung.store(true, Ordering::SeqCst);
    }
}

fn wakers(tries: &Tries) -> Result<(), String> {
    let sim = Sim::new(1);
    let (gate, env) = Gate::of(&sim, syncs_segment);
    let (_engine, shard) = create(&env)?;
    let shut = gate.shut();
    let leader = append_in_thread(&shard);
    shut.wait_for(1);
    tries.add(1);
    let mut follower = pin!(shard.append_async(batch(&[b"follower"])?, AppendOptions::default()));
    let bell = Arc::new(Bell::default());
    for waker in [Waker::noop().clone(), Waker::from(Arc::clone(&bell))] {
        let polled = follower.as_mut().poll(&mut Context::from_waker(&waker));
        if polled.is_ready() {
            return Err(String::from("an append was done before its group"));
        }
    }
    drop(shut);
    let led = leader.recv().map_err(|error| error.to_string())?;
    led.map_err(told)?;
    // Closing waits for all that was taken, so whoever is to be woken has been.
    while shard.metrics().queued_bytes > 0 {
        std::thread::yield_now();
    }
    if bell.has_rung.load(Ordering::SeqCst) {
        Ok(())
    } else {
        Err(String::from(
            "an append was done and did not wake the task that had polled it last",
        ))
    }
}

fn followers(tries: &Tries) -> Result<(), String> {
    let sim = Sim::new(1);
    let (_engine, shard) = create(&sim.env())?;
    let bell = Arc::new(Bell::default());
    let mut ready = pin!(shard.beyond(shard.durable_end()));
    let polled = ready
        .as_mut()
        .poll(&mut Context::from_waker(&Waker::from(Arc::clone(&bell))));
    if polled.is_ready() {
        return Err(String::from(
            "a wait for records ended before there were any",
        ));
    }
    shard.append_one(b"there").map_err(told)?;
    tries.add(1);
    if bell.has_rung.load(Ordering::SeqCst) {
        Ok(())
    } else {
        Err(String::from(
            "a record came, and the task that waits for it was not woken",
        ))
    }
}

/// Has an append of 60 KiB under way, and another one of 10 KiB come while there is no room for it.
fn crowd(
    meanwhile: impl FnOnce(&Shard, mainstem_log::Append) -> Result<(), String>,
) -> Result<Shard, String> {
    let sim = Sim::new(1);
    let (gate, env) = Gate::of(&sim, syncs_segment);
    let engine = open(&env).map_err(told)?;
    let mut options = options();
    options.segment_bytes = 1 << 20;
    let shard = engine.create_shard(&name("a")?, options).map_err(told)?;
    let shut = gate.shut();
    let large = batch(&[&vec![7; 60 << 10]])?;
    let (tell, answer) = mpsc::sync_channel(1);
    let writer = shard.clone();
    std::thread::spawn(move || {
        let _nobody_waits = tell.send(writer.append(&large, AppendOptions::default()));
    });
    shut.wait_for(1);
    let second = shard.append_async(batch(&[&[8; 10 << 10]])?, AppendOptions::default());
    meanwhile(&shard, second)?;
    drop(shut);
    let done = answer.recv().map_err(|error| error.to_string())?;
    done.map_err(told)?;
    Ok(shard)
}

fn budget(tries: &Tries) -> Result<(), String> {
    crowd(|shard, second| {
        tries.add(1);
        let mut second = Box::pin(second);
        let _pending = second
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        let queued = shard.metrics().queued_bytes;
        if queued > QUEUED_BYTES_MAX {
            return Err(format!(
                "{queued} bytes wait, the limit is {QUEUED_BYTES_MAX}"
            ));
        }
        match shard.try_append(&batch(&[&[9; 10 << 10]])?, AppendOptions::default()) {
            Err(LogError::QueueFull { .. }) => Ok(()),
            other => Err(format!("an append without room came to {other:?}")),
        }
    })?;
    Ok(())
}

fn dropped(tries: &Tries) -> Result<(), String> {
    let shard = crowd(|_, second| {
        tries.add(1);
        let mut second = Box::pin(second);
        let _pending = second
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        Ok(())
    })?;
    match shard.metrics().queued_bytes {
        0 => Ok(()),
        left => Err(format!("{left} bytes still count as waiting, and none do")),
    }
}
