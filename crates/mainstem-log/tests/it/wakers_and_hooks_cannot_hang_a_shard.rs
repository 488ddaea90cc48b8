//! Wakers and hooks are other people's code: they may poll at once, or panic, and neither hangs a shard
//! nor poisons it.
#![expect(
    clippy::disallowed_methods,
    reason = "real threads meet in real time here"
)]

use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use mainstem_env::sim::{OpKind, Sim, hooked};
use mainstem_log::{Engine, PoisonHook, Ready, SeqNo};

use crate::kit::{DIR, engine_options, name, open_sim, small_segments};

/// Far longer than anything here takes; only a hang reaches it.
const HANGS: Duration = Duration::from_mins(1);

fn nap(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

#[test]
fn a_panicking_hook_keeps_nobody_waiting() {
    let sim = Sim::new(4);
    let gate = Arc::new(AtomicUsize::new(0));
    let g = Arc::clone(&gate);
    let env = hooked(
        &sim.env(),
        Arc::new(move |kind, path: &Path| {
            if kind == OpKind::SyncData
                && path.extension().is_some_and(|e| e == "seg")
                && g.load(Ordering::SeqCst) > 0
            {
                g.store(2, Ordering::SeqCst);
                nap(200);
                return Err(io::Error::other("no"));
            }
            Ok(())
        }),
    );
    let mut options = engine_options();
    options.on_poison = Some(PoisonHook::new(|_| panic!("server ends here")));
    let engine = Engine::open(&env, Path::new(DIR), options).unwrap();
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    gate.store(1, Ordering::SeqCst);
    let a = shard.clone();
    let leader = std::thread::spawn(move || a.append_one(b"leader"));
    while gate.load(Ordering::SeqCst) < 2 {
        nap(1);
    }
    let (tx, rx) = std::sync::mpsc::channel();
    let b = shard.clone();
    std::thread::spawn(move || tx.send(b.append_one(b"follower").map(drop)));
    let _told = leader.join();
    assert!(
        rx.recv_timeout(HANGS).is_ok(),
        "the follower hangs for ever"
    );
}

struct Inline(Mutex<Option<Ready>>);
impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        // What an executor without a queue does: poll again at once.
        let waker = Waker::from(Arc::clone(&self));
        if let Some(ready) = &mut *self.0.lock().unwrap() {
            let _polled = std::pin::Pin::new(ready).poll(&mut Context::from_waker(&waker));
        }
    }
}

#[test]
fn a_waker_may_poll_at_once() {
    let sim = Sim::new(5);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    let task = Arc::new(Inline(Mutex::new(Some(shard.beyond(SeqNo(0))))));
    let waker = Waker::from(Arc::clone(&task));
    {
        let mut slot = task.0.lock().unwrap();
        let ready = slot.as_mut().unwrap();
        assert!(matches!(
            std::pin::Pin::new(ready).poll(&mut Context::from_waker(&waker)),
            Poll::Pending
        ));
    }
    let (tx, rx) = std::sync::mpsc::channel();
    std::thread::spawn(move || tx.send(shard.append_one(b"x").map(drop)));
    assert!(rx.recv_timeout(HANGS).is_ok(), "the append hangs for ever");
}

struct Bomb;
impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        panic!("a reader's waker")
    }
}

#[test]
fn a_panicking_waker_of_a_reader_does_not_poison_the_writer() {
    let sim = Sim::new(5);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    let mut ready = shard.beyond(SeqNo(0));
    let waker = Waker::from(Arc::new(Bomb));
    assert!(
        std::pin::Pin::new(&mut ready)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    let s = shard.clone();
    let result = std::thread::spawn(move || s.append_one(b"x")).join();
    assert!(matches!(result, Ok(Ok(_))), "{result:?}");
    assert!(shard.refusal().is_none(), "{:?}", shard.refusal());
}
