//! A torn write of the index file, of which later entries survive and earlier ones do not. The index that
//! the segment is sealed with is the one that it would have had.

use std::path::Path;

use mainstem_env::sim::Sim;
use mainstem_log::{Offline, ShardOptions};

use crate::kit::{DIR, append, append_batch, name, open_sim, read_all};

const INDEX: &str = "/data/shards/a/00000000000000000000.idx";
const ENTRY_BYTES: usize = 16;

#[test]
fn whatever_entries_are_lost() {
    let sim = Sim::new(3);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("a"), ShardOptions::default());
    let shard = shard.unwrap();
    append(&shard, &[1; 1000]).unwrap();
    // The last group has entries of records, and none of its own.
    append_batch(&shard, &vec![vec![2; 1000]; 12]).unwrap();
    let killed = sim.process_crash();
    drop((shard, engine));
    let index = killed.read_file(INDEX).unwrap();
    let entries = index.len() / ENTRY_BYTES;
    assert!(entries >= 5, "{entries} entries");
    for lost in 0..1_u32 << entries {
        let sim = killed.process_crash();
        let mut index = index.clone();
        for (at, entry) in index.chunks_mut(ENTRY_BYTES).enumerate() {
            if lost & (1 << at) != 0 {
                entry.fill(0);
            }
        }
        sim.write_raw(INDEX, &index).unwrap();
        let engine = open_sim(&sim);
        let mut options = ShardOptions::default();
        options.roll_age_ms = Some(1);
        let shard = engine.shard(&name("a"), options).unwrap();
        assert_eq!(read_all(&shard).len(), 13, "without {lost:b}");
        sim.advance(std::time::Duration::from_secs(10));
        engine.maintain();
        assert_eq!(shard.segments().unwrap().len(), 2, "not sealed");
        engine.close().unwrap();
        drop((shard, engine));
        let offline = Offline::open(&sim.env(), Path::new(DIR)).unwrap();
        for report in offline.verify(&name("a"), &mut |_| ()).unwrap() {
            assert!(report.damage.is_empty(), "without {lost:b}: {report:?}");
        }
    }
}
