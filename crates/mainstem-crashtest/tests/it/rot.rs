//! Damage at rest.

use mainstem_crashtest::rot::judge::{Answer, judge, nothing_else_is_served};
use mainstem_crashtest::rot::{Change, Ending, Store};

/// One in so many flips and cuts; the command does all.
const ONE_IN: usize = 23;

#[test]
fn no_damage_goes_unnoticed() {
    let mut reported = 0;
    for ending in Ending::ALL {
        let store = Store::new(16 << 10, ending).unwrap();
        for path in store.files() {
            let len = store.len(&path);
            let flips = (0..len * 8).step_by(ONE_IN);
            let cuts = (0..len).step_by(ONE_IN);
            let flips = flips.map(|bit| Change::Flip(path.clone(), bit));
            for change in flips.chain(cuts.map(|len| Change::Cut(path.clone(), len))) {
                match judge(&store, &change) {
                    Ok(Answer::Reported | Answer::Refused) => reported += 1,
                    Ok(Answer::Intact | Answer::TakenForTorn) => {}
                    Err(what) => panic!("{ending:?} {change}: {what}"),
                }
            }
        }
    }
    assert!(reported > 5_000, "{reported}");
}

/// Two damages may go unnoticed together, but nothing is served in place of what they hit.
#[test]
fn two_damages_at_once_let_nothing_else_be_served() {
    let mut pairs = 0;
    for ending in Ending::ALL {
        let store = Store::new(16 << 10, ending).unwrap();
        let all: Vec<Change> = store
            .files()
            .into_iter()
            .flat_map(|path| {
                let half = store.len(&path) / 2;
                [
                    Change::Flip(path.clone(), half * 8),
                    Change::Cut(path.clone(), half),
                    Change::Remove(path.clone()),
                    Change::Older(path),
                ]
            })
            .collect();
        for first in &all {
            for second in &all {
                let both = [first.clone(), second.clone()];
                let judged = nothing_else_is_served(&store, &both);
                assert!(judged.is_ok(), "{ending:?} {first} {second}: {judged:?}");
                pairs += 1;
            }
        }
    }
    assert!(pairs > 1_000, "{pairs}");
}
