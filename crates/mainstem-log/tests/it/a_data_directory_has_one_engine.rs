//! Two engines over one directory would write into the same files.

use mainstem_env::Env;
use mainstem_log::{Engine, EngineOptions, LogError};

#[test]
fn whoever_opens_it_second_is_told_who_was_first() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("data");
    let open = || Engine::open(&Env::real(), &dir, EngineOptions::default());
    let first = open().unwrap();
    let refused = open().unwrap_err();
    let LogError::Locked { path, holder } = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(path, &dir);
    let this = std::process::id().to_string();
    assert!(holder.contains(&this), "{holder}");
    first.close().unwrap();
    open().unwrap();
}
