//! The simulated disk can be full, and gets room again.

use std::io::ErrorKind;
use std::path::Path;

use mainstem_env::sim::Sim;
use mainstem_env::{LockAttempt, OpenMode, ReadMode};

#[test]
fn growing_past_the_capacity_fails_and_freeing_helps() {
    let sim = Sim::new(1);
    let fs = sim.env().fs;
    sim.set_capacity(40 * 1024);
    let a = fs.open(Path::new("/a"), OpenMode::CreateNew).unwrap();
    let b = fs.open(Path::new("/b"), OpenMode::CreateNew).unwrap();
    a.allocate(24 * 1024).unwrap();
    assert_eq!(fs.available_space(Path::new("/")).unwrap(), 16 * 1024);
    assert_eq!(
        b.allocate(20 * 1024).unwrap_err().kind(),
        ErrorKind::StorageFull
    );
    assert_eq!(b.len().unwrap(), 0);
    let error = b.write_all_at(&vec![1; 20 * 1024], 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert_eq!(b.len().unwrap(), 16 * 1024, "what fits is written");
    assert_eq!(sim.available_space(), 0);
    // Space that is taken can be written.
    a.write_all_at(&vec![2; 24 * 1024], 0).unwrap();

    let region = a.region(1024, ReadMode::Mapped).unwrap();
    drop(a);
    fs.unlink(Path::new("/a")).unwrap();
    assert_eq!(sim.available_space(), 0, "a region keeps it");
    drop(region);
    assert_eq!(sim.available_space(), 24 * 1024);
    b.truncate(1).unwrap();
    assert_eq!(sim.available_space(), 36 * 1024);
}

#[test]
fn a_full_disk_can_be_locked() {
    let sim = Sim::new(1);
    sim.set_capacity(0);
    let attempt = sim.env().fs.try_lock(Path::new("/LOCK"), "me").unwrap();
    assert!(matches!(attempt, LockAttempt::Acquired(_)));
}
