//! Each peer does what it is measured at.

use std::sync::{Mutex, PoisonError};

use super::peers::{ALL_PEERS, OPTIONAL};
use super::store::{Log, Seen};
use crate::peer::{self, Peer, Standing};

/// One of the peers changes the working directory, which all threads share.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn records() -> Vec<Vec<u8>> {
    (0..100_u8).map(|it| vec![it; 10]).collect()
}

fn seen_of(records: &[Vec<u8>]) -> Seen {
    let mut seen = Seen::default();
    for record in records {
        seen.see(record);
    }
    seen
}

fn replayed(log: &dyn Log) -> Seen {
    let mut seen = Seen::default();
    log.replay(&mut seen).unwrap();
    seen
}

/// Those that are read record by record.
fn stores() -> impl Iterator<Item = &'static Peer<dyn Log>> {
    let is_store = |it: &&Peer<dyn Log>| it.standing != Standing::Floor;
    ALL_PEERS.iter().filter(is_store)
}

#[test]
fn every_peer_reads_back_what_was_appended() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for peer in stores() {
        let name = peer.name;
        let dir = tempfile::tempdir().unwrap();
        let log = (peer.open)(dir.path()).unwrap();
        let records = records();
        let (some, others) = records.split_at(40);
        for record in some {
            log.append(&[record]).unwrap();
        }
        let others: Vec<&[u8]> = others.iter().map(Vec::as_slice).collect();
        log.append(&others).unwrap();
        assert_eq!(replayed(&*log), seen_of(&records), "{name}");
        assert_eq!(replayed(&*log), seen_of(&records), "{name}, again");
        log.close().unwrap();

        let log = (peer.open)(dir.path()).unwrap();
        assert_eq!(replayed(&*log), seen_of(&records), "{name}, reopened");
        if !peer.lacks.contains(&"point read") {
            for (at, record) in (0..).zip(&records) {
                let mut seen = Seen::default();
                log.read(at, &mut seen).unwrap();
                assert_eq!(seen, seen_of(std::slice::from_ref(record)), "{name}, {at}");
            }
            let mut seen = Seen::default();
            log.read_any(&mut seen).unwrap();
            assert_eq!(seen, seen_of(&records[99..]), "{name}, the newest");
        }
        log.append(&[b"last"]).unwrap();
        assert_eq!(replayed(&*log).records, 101, "{name}");
        log.close().unwrap();
    }
}

#[test]
fn threads_share_every_peer() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for peer in ALL_PEERS {
        let dir = tempfile::tempdir().unwrap();
        let log = (peer.open)(dir.path()).unwrap();
        let records = records();
        std::thread::scope(|scope| {
            for some in records.chunks(25) {
                let log = &log;
                scope.spawn(move || {
                    for record in some {
                        log.append(&[record]).unwrap();
                    }
                });
            }
        });
        if !peer.lacks.contains(&"replay warm") {
            assert_eq!(replayed(&*log), seen_of(&records), "{}", peer.name);
        }
        log.close().unwrap();
    }
}

#[test]
fn floors_reopen_as_files() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let floors = ALL_PEERS
        .iter()
        .filter(|it| it.standing == Standing::Floor && !it.lacks.contains(&"replay cold"));
    for peer in floors {
        let dir = tempfile::tempdir().unwrap();
        let log = (peer.open)(dir.path()).unwrap();
        log.append(&[&[7; 1000]]).unwrap();
        log.close().unwrap();
        let log = (peer.open)(dir.path()).unwrap();
        assert!(replayed(&*log).bytes >= 1000, "{}", peer.name);
        log.close().unwrap();
    }
}

#[test]
fn who_needs_a_feature_has_its_name() {
    for optional in OPTIONAL {
        let is_there = peer::find(ALL_PEERS, optional.name).is_some();
        assert_eq!(is_there, optional.is_built, "{}", optional.name);
    }
}
