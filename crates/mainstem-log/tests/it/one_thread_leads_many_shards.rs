//! Appends that nobody waits for, to many shards: one thread commits them together by way of the journal,
//! and each comes to the same end as alone.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};

use mainstem_env::sim::{Choices, Fault, OpKind, Sim, Strictness, hooked};
use mainstem_log::{AppendOptions, Appended, Engine, LogError, Shard, ShardOptions};

use crate::kit::{DIR, append, batch, engine_options, name, open_sim, read_all, small_segments};
use crate::readers_writers_and_retention_run_together::block_on;

const JOURNAL: &str = "/data/journal";
/// Enough to be taken together.
const SHARDS: usize = 8;

type Append = Pin<Box<dyn Future<Output = Result<Appended, LogError>>>>;

/// An engine whose only thread for asynchronous appends can be kept busy.
struct World {
    // Dropped before the engine, which waits for the thread.
    go_on: mpsc::SyncSender<()>,
    sim: Sim,
    engine: Engine,
    shards: Vec<Shard>,
    /// Makes the thread stop at its next sync of the shard beside the others, which is not among them.
    is_armed: Arc<AtomicBool>,
    /// The next call of this kind below this path panics.
    panics: Arc<Mutex<Option<(OpKind, &'static str)>>>,
    beside: Shard,
    has_stopped: mpsc::Receiver<()>,
}

impl World {
    fn new(seed: u64, options: impl Fn() -> ShardOptions) -> Self {
        let sim = Sim::new(seed);
        sim.set_published_check(|path| path.starts_with(JOURNAL));
        let is_armed = Arc::new(AtomicBool::new(false));
        let (stopped, has_stopped) = mpsc::sync_channel(1);
        let (go_on, may_go_on) = mpsc::sync_channel::<()>(1);
        let may_go_on = Mutex::new(may_go_on);
        let panics = Arc::new(Mutex::new(None));
        let hold = {
            let (is_armed, panics) = (Arc::clone(&is_armed), Arc::clone(&panics));
            move |kind, path: &Path| {
                let is_next =
                    |(next, below): &(OpKind, &str)| *next == kind && path.starts_with(below);
                let next = panics.lock().unwrap().take_if(|next| is_next(next));
                assert!(next.is_none(), "a panic in between");
                let is_meant = kind == OpKind::SyncData && path.starts_with("/data/shards/beside");
                if is_meant && is_armed.swap(false, Ordering::SeqCst) {
                    stopped.send(()).unwrap();
                    // An error if the test has failed.
                    let _goes_on = may_go_on.lock().unwrap().recv();
                }
                Ok(())
            }
        };
        let env = hooked(&sim.env(), Arc::new(hold));
        let mut engine_options = engine_options();
        engine_options.sync_threads_max = 1;
        engine_options.journal.commits_min = 4;
        engine_options.journal.bytes_max = 64 << 10;
        let engine = Engine::open(&env, Path::new(DIR), engine_options).unwrap();
        let create = |name_of: &str| {
            let shard = engine.create_shard(&name(name_of), options()).unwrap();
            append(&shard, b"first").unwrap();
            shard
        };
        let beside = create("beside");
        let shards = (0..SHARDS).map(|at| create(&format!("s{at}"))).collect();
        Self {
            go_on,
            sim,
            engine,
            shards,
            is_armed,
            panics,
            beside,
            has_stopped,
        }
    }

    /// Appends `payload` to every shard, all of which are due when the thread that commits comes to them.
    fn append_to_all(&self, payload: &[u8]) -> Vec<Result<Appended, LogError>> {
        self.is_armed.store(true, Ordering::SeqCst);
        let beside = begin(&self.beside, b"beside");
        self.has_stopped.recv().unwrap();
        let appends: Vec<Append> = self.shards.iter().map(|it| begin(it, payload)).collect();
        self.go_on.send(()).unwrap();
        block_on(beside).unwrap();
        appends.into_iter().map(block_on).collect()
    }

    /// Returns what is in each shard after power was cut now, with nothing left that was not synced.
    fn after_power_cut(&self) -> Vec<Vec<(u64, Vec<u8>)>> {
        let engine = open_sim(&self.sim.power_loss_now());
        let shards = (0..SHARDS).map(|at| name(&format!("s{at}")));
        let shards = shards.map(|name| engine.shard(&name, small_segments()).unwrap());
        shards.map(|shard| read_all(&shard)).collect()
    }
}

/// Begins an append: it is submitted when this returns.
fn begin(shard: &Shard, payload: &[u8]) -> Append {
    let append = shard.append_async(batch(&[payload.to_vec()]), AppendOptions::default());
    let mut append: Append = Box::pin(append);
    let polled = append
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending), "{polled:?}");
    append
}

fn all_acknowledged(appends: Vec<Result<Appended, LogError>>) {
    for append in appends {
        append.unwrap();
    }
}

fn two(payload: &[u8]) -> Vec<(u64, Vec<u8>)> {
    vec![(0, b"first".to_vec()), (1, payload.to_vec())]
}

#[test]
fn one_sync_serves_them_all() {
    let world = World::new(1, small_segments);
    let before = world.sim.calls(OpKind::SyncData);
    for appended in world.append_to_all(b"together") {
        assert_eq!(appended.unwrap().seqs.start.0, 1);
    }
    // One for the shard beside them, and one for the journal.
    assert_eq!(world.sim.calls(OpKind::SyncData) - before, 2);
    assert_eq!(world.engine.metrics().journaled_groups, 8);
    assert!(
        world
            .shards
            .iter()
            .all(|it| read_all(it) == two(b"together"))
    );
    assert_eq!(world.after_power_cut(), vec![two(b"together"); SHARDS]);
    for shard in &world.shards {
        append(shard, b"and alone again").unwrap();
    }
    assert!(
        world.sim.violation().is_none(),
        "{:?}",
        world.sim.violation()
    );
}

#[test]
fn a_power_cut_in_between_leaves_what_was_before_or_all_of_it() {
    let world = World::new(2, small_segments);
    let begin = world.sim.op_count();
    all_acknowledged(world.append_to_all(b"together"));
    for at in begin..=world.sim.op_count() {
        for strictness in Strictness::ALL {
            for seed in 0..3 {
                let lost = world
                    .sim
                    .power_loss(at, &mut Choices::random(seed), strictness);
                let engine = open_sim(&lost);
                for number in 0..SHARDS {
                    let name = name(&format!("s{number}"));
                    let found = read_all(&engine.shard(&name, small_segments()).unwrap());
                    assert!(
                        two(b"together").starts_with(&found) && !found.is_empty(),
                        "{found:?}"
                    );
                    let all_told = at == world.sim.op_count();
                    assert!(!all_told || found == two(b"together"), "{found:?}");
                }
            }
        }
    }
}

#[test]
fn a_journal_without_room_has_each_synced_by_itself() {
    let world = World::new(3, small_segments);
    let fault = Fault::for_ever(OpKind::Allocate, 1, std::io::ErrorKind::StorageFull);
    world.sim.fail(fault.on_path("journal"));
    all_acknowledged(world.append_to_all(b"apart"));
    assert_eq!(world.engine.metrics().journaled_groups, 0);
    assert_eq!(world.after_power_cut(), vec![two(b"apart"); SHARDS]);
}

#[test]
fn a_failed_sync_of_the_journal_is_told_to_all_and_acknowledges_nobody() {
    let world = World::new(4, small_segments);
    // The journal is there already.
    all_acknowledged(world.append_to_all(b"together"));
    let fault = Fault::once(OpKind::SyncData, 1, std::io::ErrorKind::Other);
    world.sim.fail(fault.on_path("journal"));
    for appended in world.append_to_all(b"in doubt") {
        appended.unwrap_err();
    }
    for shard in &world.shards {
        let refused = append(shard, b"more").unwrap_err();
        assert!(matches!(refused, LogError::Poisoned(_)), "{refused:?}");
    }
    append(&world.beside, b"goes on").unwrap();
    for found in world.after_power_cut() {
        assert!(found.starts_with(&two(b"together")), "{found:?}");
    }
}

#[test]
fn what_is_too_large_or_rolls_is_led_by_itself() {
    let world = World::new(5, || {
        let mut options = small_segments();
        options.segment_bytes = 8192;
        options
    });
    // Too large for the journal.
    let large = vec![b'x'; 2016];
    all_acknowledged(world.append_to_all(&large));
    assert_eq!(world.engine.metrics().journaled_groups, 0);
    let journal = world
        .sim
        .files()
        .into_iter()
        .find(|it| it.starts_with(JOURNAL));
    assert_eq!(journal, None, "nobody had anything for it");
    let mut expected = two(&large);
    for number in 2..10 {
        let payload = vec![b'y'; 1200];
        all_acknowledged(world.append_to_all(&payload));
        expected.push((number, payload));
    }
    assert!(world.shards[0].metrics().rolls > 0);
    assert!(
        world.engine.metrics().journaled_groups > 0,
        "what is small went through the journal, also if one batch of it was full"
    );
    assert_eq!(world.after_power_cut(), vec![expected; SHARDS]);
}

#[test]
fn a_shard_that_fails_takes_nobody_with_it() {
    let world = World::new(6, small_segments);
    let fault = Fault::once(OpKind::Write, 1, std::io::ErrorKind::Other);
    world.sim.fail(fault.on_path("shards/s3"));
    for (at, appended) in world.append_to_all(b"together").into_iter().enumerate() {
        assert_eq!(appended.is_err(), at == 3, "shard {at}");
    }
    let found = world.after_power_cut();
    let whole = found.iter().filter(|it| **it == two(b"together"));
    assert_eq!(whole.count(), SHARDS - 1);
}

#[test]
fn a_panic_ends_the_appends_that_it_met_and_no_others() {
    for (kind, below, met) in [
        (OpKind::Write, "/data/shards/s3", 3..4),
        // Those that were put into the journal together; the rest had yet to begin.
        (OpKind::SyncData, JOURNAL, 0..4),
    ] {
        let world = World::new(7, small_segments);
        // The journal is there already.
        all_acknowledged(world.append_to_all(b"together"));
        *world.panics.lock().unwrap() = Some((kind, below));
        for (at, appended) in world.append_to_all(&[b'y'; 1000]).into_iter().enumerate() {
            assert_eq!(appended.is_err(), met.contains(&at), "{below}, shard {at}");
        }
        for (at, shard) in world.shards.iter().enumerate() {
            let more = append(shard, b"more");
            assert_eq!(more.is_err(), met.contains(&at), "{below}, shard {at}");
        }
        // The thread that commits goes on.
        block_on(begin(&world.beside, b"beside")).unwrap();
        for (at, found) in world.after_power_cut().into_iter().enumerate() {
            let whole = two(b"together");
            assert!(found.starts_with(&whole), "{below}, shard {at}: {found:?}");
            assert!(
                found.len() == 4 || met.contains(&at),
                "{below}, shard {at}: {found:?}"
            );
        }
    }
}
