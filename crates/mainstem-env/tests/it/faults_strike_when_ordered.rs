//! Injected errors hit the call that they are meant for, and leave behind what they should.

use std::io::{self, ErrorKind};
use std::path::Path;

use mainstem_env::sim::{Fault, OpKind, Sim};
use mainstem_env::{Env, LockAttempt, OpenMode, ReadMode};

/// Makes each kind of call once, and returns the error of the first that fails.
fn call_everything(env: &Env) -> io::Result<()> {
    let (fs, dir) = (&env.fs, Path::new("/d"));
    fs.create_dir(dir)?;
    let file = fs.open(Path::new("/d/f"), OpenMode::CreateNew)?;
    file.allocate(100)?;
    file.write_all_at(b"text", 0)?;
    file.truncate(50)?;
    file.sync_data()?;
    file.sync_all()?;
    assert_eq!(file.len()?, 50);
    assert_eq!(file.read_at(&mut [0; 4], 0)?, 4);
    file.region(50, ReadMode::Mapped)?;
    match file.zero_by_device(0..4) {
        Err(error) if error.kind() == ErrorKind::Unsupported => {}
        other => other?,
    }
    drop(file);
    fs.open(Path::new("/d/f"), OpenMode::Read)?;
    fs.rename(Path::new("/d/f"), Path::new("/d/g"))?;
    assert!(fs.metadata(Path::new("/d/g"))?.is_some());
    assert_eq!(fs.list(dir)?.len(), 1);
    fs.sync_dir(dir)?;
    assert!(fs.available_space(dir)? > 0);
    fs.unlink(Path::new("/d/g"))?;
    fs.remove_dir(dir)?;
    assert!(matches!(
        fs.try_lock(Path::new("/LOCK"), "me")?,
        LockAttempt::Acquired(_)
    ));
    env.random.next_u64().map(|_| ())
}

#[test]
fn every_kind_of_call_is_counted_and_can_fail() {
    let sim = Sim::new(1);
    call_everything(&sim.env()).unwrap();
    for op in OpKind::ALL {
        assert_eq!(sim.calls(op), 1, "{op:?}");
        let sim = Sim::new(1);
        sim.fail(Fault::once(op, 1, ErrorKind::Other));
        assert_eq!(
            call_everything(&sim.env()).unwrap_err().kind(),
            ErrorKind::Other,
            "{op:?}"
        );
        let sim = Sim::new(1);
        sim.fail(Fault::once(op, 1, ErrorKind::Other).after_effect());
        assert_eq!(
            call_everything(&sim.env()).unwrap_err().kind(),
            ErrorKind::Other,
            "{op:?}"
        );
    }
}

#[test]
fn a_fault_counts_down_on_its_path_and_strikes_once_or_for_ever() {
    let sim = Sim::new(1);
    let fs = sim.env().fs;
    let a = fs.open(Path::new("/a"), OpenMode::CreateNew).unwrap();
    let b = fs.open(Path::new("/b"), OpenMode::CreateNew).unwrap();
    sim.fail(Fault::once(OpKind::Write, 2, ErrorKind::Other).on_path("/a"));
    let write = |file: &dyn mainstem_env::File| file.write_all_at(b"x", 0).is_ok();
    assert_eq!(
        [write(&*a), write(&*b), write(&*a), write(&*a)],
        [true, true, false, true]
    );
    sim.fail(Fault::for_ever(OpKind::Write, 2, ErrorKind::Other));
    assert_eq!([write(&*a), write(&*b), write(&*a)], [true, false, false]);
    sim.clear_faults();
    assert!(write(&*a));
    assert_eq!(sim.calls(OpKind::Write), 8);
}

#[test]
fn a_failing_write_may_have_written_a_part_or_all() {
    let sim = Sim::new(1);
    let fs = sim.env().fs;
    let file = fs.open(Path::new("/f"), OpenMode::CreateNew).unwrap();
    sim.fail(Fault::once(OpKind::Write, 1, ErrorKind::Other));
    assert!(file.write_all_at(b"nothing", 0).is_err());
    assert_eq!(sim.read_file("/f").unwrap(), b"");
    sim.fail(Fault::once(OpKind::Write, 1, ErrorKind::Other).after_bytes(4));
    assert!(file.write_all_at(b"part of it", 0).is_err());
    assert_eq!(sim.read_file("/f").unwrap(), b"part");
    sim.fail(Fault::once(OpKind::Write, 1, ErrorKind::Other).after_effect());
    assert!(file.write_all_at(b"all of it", 0).is_err());
    assert_eq!(sim.read_file("/f").unwrap(), b"all of it");
}

/// What a call of the system leaves out is asked for again, and only the end of the file is an end.
#[test]
fn a_read_that_stops_short_or_is_interrupted_goes_on() {
    let sim = Sim::new(1);
    sim.write_raw("/f", b"all of it").unwrap();
    let file = sim.env().fs.open(Path::new("/f"), OpenMode::Read).unwrap();
    let short = |mode: fn(OpKind, u64, ErrorKind) -> Fault, bytes| {
        mode(OpKind::Read, 1, ErrorKind::Other).after_bytes(bytes)
    };
    let read = |fault: Fault| {
        sim.fail(fault);
        let before = sim.calls(OpKind::Read);
        let mut bytes = [0; 20];
        let read = file.read_at(&mut bytes, 4).unwrap();
        sim.clear_faults();
        assert_eq!(bytes[..read], *b"of it");
        sim.calls(OpKind::Read) - before
    };
    // The last call of each finds the end.
    assert_eq!(read(short(Fault::once, 2)), 3);
    assert_eq!(read(short(Fault::for_ever, 2)), 4);
    assert_eq!(read(short(Fault::for_ever, 0)), 6, "it gets on");
    assert_eq!(
        read(Fault::once(OpKind::Read, 1, ErrorKind::Interrupted)),
        3
    );
}

#[test]
fn descriptors_can_run_out() {
    let sim = Sim::new(1);
    let fs = sim.env().fs;
    sim.set_open_files_max(1);
    let file = fs.open(Path::new("/f"), OpenMode::CreateNew).unwrap();
    let region = file.region(10, ReadMode::Mapped).unwrap();
    let error = fs.open(Path::new("/f"), OpenMode::Read).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(24));
    drop(file);
    assert_eq!(sim.open_files(), 0);
    fs.open(Path::new("/f"), OpenMode::Read).unwrap();
    drop(region);
}
