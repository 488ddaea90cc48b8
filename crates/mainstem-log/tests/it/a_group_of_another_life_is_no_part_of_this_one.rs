//! Groups of an earlier life of the same file, with the right salt and the right numbers at the right
//! place, are no part of this life: the chain tells. (Damage of other kinds is gone through by
//! `mainstem-crashtest rot`.)

use std::path::Path;
use std::time::Duration;

use mainstem_env::sim::Sim;
use mainstem_log::Start;
use mainstem_log::format::group_header::{GROUP_HEADER_BYTES, GroupHeader};
use mainstem_log::format::segment_header::{SEGMENT_HEADER_BYTES, SegmentHeader};

use crate::kit::{append, name, open_sim, read, small_segments};

/// Returns where the last group begins in the bytes of an active segment.
fn last_group_in(bytes: &[u8]) -> usize {
    let header = bytes.first_chunk::<SEGMENT_HEADER_BYTES>().unwrap();
    let header = SegmentHeader::decode(header).unwrap();
    let (mut at, mut last) = (SEGMENT_HEADER_BYTES, 0);
    while let Some(group) = bytes
        .get(at..)
        .and_then(|it| GroupHeader::decode(it, header.salt))
    {
        last = at;
        at += GROUP_HEADER_BYTES + usize::try_from(group.bytes).unwrap();
    }
    last
}

#[test]
fn a_group_of_another_life_is_not_taken_for_the_next_one() {
    let sim = Sim::new(11);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("b"), small_segments()).unwrap();
    for number in 0..3 {
        append(&shard, &[number; 20]).unwrap();
    }
    let path = Path::new("/data/shards/b/00000000000000000000.seg");
    let live = |pause: Duration, fill: u8| {
        let world = sim.process_crash();
        world.advance(pause);
        let engine = open_sim(&world);
        let shard = engine.shard(&name("b"), small_segments()).unwrap();
        for _ in 0..2 {
            append(&shard, &[fill; 100]).unwrap();
        }
        let bytes = world.read_file(path).unwrap();
        let last = last_group_in(&bytes);
        (world.process_crash(), bytes, last)
    };
    let (_, other_bytes, other_last) = live(Duration::ZERO, 1);
    let (world, mut bytes, last) = live(Duration::from_secs(5), 2);
    assert_eq!(last, other_last, "the groups line up");
    bytes[last..].copy_from_slice(&other_bytes[last..]);
    world.write_raw(path, &bytes).unwrap();
    world.env().fs.unlink(&path.with_extension("idx")).unwrap();
    drop((shard, engine));
    let engine = open_sim(&world);
    let shard = engine.shard(&name("b"), small_segments()).unwrap();
    let (found, error) = read(&shard, Start::Oldest);
    assert!(error.is_none());
    assert_eq!(found.len(), 4);
    assert_eq!(found.last().unwrap().1, [2; 100]);
}
