use mainstem_types::{HashKeyRange, ShardId};

use super::*;

fn shard(index: u32, sequence_epoch_s: u64) -> ShardMeta {
    ShardMeta {
        id: ShardId::new(index).unwrap(),
        parent: None,
        adjacent_parent: None,
        range: HashKeyRange::FULL,
        created_ms: sequence_epoch_s * 1000,
        sequence_epoch_s,
        closed: None,
    }
}

/// The sequence number of shard 0 with index 5 that is on record.
const INDEX_5: &str = "49545076777738417104526072615256373478688899696439590914";

#[test]
fn numbers_on_record() {
    let number = record_number(
        &shard(0, 1_415_926_535),
        SeqNo(4),
        TimestampMs(1_415_926_540_999),
    );
    assert_eq!(number.to_string(), INDEX_5);
    let start = shard(0, 1_415_926_535).starting_number();
    assert_eq!(
        start.to_string(),
        "49545076777738417104526072615250328849590826206968676354"
    );
    assert!(start < number);
}

#[test]
fn starts_are_told_apart() {
    let ours = shard(0, 1_415_926_535);
    let number = KinesisSeq::parse(INDEX_5).unwrap();
    let start = ours.starting_number().to_string();
    assert_eq!(
        read_start(&ours, INDEX_5),
        StartNumber::Near(SeqNo(4), number)
    );
    assert_eq!(read_start(&ours, &start), StartNumber::BeforeFirst);
    assert_eq!(
        read_start(&shard(1, 1_415_926_535), INDEX_5),
        StartNumber::OtherShard(0)
    );
    assert_eq!(
        read_start(&shard(0, 1_415_926_536), INDEX_5),
        StartNumber::Foreign
    );
    // Layout version 0, which is readable but of no stream here.
    assert_eq!(read_start(&ours, "0"), StartNumber::Foreign);
    for text in [
        "",
        "x",
        "-1",
        "007",
        &"9".repeat(130),
        "49545076777738417104526072615256373478688899696439590915",
    ] {
        assert_eq!(read_start(&ours, text), StartNumber::Unreadable, "{text}");
    }
}

#[test]
fn ordering_numbers_must_have_been_given_out() {
    let ours = shard(0, 1_415_926_535);
    let now_ms = 1_415_926_540_000;
    let valid =
        |shard: &ShardMeta, text: &str, end| is_valid_ordering(shard, text, SeqNo(end), now_ms);
    assert!(valid(&ours, INDEX_5, 5));
    assert!(!valid(&ours, INDEX_5, 4), "record 4 does not exist yet");
    assert!(
        is_valid_ordering(&ours, INDEX_5, SeqNo(5), 0),
        "the clock went back"
    );
    assert!(valid(&ours, &ours.starting_number().to_string(), 0));
    // Of another shard: only the time counts.
    assert!(valid(&shard(1, 1), INDEX_5, 0));
    assert!(!is_valid_ordering(
        &shard(1, 1),
        INDEX_5,
        SeqNo(0),
        now_ms - 1
    ));
    assert!(valid(&ours, "0", 0), "older layouts");
    assert!(!valid(&ours, "x", 9));
}
