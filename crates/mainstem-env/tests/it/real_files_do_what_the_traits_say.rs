//! The operating system's files, clock and randomness.

use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use mainstem_env::{Env, LockAttempt, OpenMode, ReadMode, replace_file};
use tempfile::tempdir;

#[test]
fn a_lock_is_held_once_and_tells_its_holder() {
    let dir = tempdir().unwrap();
    let (fs, path) = (Env::real().fs, dir.path().join("LOCK"));
    let LockAttempt::Acquired(held) = fs.try_lock(&path, "a longer name").unwrap() else {
        panic!("nobody else has it");
    };
    let LockAttempt::HeldBy(holder) = fs.try_lock(&path, "second").unwrap() else {
        panic!("the first still holds it");
    };
    assert_eq!(holder, "a longer name");
    drop(held);
    let LockAttempt::Acquired(_held) = fs.try_lock(&path, "third").unwrap() else {
        panic!("the first is gone");
    };
    assert_eq!(std::fs::read(&path).unwrap(), b"third");
}

#[test]
fn allocating_sets_the_length_and_never_shrinks() {
    let dir = tempdir().unwrap();
    let fs = Env::real().fs;
    let file = fs.open(&dir.path().join("f"), OpenMode::CreateNew).unwrap();
    file.write_all_at(b"kept", 0).unwrap();
    file.allocate(65_536).unwrap();
    file.allocate(10).unwrap();
    assert_eq!(file.len().unwrap(), 65_536);
    let mut bytes = [1; 8];
    assert_eq!(file.read_at(&mut bytes, 0).unwrap(), 8);
    assert_eq!(&bytes, b"kept\0\0\0\0");
}

#[test]
fn allocating_more_than_there_is_says_so() {
    let dir = tempdir().unwrap();
    let fs = Env::real().fs;
    let file = fs.open(&dir.path().join("f"), OpenMode::CreateNew).unwrap();
    // Past the greatest length of a file, or of the volume, depending on the file system: refused at
    // once. With less, ext4 hands out all there is before it says no, and whatever else is at work on
    // the volume finds it full meanwhile.
    let error = file.allocate(1 << 62).unwrap_err();
    assert!(
        matches!(
            error.kind(),
            ErrorKind::StorageFull | ErrorKind::FileTooLarge
        ),
        "{error:?}"
    );
}

#[test]
fn a_map_shows_what_is_written_after_it_was_made_once_published() {
    let dir = tempdir().unwrap();
    let fs = Env::real().fs;
    let path = dir.path().join("f");
    let file = fs.open(&path, OpenMode::CreateNew).unwrap();
    file.allocate(4096).unwrap();
    for mode in [ReadMode::Mapped, ReadMode::Buffered] {
        let region = file.region(1 << 20, mode).unwrap();
        assert_eq!(region.copies(), mode == ReadMode::Buffered);
        assert_eq!(region.end(), 0);
        assert_eq!(
            region.view(0..1).unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
        file.allocate(16_384).unwrap();
        file.write_all_at(format!("{mode:?} after").as_bytes(), 8000)
            .unwrap();
        region.publish(9000);
        region.publish(100);
        assert_eq!(region.end(), 9000);
        let view = region.view(8000..8020).unwrap();
        assert!(view.starts_with(format!("{mode:?} after").as_bytes()));
        let part = view.slice(2..6).unwrap();
        assert_eq!(&*part, &view[2..6]);
        assert_eq!(view.part(2..6), Some(&view[2..6]));
        assert_eq!(part.part(1..4), Some(&view[3..6]));
        assert!(part.part(0..5).is_none() && part.part(Range { start: 3, end: 2 }).is_none());
        assert!(part.part(usize::MAX..usize::MAX).is_none());
        assert!(part.slice(0..5).is_none() && view.slice(Range { start: 3, end: 2 }).is_none());
        region
            .populate(0..9000, Env::real().clock.elapsed())
            .unwrap();
        region
            .populate(5000..5001, Env::real().clock.elapsed())
            .unwrap();
        region
            .populate(9000..20_000, Env::real().clock.elapsed())
            .unwrap();
    }
}

use std::ops::Range;

#[test]
fn a_view_outlives_its_name_its_file_and_its_region() {
    let dir = tempdir().unwrap();
    let fs = Env::real().fs;
    let path = dir.path().join("f");
    let file = fs.open(&path, OpenMode::CreateNew).unwrap();
    file.write_all_at(&[7; 10_000], 0).unwrap();
    let region = file.region(10_000, ReadMode::Mapped).unwrap();
    region.publish(10_000);
    let view = region.view(0..10_000).unwrap();
    drop((file, region));
    fs.unlink(&path).unwrap();
    assert_eq!(*view, [7; 10_000]);
}

#[test]
fn a_published_end_past_the_file_is_an_error_where_bytes_are_copied() {
    let dir = tempdir().unwrap();
    let fs = Env::real().fs;
    let file = fs.open(&dir.path().join("f"), OpenMode::CreateNew).unwrap();
    let region = file.region(100, ReadMode::Buffered).unwrap();
    region.publish(1000);
    assert_eq!(region.end(), 100);
    assert_eq!(
        region.view(0..1).unwrap_err().kind(),
        ErrorKind::UnexpectedEof
    );
}

#[test]
fn symbolic_links_are_not_followed() {
    let dir = tempdir().unwrap();
    let fs = Env::real().fs;
    let (target, link) = (dir.path().join("target"), dir.path().join("link"));
    fs.open(&target, OpenMode::CreateNew).unwrap();
    symlink(&target, &link).unwrap();
    for mode in [
        OpenMode::Read,
        OpenMode::ReadWrite,
        OpenMode::ReadWriteOrCreate,
    ] {
        assert!(fs.open(&link, mode).is_err());
    }
    assert!(fs.try_lock(&link, "me").is_err());
    assert!(!fs.metadata(&link).unwrap().unwrap().is_dir);
}

#[test]
fn files_and_directories_are_for_their_owner_alone() {
    let dir = tempdir().unwrap();
    let fs = Env::real().fs;
    let sub = dir.path().join("sub");
    fs.create_dir(&sub).unwrap();
    replace_file(&*fs, &sub, "note", b"first").unwrap();
    std::fs::write(sub.join("note.tmp"), b"left over").unwrap();
    replace_file(&*fs, &sub, "note", b"second").unwrap();
    assert_eq!(std::fs::read(sub.join("note")).unwrap(), b"second");
    assert_eq!(fs.list(&sub).unwrap().len(), 1);
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(sub.clone()), mode(sub.join("note"))), (0o700, 0o600));
}

#[test]
fn time_goes_on_and_random_numbers_differ() {
    let env = Env::real();
    let (now, elapsed) = (env.clock.now(), Env::real().clock.elapsed());
    env.clock.sleep(Duration::from_millis(2));
    assert!(Env::real().clock.elapsed().since(elapsed) >= Duration::from_millis(2));
    assert!(now.0 > 1_600_000_000_000);
    assert_ne!(
        env.random.next_u64().unwrap(),
        env.random.next_u64().unwrap()
    );
}

#[test]
fn reading_in_passing_reads_the_same_and_zeros_by_the_device_are_zeros() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let file = Env::real().fs.open(&path, OpenMode::CreateNew).unwrap();
    file.write_all_at(&[7; 3 * 4096], 0).unwrap();
    for (len, position) in [(4096, 0), (5000, 100), (9000, 8000), (10, 12_288)] {
        let (mut plain, mut passing) = (vec![0; len], vec![0; len]);
        let read = file.read_at(&mut plain, position).unwrap();
        assert_eq!(file.read_in_passing(&mut passing, position).unwrap(), read);
        assert_eq!(plain, passing);
    }
    file.allocate(1 << 20).unwrap();
    match file.zero_by_device(8192..1 << 20) {
        Ok(()) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::Unsupported),
    }
    let mut bytes = vec![1; 4096];
    file.read_at(&mut bytes, 4096).unwrap();
    assert!(
        bytes.iter().all(|byte| *byte == 7),
        "what lies before is left alone"
    );
    file.read_at(&mut bytes, 65_536).unwrap();
    assert!(bytes.iter().all(|byte| *byte == 0));
}
