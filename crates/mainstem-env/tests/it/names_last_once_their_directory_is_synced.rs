//! What power loss does to names.

use std::collections::BTreeSet;
use std::path::Path;

use mainstem_env::sim::{Choices, Sim, Strictness};
use mainstem_env::{OpenMode, replace_file};

/// Returns the sets of paths in all states after `at_op` operations.
fn all_names(sim: &Sim, at_op: u64, strictness: Strictness) -> BTreeSet<Vec<String>> {
    let mut choices = Choices::exhaustive();
    let mut found = BTreeSet::new();
    loop {
        let after = sim.power_loss(at_op, &mut choices, strictness);
        let paths = after.files().into_iter();
        found.insert(
            paths
                .map(|path| path.to_str().unwrap().to_owned())
                .collect(),
        );
        if !choices.advance() {
            return found;
        }
    }
}

fn create(sim: &Sim, path: &str) -> std::sync::Arc<dyn mainstem_env::File> {
    sim.env()
        .fs
        .open(Path::new(path), OpenMode::CreateNew)
        .unwrap()
}

fn sets<const N: usize>(of: [&[&str]; N]) -> BTreeSet<Vec<String>> {
    of.map(|names| names.iter().map(|&name| name.to_owned()).collect())
        .into()
}

#[test]
fn the_sync_of_a_file_keeps_its_name_on_ext4_but_not_on_a_strict_disk() {
    let sim = Sim::new(1);
    create(&sim, "/a");
    create(&sim, "/b").sync_data().unwrap();
    create(&sim, "/c");
    let now = sim.op_count();
    assert_eq!(all_names(&sim, now, Strictness::StrictPosix).len(), 8);
    let ordered = sets([&["/a", "/b"], &["/a", "/b", "/c"]]);
    assert_eq!(all_names(&sim, now, Strictness::Ext4Like), ordered);
    assert_eq!(all_names(&sim, now, Strictness::PrefixOnly), ordered);
    sim.env().fs.sync_dir(Path::new("/")).unwrap();
    for strictness in Strictness::ALL {
        let synced = all_names(&sim, sim.op_count(), strictness);
        assert_eq!(synced, sets([&["/a", "/b", "/c"]]));
    }
}

#[test]
fn without_a_sync_the_names_on_ext4_are_kept_in_order() {
    let sim = Sim::new(1);
    create(&sim, "/a");
    create(&sim, "/b");
    assert_eq!(
        all_names(&sim, sim.op_count(), Strictness::Ext4Like),
        sets([&[], &["/a"], &["/a", "/b"]])
    );
    assert!(
        all_names(&sim, sim.op_count(), Strictness::StrictPosix).contains(&vec!["/b".to_owned()])
    );
}

#[test]
fn a_file_goes_with_its_directory() {
    let sim = Sim::new(1);
    let fs = sim.env().fs;
    fs.create_dir(Path::new("/d")).unwrap();
    create(&sim, "/d/f").sync_all().unwrap();
    fs.sync_dir(Path::new("/d")).unwrap();
    let now = sim.op_count();
    let dropped = sim.power_loss(now, &mut Choices::drop_all(), Strictness::StrictPosix);
    assert_eq!(dropped.env().fs.list(Path::new("/")).unwrap(), []);
    fs.sync_dir(Path::new("/")).unwrap();
    let now = sim.op_count();
    let dropped = sim.power_loss(now, &mut Choices::drop_all(), Strictness::StrictPosix);
    assert!(dropped.read_file("/d/f").is_ok());
}

#[test]
fn a_removed_file_may_come_back_with_what_it_held() {
    let sim = Sim::new(1);
    let fs = sim.env().fs;
    let file = create(&sim, "/f");
    file.write_all_at(b"held", 0).unwrap();
    file.sync_all().unwrap();
    drop(file);
    fs.sync_dir(Path::new("/")).unwrap();
    fs.unlink(Path::new("/f")).unwrap();
    let lose =
        |choices: &mut Choices| sim.power_loss(sim.op_count(), choices, Strictness::StrictPosix);
    assert_eq!(
        lose(&mut Choices::drop_all()).read_file("/f").unwrap(),
        b"held"
    );
    assert!(lose(&mut Choices::keep_all()).read_file("/f").is_err());
    fs.sync_dir(Path::new("/")).unwrap();
    assert!(lose(&mut Choices::drop_all()).read_file("/f").is_err());
}

#[test]
fn renaming_is_all_or_nothing_and_no_file_has_two_names() {
    let sim = Sim::new(1);
    let fs = sim.env().fs;
    create(&sim, "/a").sync_all().unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    fs.rename(Path::new("/a"), Path::new("/b")).unwrap();
    fs.rename(Path::new("/b"), Path::new("/c")).unwrap();
    assert_eq!(
        all_names(&sim, sim.op_count(), Strictness::StrictPosix),
        sets([&["/a"], &["/b"], &["/c"]])
    );
}

#[test]
fn renaming_between_directories_needs_both_synced_on_a_strict_disk() {
    let sim = Sim::new(1);
    let fs = sim.env().fs;
    fs.create_dir(Path::new("/d")).unwrap();
    create(&sim, "/f").sync_all().unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    fs.rename(Path::new("/f"), Path::new("/d/f")).unwrap();
    fs.sync_dir(Path::new("/d")).unwrap();
    let either = sets([&["/f"], &["/d/f"]]);
    assert_eq!(
        all_names(&sim, sim.op_count(), Strictness::StrictPosix),
        either
    );
    let moved = sets([&["/d/f"]]);
    assert_eq!(all_names(&sim, sim.op_count(), Strictness::Ext4Like), moved);
    fs.sync_dir(Path::new("/")).unwrap();
    assert_eq!(
        all_names(&sim, sim.op_count(), Strictness::StrictPosix),
        moved
    );
}

#[test]
fn replacing_a_file_shows_the_old_or_the_new_contents_in_all_states() {
    let sim = Sim::new(1);
    let (fs, root) = (sim.env().fs, Path::new("/"));
    let (old, new) = (vec![b'o'; 700], vec![b'n'; 1300]);
    replace_file(&*fs, root, "NOTE", &old).unwrap();
    let from = sim.op_count();
    replace_file(&*fs, root, "NOTE", &new).unwrap();
    let to = sim.op_count();
    for strictness in Strictness::ALL {
        for at_op in from..=to {
            let mut found = BTreeSet::new();
            let mut choices = Choices::exhaustive();
            loop {
                let after = sim.power_loss(at_op, &mut choices, strictness);
                found.insert(after.read_file("/NOTE").unwrap());
                // What is left over does not stand in the way.
                replace_file(&*after.env().fs, root, "NOTE", b"again").unwrap();
                assert_eq!(after.read_file("/NOTE").unwrap(), b"again");
                assert_eq!(after.files().len(), 1);
                if !choices.advance() {
                    break;
                }
            }
            assert!(
                found.iter().all(|bytes| *bytes == old || *bytes == new),
                "{at_op}"
            );
            assert!(at_op < to || found == BTreeSet::from([new.clone()]));
        }
    }
}

#[test]
fn a_failed_directory_sync_leaves_the_names_undecided_for_good() {
    use mainstem_env::sim::{Fault, OpKind};
    let sim = Sim::new(1);
    let fs = sim.env().fs;
    create(&sim, "/a").sync_all().unwrap();
    sim.fail(Fault::once(OpKind::SyncDir, 1, std::io::ErrorKind::Other));
    assert!(fs.sync_dir(Path::new("/")).is_err());
    fs.sync_dir(Path::new("/")).unwrap();
    let both = sets([&[], &["/a"]]);
    assert_eq!(
        all_names(&sim, sim.op_count(), Strictness::StrictPosix),
        both
    );
    // Removing it for good settles the matter.
    fs.unlink(Path::new("/a")).unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    assert_eq!(
        all_names(&sim, sim.op_count(), Strictness::StrictPosix),
        sets([&[]])
    );
}
