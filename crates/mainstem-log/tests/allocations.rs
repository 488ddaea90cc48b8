//! What reading and appending take from the allocator: nothing for a record that is read, and one small
//! thing for an append.
//!
//! Only what the calling thread asks for is counted, so the tests may run side by side.

#[cfg(test)]
mod tests {
    use allocation_counter::measure;
    use mainstem_env::{Env, ReadMode};
    use mainstem_log::{
        AppendOptions, Batch, Engine, EngineOptions, Maintenance, Shard, ShardName, ShardOptions,
        Start,
    };

    const RECORDS: usize = 4000;
    /// Records of a batch, and so of a group.
    const GROUP: usize = 50;
    const APPENDS: u64 = 200;

    /// Runs `test` on a new shard in real files, with all of it in one segment and mapped.
    fn with_shard(test: impl FnOnce(&Shard)) {
        let dir = tempfile::tempdir().unwrap();
        let mut options = EngineOptions::default();
        options.maintenance = Maintenance::ByCaller;
        options.read_mode = ReadMode::Mapped;
        let engine = Engine::open(&Env::real(), dir.path(), options).unwrap();
        let name = ShardName::new("s").unwrap();
        let mut of_shard = ShardOptions::default();
        // When zeros are due depends on how fast the machine is.
        of_shard.prewrite_bytes = 0;
        let shard = engine.create_shard(&name, of_shard).unwrap();
        test(&shard);
        engine.close().unwrap();
    }

    fn fill(shard: &Shard, payload: &[u8]) {
        for _ in 0..RECORDS / GROUP {
            let mut batch = Batch::new();
            for _ in 0..GROUP {
                batch.push(payload).unwrap();
            }
            shard.append(&batch, AppendOptions::default()).unwrap();
        }
    }

    /// Returns how often a walk over the first `count` records allocates, from its beginning to its end.
    fn walk(shard: &Shard, count: usize, payload: &[u8]) -> u64 {
        let walk = || {
            let mut cursor = shard.cursor(Start::Oldest).unwrap();
            for _ in 0..count {
                let record = cursor.next().unwrap().unwrap();
                assert_eq!(record.payload(), payload);
            }
        };
        measure(walk).count_total
    }

    #[test]
    fn replay_allocates_nothing_for_a_record() {
        for bytes in [100, 1024] {
            let payload = vec![7; bytes];
            with_shard(|shard| {
                fill(shard, &payload);
                // The first walk maps the segment.
                walk(shard, RECORDS, &payload);
                let half = walk(shard, RECORDS / 2, &payload);
                let all = walk(shard, RECORDS, &payload);
                // What there is comes with a window of the file, and each is twice as long as the last one.
                assert!(half <= 16, "{half} for half the records of {bytes} bytes");
                assert!(
                    all <= half + 2,
                    "{half} for half and {all} for all records of {bytes} bytes"
                );
            });
        }
    }

    #[test]
    fn an_append_allocates_once() {
        for bytes in [100, 1024] {
            let payload = vec![7; bytes];
            with_shard(|shard| {
                let append = |count| {
                    let appends = || {
                        for _ in 0..count {
                            shard.append_one(&payload).unwrap();
                        }
                    };
                    measure(appends).count_total
                };
                // Buffers grow to the size of a group once.
                append(20);
                let count = append(APPENDS);
                // One for the round in which the caller waits, and the index grows now and then.
                assert!(
                    (APPENDS..=APPENDS + 4).contains(&count),
                    "{count} for {APPENDS} appends of {bytes} bytes"
                );
            });
        }
    }
}
