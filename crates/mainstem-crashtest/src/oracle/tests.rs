//! Every kind of wrong has its name, and nothing right has one.

use super::*;
use crate::contract::record;

fn one(lane: u32, number: u64) -> Vec<String> {
    vec![record(Id { lane, number }, 9, 0)]
}

/// Two lanes; of lane 0 the first append is acknowledged, the second, of three records, is not.
fn oracle() -> (Oracle, Vec<String>) {
    let mut oracle = Oracle::new();
    let batch: Vec<String> = (1..4)
        .map(|number| record(Id { lane: 0, number }, 5, 0))
        .collect();
    oracle.sent(&one(0, 0));
    oracle.sent(&batch);
    oracle.sent(&one(1, 0));
    oracle.acked("0-0").unwrap();
    oracle.acked("1-0").unwrap();
    (oracle, batch)
}

fn judge(oracle: &mut Oracle, shown: &[&[String]]) -> Result<Judged, Violation> {
    let shown: Vec<&str> = shown
        .iter()
        .flat_map(|it| it.iter())
        .map(String::as_str)
        .collect();
    oracle.judge(shown)
}

#[test]
fn what_was_not_acknowledged_may_be_there_or_not_but_not_change_its_mind() {
    let (mut oracle, batch) = oracle();
    let (zero, other) = (one(0, 0), one(1, 0));
    let judged = judge(&mut oracle.clone(), &[&other, &zero, &batch]).unwrap();
    assert_eq!(
        (judged.found, judged.kept_unacked, judged.lost_unacked),
        (5, 1, 0)
    );

    let mut with = oracle.clone();
    judge(&mut with, &[&zero, &batch, &other]).unwrap();
    let lost = judge(&mut with, &[&zero, &other]).unwrap_err();
    assert_eq!(lost, Violation::Lost(Id { lane: 0, number: 1 }));

    let judged = judge(&mut oracle, &[&zero, &other]).unwrap();
    assert_eq!(
        (judged.found, judged.kept_unacked, judged.lost_unacked),
        (2, 0, 1)
    );
    let back = judge(&mut oracle, &[&zero, &batch, &other]).unwrap_err();
    assert!(matches!(back, Violation::Invented(_)), "{back}");
}

#[test]
fn every_kind_of_wrong_is_named() {
    let (oracle, batch) = oracle();
    let (zero, other) = (one(0, 0), one(1, 0));
    let wrong = |shown: &[&[String]]| judge(&mut oracle.clone(), shown).unwrap_err();
    let id = |lane, number| Id { lane, number };
    assert_eq!(wrong(&[&zero]), Violation::Lost(id(1, 0)));
    assert_eq!(
        wrong(&[&zero, &other, &batch[..2]]),
        Violation::Torn(id(0, 1))
    );
    assert_eq!(
        wrong(&[&zero, &batch[..1], &batch[2..], &other]),
        Violation::Torn(id(0, 1))
    );
    assert_eq!(wrong(&[&batch, &zero, &other]), Violation::Lost(id(0, 0)));
    assert_eq!(
        wrong(&[&zero, &zero, &other]),
        Violation::OutOfOrder(id(0, 0))
    );
    let mut changed = zero.clone();
    changed[0].push('x');
    assert!(matches!(wrong(&[&changed, &other]), Violation::Invented(_)));
    assert!(matches!(
        wrong(&[&zero, &one(7, 0)]),
        Violation::Invented(_)
    ));
    for text in ["0-7", "0-0 x", "0-0 0-1 "] {
        let ack = oracle.clone().acked(text).unwrap_err();
        assert_eq!(ack, Violation::AckOfNothing(String::from(text)));
    }
}

#[test]
fn what_a_killed_writer_took_with_it_makes_no_hole_for_the_next_one() {
    let (mut oracle, batch) = oracle();
    let (zero, other, later) = (one(0, 0), one(1, 0), one(0, 4));
    // Sent in the same life, and so not without the batch before it.
    oracle.sent(&one(0, 9));
    let hole = judge(&mut oracle.clone(), &[&zero, &one(0, 9), &other]).unwrap_err();
    assert_eq!(hole, Violation::OutOfOrder(Id { lane: 0, number: 9 }));
    oracle.restarted();
    oracle.sent(&later);
    oracle.acked("0-4").unwrap();
    let judged = judge(&mut oracle.clone(), &[&zero, &later, &other]).unwrap();
    assert_eq!((judged.found, judged.lost_unacked), (3, 2));
    let judged = judge(&mut oracle.clone(), &[&zero, &batch, &later, &other]).unwrap();
    assert_eq!((judged.kept_unacked, judged.lost_unacked), (1, 1));
    // What was acknowledged before is no such thing.
    let lost = judge(&mut oracle, &[&later, &other]).unwrap_err();
    assert_eq!(lost, Violation::Lost(Id { lane: 0, number: 0 }));
}

#[test]
fn what_breaks_off_is_right_up_to_there_and_was_seen() {
    let (mut oracle, batch) = oracle();
    let (zero, other) = (one(0, 0), one(1, 0));
    let part = |oracle: &mut Oracle, shown: &[&[String]]| {
        oracle.judge_part(shown.iter().flat_map(|it| it.iter()).map(String::as_str))
    };
    part(&mut oracle.clone(), &[]).unwrap();
    part(&mut oracle.clone(), &[&zero]).unwrap();
    let hole = part(&mut oracle.clone(), &[&batch]).unwrap_err();
    assert_eq!(hole, Violation::Lost(Id { lane: 0, number: 0 }));
    let torn = part(&mut oracle.clone(), &[&zero, &batch[..1], &batch[2..]]).unwrap_err();
    assert_eq!(torn, Violation::Torn(Id { lane: 0, number: 1 }));
    let judged = part(&mut oracle, &[&zero, &batch[..1]]).unwrap();
    assert_eq!((judged.found, judged.kept_unacked), (2, 1));
    let lost = judge(&mut oracle, &[&zero, &other]).unwrap_err();
    assert_eq!(lost, Violation::Lost(Id { lane: 0, number: 1 }));
}

/// Sends and acknowledges one record, at `sent_ms`, that is at `place`; returns how it is shown.
fn stored(oracle: &mut Oracle, lane: u32, number: u64, sent_ms: u64, place: &str) -> String {
    let records = one(lane, number);
    oracle.is_now(sent_ms);
    oracle.sent(&records);
    oracle.acked(&format!("{lane}-{number} {place}")).unwrap();
    format!("{}\t{place}", records[0])
}

#[test]
fn retention_takes_the_oldest_when_their_time_has_come() {
    let mut oracle = Oracle::new();
    // Two lanes in turn in one log, a third one in another.
    let lines: Vec<String> = (0..6)
        .map(|it| {
            let lane = u32::from(it % 2 > 0);
            stored(&mut oracle, lane, it / 2, 10 * it, &format!("0-{it}"))
        })
        .collect();
    let other = stored(&mut oracle, 2, 0, 60, "1-0");
    let judge = |oracle: &mut Oracle, lines: &[&String], young_from_ms| {
        oracle.judge_retained(lines.iter().map(|it| it.as_str()), young_from_ms)
    };
    let from = |first: usize| -> Vec<&String> { lines[first..].iter().chain([&other]).collect() };

    let id = |lane, number| Id { lane, number };
    let early = judge(&mut oracle.clone(), &from(3), 20).unwrap_err();
    assert_eq!(early, Violation::Lost(id(0, 1)));
    let judged = judge(&mut oracle.clone(), &from(3), 30).unwrap();
    assert_eq!((judged.found, judged.gone_old), (4, 3));
    // Old ones may stay, all of a lane and all of a log may go.
    assert_eq!(
        judge(&mut oracle.clone(), &from(0), 90).unwrap().gone_old,
        0
    );
    assert_eq!(
        judge(&mut oracle.clone(), &from(5), 90).unwrap().gone_old,
        5
    );
    assert_eq!(
        judge(&mut oracle.clone(), &[&other], 90).unwrap().gone_old,
        6
    );
    assert_eq!(judge(&mut oracle.clone(), &[], 90).unwrap().gone_old, 7);

    // A younger one is gone and an older one is there: of one lane, and of two.
    let mut hole = from(0);
    hole.remove(2);
    let hole = judge(&mut oracle.clone(), &hole, 90).unwrap_err();
    assert_eq!(hole, Violation::Lost(id(0, 1)));
    let place = Place { log: 0, number: 1 };
    let newest_first = [&lines[0], &lines[2], &other];
    let hole = judge(&mut oracle.clone(), &newest_first, 90).unwrap_err();
    assert_eq!(hole, Violation::Hole(place, id(1, 0)));

    // What was gone stays gone.
    judge(&mut oracle, &from(3), 30).unwrap();
    let back = judge(&mut oracle, &from(2), 30).unwrap_err();
    assert!(matches!(back, Violation::Invented(_)), "{back}");
}

#[test]
fn a_position_is_one_records_for_ever() {
    let (oracle, _) = oracle();
    let judge = |acks: &[&str], shown: &[(&Vec<String>, &str)]| {
        let mut oracle = oracle.clone();
        acks.iter().try_for_each(|ack| oracle.acked(ack))?;
        let line = |(record, at): &(&Vec<String>, &str)| format!("{}\t{at}", record[0]);
        let lines: Vec<String> = shown.iter().map(line).collect();
        oracle.judge(lines.iter().map(String::as_str))
    };
    let (zero, other) = (one(0, 0), one(1, 0));
    let id = |lane, number| Id { lane, number };
    judge(&["0-0 0-5", "1-0 0-9"], &[(&zero, "0-5"), (&other, "0-9")]).unwrap();
    judge(&["0-0 0-5", "1-0 1-5"], &[(&zero, "0-5"), (&other, "1-5")]).unwrap();
    let moved = judge(&["0-0 0-5"], &[(&zero, "0-6"), (&other, "0-9")]);
    assert_eq!(moved.unwrap_err(), Violation::Moved(id(0, 0)));
    let place = Place { log: 0, number: 5 };
    let reused = judge(&["0-0 0-5", "1-0 0-5"], &[]).unwrap_err();
    assert_eq!(reused, Violation::Reused(place, id(1, 0)));
    let fell = judge(&[], &[(&zero, "0-6"), (&other, "0-5")]).unwrap_err();
    assert_eq!(fell, Violation::OutOfOrder(id(1, 0)));
}
