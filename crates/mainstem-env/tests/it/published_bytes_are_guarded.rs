//! The simulated world panics at the call that breaks a rule of published bytes.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use mainstem_env::sim::{Fault, OpKind, Sim};
use mainstem_env::{File, OpenMode, ReadMode, Region};

fn with_published(name: &str) -> (Sim, Arc<dyn File>, Region) {
    let sim = Sim::new(1);
    let file = sim
        .env()
        .fs
        .open(Path::new(name), OpenMode::CreateNew)
        .unwrap();
    file.write_all_at(&[1; 1000], 0).unwrap();
    file.sync_data().unwrap();
    let region = file.region(1 << 20, ReadMode::Mapped).unwrap();
    region.publish(600);
    (sim, file, region)
}

fn breaks(sim: &Sim, call: impl FnOnce()) -> bool {
    let panicked = catch_unwind(AssertUnwindSafe(call)).is_err();
    assert_eq!(panicked, sim.violation().is_some());
    panicked
}

#[test]
fn writing_and_cutting_at_the_published_end_is_fine() {
    let (sim, file, region) = with_published("/0.seg");
    assert!(!breaks(&sim, || {
        file.write_all_at(&[2; 100], 600).unwrap();
        file.allocate(8192).unwrap();
        file.truncate(600).unwrap();
    }));
    assert_eq!(&*region.view(0..600).unwrap(), [1; 600]);
    assert!(region.view(0..601).is_err());
}

#[test]
fn writing_below_it_panics() {
    let (sim, file, _region) = with_published("/0.seg");
    assert!(breaks(&sim, || file.write_all_at(&[2], 599).unwrap()));
    assert!(sim.violation().unwrap().contains("/0.seg"));
    assert_eq!(sim.read_file("/0.seg").unwrap()[599], 1);
}

/// A recovery does so with what it found.
#[test]
fn writing_the_same_below_it_is_fine() {
    let (sim, file, _region) = with_published("/0.seg");
    assert!(!breaks(&sim, || file.write_all_at(&[1; 100], 500).unwrap()));
    // The last byte is another.
    let mut bytes = [1; 100];
    bytes[99] = 2;
    assert!(breaks(&sim, || file.write_all_at(&bytes, 500).unwrap()));
}

#[test]
fn cutting_below_it_panics_as_long_as_a_region_or_a_view_lives() {
    let (sim, file, region) = with_published("/0.seg");
    let view = region.view(0..10).unwrap();
    drop(region);
    assert!(breaks(&sim, || file.truncate(599).unwrap()));
    let (sim, file, region) = with_published("/0.seg");
    drop((view, region));
    assert!(!breaks(&sim, || file.truncate(599).unwrap()));
}

#[test]
fn publishing_what_is_not_durable_panics_for_segments() {
    let (sim, file, region) = with_published("/0.seg");
    file.write_all_at(&[2; 100], 1000).unwrap();
    assert!(!breaks(&sim, || region.publish(1000)));
    assert!(breaks(&sim, || region.publish(1001)));
    assert_eq!(region.end(), 1000);

    let (sim, file, region) = with_published("/0.idx");
    file.write_all_at(&[2; 100], 1000).unwrap();
    assert!(!breaks(&sim, || region.publish(1100)));
    sim.set_published_check(|_| true);
    file.write_all_at(&[2; 100], 1100).unwrap();
    assert!(breaks(&sim, || region.publish(1200)));
}

/// A cut whose sync failed may or may not have zeroed what lay behind it, and no more than that: sectors
/// that were written and synced since are durable.
#[test]
fn a_failed_sync_leaves_only_those_sectors_in_doubt_that_it_was_to_write() {
    let (sim, file, region) = with_published("/0.seg");
    drop(region);
    file.write_all_at(&[2; 3096], 1000).unwrap();
    file.sync_all().unwrap();
    file.truncate(1000).unwrap();
    sim.fail(Fault::once(OpKind::SyncAll, 1, io::ErrorKind::Other));
    file.sync_all().unwrap_err();
    file.allocate(4096).unwrap();
    file.write_all_at(&[3; 536], 1000).unwrap();
    file.sync_all().unwrap();
    let region = file.region(1 << 20, ReadMode::Mapped).unwrap();
    assert!(!breaks(&sim, || region.publish(1536)));
    assert!(breaks(&sim, || region.publish(4096)));
}

#[test]
fn later_writes_in_the_same_block_do_not_make_it_less_durable() {
    let (sim, file, region) = with_published("/0.seg");
    file.write_all_at(&[2; 3], 1000).unwrap();
    file.write_all_at(&[3; 3], 1003).unwrap();
    assert!(!breaks(&sim, || region.publish(1000)));
}

#[test]
fn space_beyond_a_length_that_is_not_durable_is_not_published() {
    let (sim, file, region) = with_published("/0.seg");
    file.allocate(8192).unwrap();
    assert!(breaks(&sim, || region.publish(4096)));
    let (sim, file, region) = with_published("/0.seg");
    file.allocate(8192).unwrap();
    file.sync_data().unwrap();
    assert!(!breaks(&sim, || region.publish(4096)));
}
