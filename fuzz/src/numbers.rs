//! Names and numbers as clients send them: what is accepted is written back as it was read.

use std::num::NonZeroU32;

use mainstem_types::{
    AccountId, HashKey, HashKeyRange, KinesisSeq, Region, ShardId, StreamArn, StreamName,
};

use crate::input::Input;

/// Parts that a range of hash keys is split into at most.
const PARTS_MAX: u32 = 2000;

/// One run.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    match input.u8() % 4 {
        0 => drop(made(&mut input)),
        1 => split(&mut input),
        2 => altered(&mut input),
        _ => {
            if let Ok(text) = std::str::from_utf8(input.rest()) {
                read(text);
            }
        }
    }
}

/// Reads a text as everything it could be.
fn read(text: &str) {
    if let Ok(number) = KinesisSeq::parse(text) {
        assert_eq!(number.to_string(), text);
    }
    if let Ok(key) = HashKey::parse(text) {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(shard) = ShardId::parse(text) {
        // There are several spellings of a shard, and one that is written.
        assert_eq!(ShardId::parse(&shard.to_string()), Ok(shard));
    }
    if let Ok(name) = StreamName::new(text) {
        assert_eq!(name.as_str(), text);
    }
    if let Ok(account) = AccountId::new(text) {
        assert_eq!(account.to_string(), text);
    }
    if let Ok(region) = Region::new(text) {
        assert_eq!(region.as_str(), text);
    }
    if let Ok(arn) = StreamArn::parse(text) {
        // The partition follows from the region, whatever was said.
        assert_eq!(StreamArn::parse(&arn.to_string()), Ok(arn));
    }
    let _any_key_has_a_hash = HashKey::of_partition_key(text);
}

/// Makes a sequence number and reads it again.
fn made(input: &mut Input<'_>) -> String {
    let (created_s, index, record_s) = (input.u64(), input.u64(), input.u64());
    let shard = ShardId::new(input.u32() & 0x7FFF_FFFF).expect("31 bits are an index");
    let number = KinesisSeq::record(created_s, shard, index, record_s);
    let text = number.to_string();
    assert_eq!(KinesisSeq::parse(&text), Ok(number));
    assert_eq!(number.shard_index(), shard.index());
    assert_eq!(
        number.shard_created_s(),
        created_s.min(KinesisSeq::CREATED_S_END - 1)
    );
    assert_eq!(
        number.sequence_index(),
        index.clamp(1, KinesisSeq::SEQUENCE_INDEX_MAX - 1)
    );
    let (start, end) = (
        KinesisSeq::shard_start(created_s, shard),
        KinesisSeq::shard_end(created_s, shard, record_s),
    );
    assert!(start < number && number < end);
    text
}

/// Changes single characters of a text that is right.
fn altered(input: &mut Input<'_>) {
    let mut text = match input.u8() % 3 {
        0 => made(input).into_bytes(),
        1 => b"arn:aws:kinesis:us-east-1:123456789012:stream/name".to_vec(),
        _ => b"shardId-000000000007".to_vec(),
    };
    while !input.is_empty() {
        let at = input.below(text.len() + 1);
        let byte = input.u8();
        match text.get_mut(at) {
            Some(place) => *place = byte,
            None => text.push(byte),
        }
    }
    if let Ok(text) = std::str::from_utf8(&text) {
        read(text);
    }
}

/// Splits a range; every key has one part.
fn split(input: &mut Input<'_>) {
    let mut key = || HashKey((u128::from(input.u64()) << 64) | u128::from(input.u64()));
    let (first, second) = (key(), key());
    let range = HashKeyRange::new(first.min(second), first.max(second)).expect("in order");
    let count = NonZeroU32::new(1 + input.u32() % PARTS_MAX).expect("at least 1");
    let parts = range.even_split(count);
    assert!(parts.len() <= PARTS_MAX as usize);
    assert_eq!(parts.first().map(HashKeyRange::start), Some(range.start()));
    assert_eq!(parts.last().map(HashKeyRange::end), Some(range.end()));
    for pair in parts.windows(2) {
        assert_eq!(pair[0].end().0 + 1, pair[1].start().0);
    }
}
