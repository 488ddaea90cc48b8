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
