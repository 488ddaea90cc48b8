//! Recorded numbers, the layout's borders, and the order of values.

use proptest::prelude::*;

use super::*;

const CREATED_S: u64 = 1_415_926_535;

fn shard(index: u32) -> ShardId {
    ShardId::new(index).unwrap()
}

#[test]
fn recorded_numbers() {
    let start = "49545076777738417104526072615250328849590826206968676354";
    let cases = [
        (KinesisSeq::shard_start(CREATED_S, shard(0)), start),
        (
            KinesisSeq::record(CREATED_S, shard(0), 5, 1_415_926_540),
            "49545076777738417104526072615256373478688899696439590914",
        ),
        (
            KinesisSeq::shard_end(CREATED_S, shard(0), 1_415_926_600),
            "49545076777749567477125337926819887782907540225312948226",
        ),
        (
            KinesisSeq::record(CREATED_S, shard(17), 1, 1_415_926_536),
            "49545076777760717849724603238393073493683089266368839954",
        ),
    ];
    for (seq, text) in cases {
        assert_eq!(seq.to_string(), text);
        assert_eq!(KinesisSeq::parse(text), Ok(seq));
    }
}

/// Adds decimal texts, so that the distance below is not computed by the code under test.
fn add_decimal(a: &str, b: &str) -> String {
    let mut carry = 0;
    let mut sum: Vec<u8> = Vec::new();
    let mut b = b.bytes().rev();
    for digit in a.bytes().rev() {
        let total = digit - b'0' + b.next().map_or(0, |d| d - b'0') + carry;
        sum.push(b'0' + total % 10);
        carry = total / 10;
    }
    sum.reverse();
    String::from_utf8(sum).unwrap()
}

#[test]
fn starts_of_neighbouring_shards() {
    assert_eq!(
        KinesisSeq::shard_start(CREATED_S, shard(1)).to_string(),
        add_decimal(
            &KinesisSeq::shard_start(CREATED_S, shard(0)).to_string(),
            "22300745198530623141535718272648361505980432"
        )
    );
}

#[test]
fn fields_come_back() {
    let seq = KinesisSeq::record(CREATED_S, shard(0x1234_5678), 0x0123_4567_89ab_cdef, 77);
    assert_eq!(seq.shard_created_s(), CREATED_S);
    assert_eq!(seq.shard_index(), 0x1234_5678);
    assert_eq!(seq.sequence_index(), 0x0123_4567_89ab_cdef);
    assert_eq!(seq.record_s(), 77);
}

#[test]
fn values_out_of_range_are_held() {
    let seq = KinesisSeq::record(u64::MAX, shard(3), u64::MAX, u64::MAX);
    assert_eq!(seq.shard_created_s(), KinesisSeq::CREATED_S_END - 1);
    assert_eq!(seq.sequence_index(), KinesisSeq::SEQUENCE_INDEX_MAX - 1);
    assert_eq!(seq.record_s(), TIME_MASK);
    assert_eq!(
        KinesisSeq::record(CREATED_S, shard(0), 0, 0).sequence_index(),
        1
    );
    assert_eq!(KinesisSeq::parse(&seq.to_string()), Ok(seq));
}

#[test]
fn what_is_not_a_current_number() {
    let cases = [
        ("", KinesisSeqError::NotDecimal),
        ("01", KinesisSeqError::NotDecimal),
        ("-2", KinesisSeqError::NotDecimal),
        ("12x", KinesisSeqError::NotDecimal),
        ("0", KinesisSeqError::Version0),
        ("16", KinesisSeqError::Version0),
        ("1", KinesisSeqError::Version1),
        ("2", KinesisSeqError::UnknownVersion),
        ("3", KinesisSeqError::UnknownVersion),
    ];
    for (text, error) in cases {
        assert_eq!(KinesisSeq::parse(text), Err(error), "{text}");
    }
    // 2 * 10^128 + 2 ends in the nibble 2 but has far too many bits.
    let long = format!("2{}2", "0".repeat(127));
    assert_eq!(
        KinesisSeq::parse(&long),
        Err(KinesisSeqError::UnknownVersion)
    );
    assert_eq!(
        KinesisSeq::parse(&"9".repeat(130)),
        Err(KinesisSeqError::NotDecimal)
    );
}

#[test]
fn impossible_fields() {
    let of = |high, low| KinesisSeq { high, low };
    let late = of((2 << 56) | (KinesisSeq::CREATED_S_END << 20), 2);
    assert_eq!(
        KinesisSeq::parse(&late.to_string()),
        Err(KinesisSeqError::CreationTime {
            created_s: KinesisSeq::CREATED_S_END
        })
    );
    let index = of((2 << 56) | (CREATED_S << 20) | 0x8000, 2);
    assert_eq!(
        KinesisSeq::parse(&index.to_string()),
        Err(KinesisSeqError::SequenceIndex {
            sequence_index: 1 << 63
        })
    );
}

proptest! {
    #[test]
    fn decimal_round_trip_and_order(
        a in (0..KinesisSeq::CREATED_S_END, 0..=ShardId::INDEX_MAX, any::<u64>(), 0..=TIME_MASK),
        b in (0..KinesisSeq::CREATED_S_END, 0..=ShardId::INDEX_MAX, any::<u64>(), 0..=TIME_MASK),
    ) {
        let seq = |(created_s, index, place, time_s)| {
            KinesisSeq::record(created_s, shard(index), place, time_s)
        };
        let (a, b) = (seq(a), seq(b));
        let (a_text, b_text) = (a.to_string(), b.to_string());
        prop_assert_eq!(a_text.len(), 56);
        prop_assert_eq!(KinesisSeq::parse(&a_text), Ok(a));
        // Texts of one length compare like the numbers they write.
        prop_assert_eq!(a.cmp(&b), a_text.cmp(&b_text));
    }

    #[test]
    fn no_text_panics(text in "\\PC*|[0-9]{0,140}") {
        let _ = KinesisSeq::parse(&text);
    }
}
