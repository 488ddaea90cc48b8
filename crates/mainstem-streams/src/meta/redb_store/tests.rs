use mainstem_env::EIO;
use mainstem_env::sim::{Choices, Fault, FaultError, OpKind, Sim, Strictness, hooked};

use super::*;

fn put(key: &str, value: &[u8]) -> MetaChange {
    MetaChange::Put {
        table: MetaTable::Streams,
        key: key.to_owned(),
        value: value.to_vec(),
    }
}

fn remove(key: &str) -> MetaChange {
    MetaChange::Remove {
        table: MetaTable::Streams,
        key: key.to_owned(),
    }
}

#[test]
fn reopened_store_holds_what_was_committed() {
    let (env, dir) = (Env::real(), tempfile::tempdir().unwrap());
    let store = RedbStore::open(&env, dir.path()).unwrap();
    assert_eq!(store.scan(MetaTable::Streams).unwrap(), []);
    store.commit(&[put("b", b"2"), put("a", b"1")]).unwrap();
    store
        .commit(&[remove("b"), remove("absent"), put("c", b"")])
        .unwrap();
    drop(store);

    let store = RedbStore::open(&env, dir.path()).unwrap();
    let expected = vec![
        ("a".to_owned(), b"1".to_vec()),
        ("c".to_owned(), Vec::new()),
    ];
    assert_eq!(store.scan(MetaTable::Streams).unwrap(), expected);
    assert_eq!(store.value(MetaTable::Streams, "b").unwrap(), None);
    assert_eq!(store.scan(MetaTable::Retired).unwrap(), []);
}

#[test]
fn leftover_of_a_first_start_is_replaced() {
    let (env, dir) = (Env::real(), tempfile::tempdir().unwrap());
    let temporary = dir.path().join("catalogue.redb.tmp");
    let file = env.fs.open(&temporary, OpenMode::CreateNew).unwrap();
    file.write_all_at(b"half a database", 0).unwrap();
    let store = RedbStore::open(&env, dir.path()).unwrap();
    assert_eq!(store.scan(MetaTable::Streams).unwrap(), []);
    assert!(env.fs.metadata(&temporary).unwrap().is_none());
}

fn with_version(version: &[u8]) -> MetaError {
    let (env, dir) = (Env::real(), tempfile::tempdir().unwrap());
    let store = RedbStore::open(&env, dir.path()).unwrap();
    let change = MetaChange::Put {
        table: MetaTable::Store,
        key: FORMAT_VERSION_KEY.to_owned(),
        value: version.to_vec(),
    };
    store.commit(&[change]).unwrap();
    drop(store);
    RedbStore::open(&env, dir.path()).unwrap_err()
}

#[test]
fn newer_format_is_unsupported_and_not_corrupt() {
    let error = with_version(b"2");
    assert!(
        matches!(
            error,
            MetaError::Unsupported {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{error:?}"
    );
    for version in [&b"0"[..], b"x", b"", b"\xff"] {
        let error = with_version(version);
        assert!(matches!(error, MetaError::Corrupt { .. }), "{error:?}");
    }
}

#[test]
fn a_file_that_is_no_store_is_refused_and_kept() {
    for bytes in [&b""[..], b"not a database", &[0; 8192]] {
        let (env, dir) = (Env::real(), tempfile::tempdir().unwrap());
        let path = dir.path().join(CATALOGUE_FILE);
        let file = env.fs.open(&path, OpenMode::CreateNew).unwrap();
        file.write_all_at(bytes, 0).unwrap();
        assert!(RedbStore::open(&env, dir.path()).is_err());
        assert_eq!(file.len().unwrap(), u64::try_from(bytes.len()).unwrap());
    }
}

#[test]
fn damaged_pages_are_reported_with_the_path_and_never_panic() {
    let (env, dir) = (Env::real(), tempfile::tempdir().unwrap());
    let store = RedbStore::open(&env, dir.path()).unwrap();
    let path = store.path().to_owned();
    store.commit(&[put("a", &[b'x'; 5000])]).unwrap();
    drop(store);
    let file = env.fs.open(&path, OpenMode::ReadWrite).unwrap();
    // Behind the header, every page that holds anything.
    let mut whole = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_at(&mut whole, 0).unwrap();
    for byte in &mut whole[4096..] {
        *byte = 0;
    }
    file.write_all_at(&whole, 0).unwrap();
    let error = RedbStore::open(&env, dir.path()).unwrap_err();
    assert!(matches!(error, MetaError::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().contains(CATALOGUE_FILE), "{error}");
}

fn sim_at(seed: u64) -> Sim {
    let sim = Sim::new(seed);
    let env = sim.env();
    env.fs.create_dir(Path::new("/data")).unwrap();
    env.fs.sync_dir(Path::new("/")).unwrap();
    sim
}

/// Opens the store in everything that a power cut may have left of `sim`, and checks that it has the key.
fn has_after_power_cuts(sim: &Sim, key: &str) {
    for strictness in Strictness::ALL {
        for mut choices in [Choices::drop_all(), Choices::random(1)] {
            let world = sim.power_loss(sim.op_count(), &mut choices, strictness);
            let store = RedbStore::open(&world.env(), Path::new("/data")).unwrap();
            let value = store.value(MetaTable::Streams, key).unwrap();
            assert_eq!(value.as_deref(), Some(&b"1"[..]), "{strictness:?}");
        }
    }
}

/// The catalogue was found and believed, and gone after a power cut, with all that had been committed to
/// it, as nothing had made its name durable.
#[test]
fn a_store_whose_name_could_not_be_synced_is_made_anew() {
    let sim = sim_at(1);
    sim.fail(Fault::once(OpKind::SyncDir, 1, FaultError::Raw(EIO)));
    RedbStore::open(&sim.env(), Path::new("/data")).unwrap_err();
    let store = RedbStore::open(&sim.env(), Path::new("/data")).unwrap();
    store.commit(&[put("a", b"1")]).unwrap();
    has_after_power_cuts(&sim, "a");

    // Whoever made it was killed before it could sync the name.
    let sim = sim_at(2);
    let names = Arc::new(AtomicBool::new(false));
    let killed = {
        let names = Arc::clone(&names);
        hooked(
            &sim.env(),
            Arc::new(move |kind, _| {
                names.fetch_or(kind == OpKind::Rename, Ordering::SeqCst);
                if names.load(Ordering::SeqCst) && kind != OpKind::Rename {
                    return Err(std::io::Error::other("killed"));
                }
                Ok(())
            }),
        )
    };
    RedbStore::open(&killed, Path::new("/data")).unwrap_err();
    let store = RedbStore::open(&sim.env(), Path::new("/data")).unwrap();
    store.commit(&[put("a", b"1")]).unwrap();
    has_after_power_cuts(&sim, "a");
}

/// The next process believed what the system showed, committed on top of it, and a power cut left a
/// catalogue that could not be opened.
#[test]
fn what_a_failed_sync_left_in_memory_is_written_again() {
    for nth in 1.. {
        let sim = sim_at(nth);
        let store = RedbStore::open(&sim.env(), Path::new("/data")).unwrap();
        store.commit(&[put("a", b"1")]).unwrap();
        let before = sim.calls(OpKind::SyncData);
        sim.fail(Fault::once(OpKind::SyncData, nth, FaultError::Raw(EIO)));
        let big = vec![b'x'; 700 << 10];
        let all = ["b", "c", "d"].map(|key| store.commit(&[put(key, &big)]));
        drop(store);
        let is_over = sim.calls(OpKind::SyncData) < before + nth;
        assert!(nth > 1 || all.iter().any(Result::is_err), "{all:?}");

        let sim = sim.process_crash();
        let store = RedbStore::open(&sim.env(), Path::new("/data")).unwrap();
        store.commit(&[put("e", b"1")]).unwrap();
        has_after_power_cuts(&sim, "e");
        if is_over {
            break;
        }
    }
}

/// Commits after the panic were acknowledged, and lost.
#[test]
fn a_panic_in_a_commit_ends_changes_until_the_next_opening() {
    for kind in [OpKind::Write, OpKind::SyncData] {
        let sim = sim_at(3);
        let fuse = Arc::new(AtomicBool::new(false));
        let env = {
            let fuse = Arc::clone(&fuse);
            let pass = move |it, _: &Path| {
                assert!(it != kind || !fuse.swap(false, Ordering::SeqCst), "ordered");
                Ok(())
            };
            hooked(&sim.env(), Arc::new(pass))
        };
        let store = RedbStore::open(&env, Path::new("/data")).unwrap();
        store.commit(&[put("a", b"1")]).unwrap();
        fuse.store(true, Ordering::SeqCst);
        let error = store.commit(&[put("b", b"1")]).unwrap_err();
        assert!(matches!(error, MetaError::Ambiguous { .. }), "{error:?}");
        let error = store.commit(&[put("c", b"1")]).unwrap_err();
        assert!(matches!(error, MetaError::Unavailable { .. }), "{error:?}");
        drop(store);
        let store = RedbStore::open(&sim.process_crash().env(), Path::new("/data")).unwrap();
        assert_eq!(store.value(MetaTable::Streams, "c").unwrap(), None);
        has_after_power_cuts(&sim, "a");
    }
}
