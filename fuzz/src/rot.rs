//! Several damages at once to the files of a store at rest: what is served was written.

use std::path::PathBuf;
use std::sync::OnceLock;

use mainstem_crashtest::rot::{Change, Ending, Store, judge};

use crate::input::Input;
use crate::said;

/// Damages at most.
const CHANGES_MAX: usize = 6;

/// The size of the larger shard: four of the smallest segments.
const STORE_BYTES: u64 = 16 << 10;

/// One run.
///
/// # Panics
/// When something was served that was not written.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let store = store(input.u8());
    let files = store.files();
    let mut changes = Vec::new();
    while changes.len() < CHANGES_MAX && !input.is_empty() {
        changes.extend(change(&mut input, store, &files));
    }
    let list: Vec<String> = changes.iter().map(ToString::to_string).collect();
    said::about(format!(
        "damage to {:?}: {}",
        store.ending(),
        list.join(" ")
    ));
    if let Err(what) = judge::nothing_else_is_served(store, &changes) {
        panic!("{what}");
    }
}

fn store(choice: u8) -> &'static Store {
    static STORES: OnceLock<Vec<Store>> = OnceLock::new();
    let stores = STORES.get_or_init(|| {
        let make = |ending| Store::new(STORE_BYTES, ending).expect("a healthy engine");
        Ending::ALL.into_iter().map(make).collect()
    });
    &stores[usize::from(choice) % stores.len()]
}

/// One damage to a file, or none where there is nothing to damage.
fn change(input: &mut Input<'_>, store: &Store, files: &[PathBuf]) -> Option<Change> {
    let kind = input.u8();
    let path = files.get(input.below(files.len()))?.clone();
    let len = store.len(&path);
    let at = |input: &mut Input<'_>| {
        let at = u64::from(input.u16());
        at.checked_rem(len)
    };
    Some(match kind % 8 {
        0..=2 => {
            let byte = at(input)?;
            Change::Flip(path, byte * 8 + u64::from(kind >> 5))
        }
        3 => {
            let start = at(input)?;
            Change::Zero(path, start, (start + 1 + u64::from(input.u16())).min(len))
        }
        4 => Change::Cut(path.clone(), at(input)?),
        5 => Change::Remove(path),
        6 => Change::Replace(path, files.get(input.below(files.len()))?.clone()),
        _ => Change::Older(path),
    })
}
