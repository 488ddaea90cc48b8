//! What power loss does to contents and lengths.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use mainstem_env::sim::{Choices, Sim, Strictness};
use mainstem_env::{File, OpenMode};

/// Returns a world with the empty file `/f`, its name durable.
fn with_file() -> (Sim, Arc<dyn File>) {
    let sim = Sim::new(1);
    let fs = sim.env().fs;
    let file = fs.open(Path::new("/f"), OpenMode::CreateNew).unwrap();
    file.sync_all().unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    (sim, file)
}

/// Returns the contents of `/f` in all states after `at_op` operations.
fn all_contents(sim: &Sim, at_op: u64, strictness: Strictness) -> BTreeSet<Vec<u8>> {
    let mut choices = Choices::exhaustive();
    let mut found = BTreeSet::new();
    loop {
        let after = sim.power_loss(at_op, &mut choices, strictness);
        found.insert(after.read_file("/f").unwrap());
        if !choices.advance() {
            return found;
        }
    }
}

fn blocks(text: &[u8]) -> Vec<u8> {
    text.iter().flat_map(|&byte| [byte; 512]).collect()
}

#[test]
fn synced_bytes_and_lengths_survive_whatever_happens() {
    let (sim, file) = with_file();
    file.write_all_at(&blocks(b"ab"), 0).unwrap();
    file.sync_data().unwrap();
    for strictness in Strictness::ALL {
        let found = all_contents(&sim, sim.op_count(), strictness);
        assert_eq!(found, BTreeSet::from([blocks(b"ab")]));
    }
}

#[test]
fn each_unsynced_block_is_new_old_or_torn() {
    let (sim, file) = with_file();
    file.write_all_at(&blocks(b"ab"), 0).unwrap();
    file.sync_data().unwrap();
    file.write_all_at(&blocks(b"cd"), 0).unwrap();
    let found = all_contents(&sim, sim.op_count(), Strictness::StrictPosix);
    for whole in [b"ab", b"ad", b"cb", b"cd"] {
        assert!(found.contains(&blocks(whole)));
    }
    let torn = found.iter().filter(|bytes| bytes[0] != bytes[511]);
    assert!(torn.count() > 0);
    let foreign = |bytes: &Vec<u8>| {
        bytes[..512].iter().any(|byte| !b"ac".contains(byte))
            || bytes[512..].iter().any(|byte| !b"bd".contains(byte))
    };
    assert!(!found.iter().any(foreign));
}

#[test]
fn a_write_shorter_than_a_block_brings_the_rest_of_the_block_with_it() {
    let (sim, file) = with_file();
    file.write_all_at(b"first", 0).unwrap();
    file.sync_data().unwrap();
    file.write_all_at(b"second", 5).unwrap();
    file.write_all_at(b"third", 11).unwrap();
    let found = all_contents(&sim, sim.op_count(), Strictness::StrictPosix);
    assert!(found.contains(b"first".as_slice()));
    assert!(found.contains(b"firstsecond".as_slice()));
    assert!(found.contains(b"firstsecondthird".as_slice()));
    assert!(
        !found
            .iter()
            .any(|bytes| bytes.starts_with(b"first\0\0\0\0\0\0third"))
    );
    assert!(found.iter().all(|bytes| bytes.starts_with(b"first")));
}

#[test]
fn the_extremes_keep_or_drop_everything_that_was_done() {
    let (sim, file) = with_file();
    let before = sim.op_count();
    file.write_all_at(&blocks(b"a"), 0).unwrap();
    file.write_all_at(&blocks(b"b"), 512).unwrap();
    for strictness in Strictness::ALL {
        let read = |at_op, mut choices| {
            let after = sim.power_loss(at_op, &mut choices, strictness);
            after.read_file("/f").unwrap()
        };
        assert_eq!(read(before + 2, Choices::keep_all()), blocks(b"ab"));
        assert_eq!(read(before + 1, Choices::keep_all()), blocks(b"a"));
        assert_eq!(read(before, Choices::keep_all()), b"");
        assert_eq!(read(before + 2, Choices::drop_all()), b"");
    }
}

#[test]
fn the_write_under_way_may_have_got_anywhere() {
    let (sim, file) = with_file();
    let before = sim.op_count();
    file.write_all_at(&blocks(b"ab"), 0).unwrap();
    for strictness in [Strictness::StrictPosix, Strictness::PrefixOnly] {
        let found = all_contents(&sim, before, strictness);
        assert!(found.contains(b"".as_slice()));
        assert!(found.contains(&blocks(b"ab")));
        assert!(found.iter().any(|bytes| bytes.starts_with(&blocks(b"a"))
            && !bytes.starts_with(&blocks(b"ab"))));
    }
}

#[test]
fn space_that_was_never_written_shows_zeros_or_on_a_strict_disk_garbage() {
    let (sim, file) = with_file();
    file.allocate(8192).unwrap();
    let is_clean = |bytes: &Vec<u8>| bytes.iter().all(|&byte| byte == 0);
    let strict = all_contents(&sim, sim.op_count(), Strictness::StrictPosix);
    assert!(strict.contains(&vec![0; 8192]));
    assert!(strict.contains(b"".as_slice()));
    assert!(!strict.iter().all(is_clean));
    let ext4 = all_contents(&sim, sim.op_count(), Strictness::Ext4Like);
    assert_eq!(ext4, BTreeSet::from([Vec::new(), vec![0; 8192]]));
    file.sync_data().unwrap();
    let synced = all_contents(&sim, sim.op_count(), Strictness::StrictPosix);
    assert_eq!(synced, BTreeSet::from([vec![0; 8192]]));
}

#[test]
fn on_an_ext4_like_disk_a_length_does_not_run_ahead_of_its_data() {
    let (sim, file) = with_file();
    file.write_all_at(&blocks(b"ab"), 0).unwrap();
    let ext4 = all_contents(&sim, sim.op_count(), Strictness::Ext4Like);
    assert_eq!(ext4, BTreeSet::from([Vec::new(), blocks(b"ab")]));
    let strict = all_contents(&sim, sim.op_count(), Strictness::StrictPosix);
    assert!(strict.contains(&blocks(b"\0b")));
}

#[test]
fn a_truncation_that_was_not_synced_may_be_undone() {
    let (sim, file) = with_file();
    file.write_all_at(&blocks(b"ab"), 0).unwrap();
    file.sync_data().unwrap();
    file.truncate(512).unwrap();
    let found = all_contents(&sim, sim.op_count(), Strictness::StrictPosix);
    assert!(found.contains(&blocks(b"a")));
    assert!(found.contains(&blocks(b"ab")));
    assert!(found.iter().all(|bytes| bytes.starts_with(&blocks(b"a"))));
    file.sync_data().unwrap();
    let found = all_contents(&sim, sim.op_count(), Strictness::StrictPosix);
    assert_eq!(found, BTreeSet::from([blocks(b"a")]));
}

#[test]
fn a_prefix_only_disk_loses_a_suffix_of_the_operations() {
    let (sim, file) = with_file();
    let other = sim
        .env()
        .fs
        .open(Path::new("/g"), OpenMode::CreateNew)
        .unwrap();
    for block in 0..4 {
        file.write_all_at(&blocks(b"x"), block * 512).unwrap();
        other.write_all_at(&blocks(b"y"), block * 512).unwrap();
    }
    let mut seen = BTreeSet::new();
    for seed in 0..300 {
        let mut choices = Choices::random(seed);
        let after = sim.power_loss(sim.op_count(), &mut choices, Strictness::PrefixOnly);
        let f = after.read_file("/f").unwrap();
        let g = after.read_file("/g").unwrap_or_default();
        assert!(f.iter().all(|&byte| byte == b'x') && g.iter().all(|&byte| byte == b'y'));
        assert!(
            f.len() == g.len() || f.len() == g.len() + 512,
            "{} {}",
            f.len(),
            g.len()
        );
        seen.insert(f.len() + g.len());
    }
    assert_eq!(seen.len(), 9, "all prefixes appear");
}

#[test]
fn each_level_shows_no_more_than_the_one_before_it() {
    let (sim, file) = with_file();
    file.write_all_at(&blocks(b"a"), 0).unwrap();
    file.truncate(100).unwrap();
    for at_op in 0..=sim.op_count() {
        if at_op < 3 {
            continue; // the name is not durable yet
        }
        let [strict, ext4] = [Strictness::StrictPosix, Strictness::Ext4Like]
            .map(|strictness| all_contents(&sim, at_op, strictness));
        assert!(ext4.is_subset(&strict), "{at_op}");
    }
}

#[test]
fn power_can_be_lost_again_on_the_way_back() {
    let (sim, file) = with_file();
    file.write_all_at(&blocks(b"abcd"), 0).unwrap();
    let mut depths = [0; 3];
    let mut world = sim;
    for (depth, lengths) in depths.iter_mut().enumerate() {
        let seed = 40 + depth as u64;
        world = world.power_loss(
            world.op_count(),
            &mut Choices::random(seed),
            Strictness::StrictPosix,
        );
        assert_eq!(world.op_count(), 0);
        let file = world
            .env()
            .fs
            .open(Path::new("/f"), OpenMode::ReadWrite)
            .unwrap();
        *lengths = file.len().unwrap();
        file.truncate(0).unwrap();
        file.write_all_at(&blocks(b"efgh"), 0).unwrap();
        file.sync_data().unwrap();
    }
    assert_eq!(depths[1..], [2048, 2048]);
}

#[test]
fn states_are_cheap() {
    let sim = Sim::new(3);
    let fs = sim.env().fs;
    let files: Vec<_> = (0..4)
        .map(|n| {
            fs.open(Path::new(&format!("/{n}.seg")), OpenMode::CreateNew)
                .unwrap()
        })
        .collect();
    fs.sync_dir(Path::new("/")).unwrap();
    for round in 0..48 {
        let file = &files[round % files.len()];
        file.write_all_at(&vec![7; 5000], 5000 * (round / 4) as u64)
            .unwrap();
        file.write_all_at(&[8; 300], 65_236).unwrap();
        if round % 3 == 0 {
            file.sync_data().unwrap();
            fs.sync_dir(Path::new("/")).unwrap();
        }
    }
    let clock = mainstem_env::Env::real().clock;
    let started = clock.elapsed();
    let mut states = 0;
    for at_op in 0..=sim.op_count() {
        for (seed, strictness) in (0..21).zip(Strictness::ALL.into_iter().cycle()) {
            let after = sim.power_loss(at_op, &mut Choices::random(seed), strictness);
            assert!(after.files().len() <= 4);
            states += 1;
        }
    }
    let seconds = clock.elapsed().since(started).as_secs_f64();
    println!(
        "{} operations, {:.0} states/s",
        sim.op_count(),
        f64::from(states) / seconds
    );
}
