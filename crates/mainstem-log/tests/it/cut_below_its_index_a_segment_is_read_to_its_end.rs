//! A file that lost its end, as a bad restore or a damaged file system leave it, while the index
//! beside it still names places beyond. The walk once began at such a place, and readers were let
//! into what is not in the file: a read there ends the process.

use mainstem_env::sim::Sim;
use mainstem_log::{LogError, Outcome, ShardOptions, Start};

use crate::kit::{append, name, open_sim, read};

const SEGMENT: &str = "/data/shards/a/00000000000000000000.seg";

#[test]
fn acknowledged_records_that_are_left_are_read_and_the_loss_is_told() {
    let sim = Sim::new(3);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("a"), ShardOptions::default());
    let shard = shard.unwrap();
    for number in 0..200_u8 {
        append(&shard, &[number; 100]).unwrap();
    }
    let killed = sim.process_crash();
    drop((shard, engine));
    // Each record takes 168 bytes with its group's header; an index entry is made every 4 KiB.
    for kept in [0, 1, 30, 60, 100] {
        let sim = killed.process_crash();
        let len = 64 + kept * 168 + 20;
        sim.set_len_raw(SEGMENT, len).unwrap();
        let engine = open_sim(&sim);
        let shard = engine.shard(&name("a"), ShardOptions::default()).unwrap();
        let refusal = shard.refusal().expect("records are missing");
        assert!(matches!(refusal, LogError::ReadOnly { .. }), "{refusal}");
        assert_eq!(refusal.outcome(), Outcome::NotApplied);
        let (records, error) = read(&shard, Start::Oldest);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(u64::try_from(records.len()).unwrap(), kept);
        assert!(
            records
                .iter()
                .all(|(seq, payload)| payload == &[u8::try_from(*seq).unwrap(); 100])
        );
        assert_eq!(sim.violation(), None);
    }
}
