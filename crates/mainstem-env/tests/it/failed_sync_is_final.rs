//! A failed sync marks the pages clean: what they hold is seen until power loss, and not after.

use std::io::ErrorKind;
use std::path::Path;

use mainstem_env::OpenMode;
use mainstem_env::sim::{Choices, Fault, FaultError, OpKind, Sim, Strictness};

#[test]
fn a_repeated_sync_succeeds_and_proves_nothing() {
    let sim = Sim::new(1);
    let fs = sim.env().fs;
    let file = fs.open(Path::new("/f"), OpenMode::CreateNew).unwrap();
    file.write_all_at(&[1; 1024], 0).unwrap();
    file.sync_all().unwrap();
    fs.sync_dir(Path::new("/")).unwrap();

    file.write_all_at(&[2; 512], 0).unwrap();
    sim.fail(Fault::once(OpKind::SyncData, 1, FaultError::Raw(5)));
    let error = file.sync_data().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(5));
    file.sync_data().unwrap();
    file.sync_all().unwrap();
    assert_eq!(
        sim.read_file("/f").unwrap()[..512],
        [2; 512],
        "the cache still has it"
    );
    assert_eq!(
        sim.process_crash().read_file("/f").unwrap()[..512],
        [2; 512]
    );

    for strictness in Strictness::ALL {
        for mut choices in [Choices::keep_all(), Choices::drop_all()] {
            let after = sim.power_loss(sim.op_count(), &mut choices, strictness);
            assert_eq!(after.read_file("/f").unwrap(), [1; 1024]);
        }
    }
    // The disk may have got a part of it before it failed.
    let kept = (0..50).any(|seed| {
        let mut choices = Choices::random(seed);
        let after = sim.power_loss(sim.op_count(), &mut choices, Strictness::StrictPosix);
        after.read_file("/f").unwrap()[0] == 2
    });
    assert!(kept);
}

#[test]
fn writing_the_same_bytes_again_and_syncing_makes_them_durable() {
    let sim = Sim::new(1);
    let fs = sim.env().fs;
    let file = fs.open(Path::new("/f"), OpenMode::CreateNew).unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    file.write_all_at(&[3; 1024], 0).unwrap();
    sim.fail(Fault::once(OpKind::SyncData, 1, ErrorKind::Other));
    assert!(file.sync_data().is_err());
    file.write_all_at(&[3; 512], 512).unwrap();
    file.sync_data().unwrap();
    let drop_all = |sim: &Sim| {
        let after = sim.power_loss_now();
        after.read_file("/f").unwrap()
    };
    // The second half is safe now; the length is still what the failed sync left of it.
    assert_eq!(drop_all(&sim), b"");
    file.write_all_at(&[3; 512], 0).unwrap();
    file.write_all_at(&[4; 512], 1024).unwrap();
    file.sync_data().unwrap();
    assert_eq!(drop_all(&sim)[..1024], [3; 1024]);
}
