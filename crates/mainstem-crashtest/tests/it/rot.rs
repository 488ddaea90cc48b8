//! Damage at rest.

use mainstem_crashtest::rot::judge::{Answer, judge};
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
