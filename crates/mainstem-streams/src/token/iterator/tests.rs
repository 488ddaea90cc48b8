use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use mainstem_env::Env;
use mainstem_types::limits::ITERATOR_CHARS_MAX;

use super::*;

fn sealer() -> Sealer {
    Sealer::new([7; 32], Env::real().random)
}

fn iterator(stream: &str, position: IteratorPosition) -> ShardIterator {
    ShardIterator {
        stream: StreamName::new(stream).unwrap(),
        incarnation: Incarnation(0x1234_5678_9abc_def0),
        shard: ShardId::new(ShardId::INDEX_MAX).unwrap(),
        position,
        issued_ms: 1_700_000_000_123,
    }
}

#[test]
fn any_iterator_comes_back() {
    let sealer = sealer();
    for stream in ["a", &"x".repeat(128)] {
        for position in [
            IteratorPosition::Oldest,
            IteratorPosition::At(SeqNo(0)),
            IteratorPosition::At(SeqNo(u64::MAX)),
            IteratorPosition::Time(1_700_000_000_000),
        ] {
            let iterator = iterator(stream, position);
            let text = iterator.seal(&sealer).unwrap();
            assert_eq!(
                ShardIterator::open(&sealer, &text).as_ref(),
                Some(&iterator)
            );
            let quoted = format!("\"{text}\"");
            assert_eq!(ShardIterator::open(&sealer, &quoted), Some(iterator));
        }
    }
}

#[test]
fn shaped_like_those_of_kinesis() {
    let sealer = sealer();
    let text = iterator("test", IteratorPosition::Oldest)
        .seal(&sealer)
        .unwrap();
    assert!(text.len() <= ITERATOR_CHARS_MAX);
    let bytes = STANDARD.decode(&text).unwrap();
    assert_eq!(bytes[..8], [0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!((bytes.len() - 8) % 16, 0);
    assert!((152..=280).contains(&bytes.len()), "{}", bytes.len());
}

#[test]
fn no_changed_bit_or_character_is_accepted() {
    let sealer = sealer();
    let text = iterator("test", IteratorPosition::At(SeqNo(5)))
        .seal(&sealer)
        .unwrap();
    let bytes = STANDARD.decode(&text).unwrap();
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << bit;
            assert_eq!(
                ShardIterator::open(&sealer, &STANDARD.encode(changed)),
                None
            );
        }
    }
    for place in 0..text.len() {
        for other in ["A", "b", "=", "\"", " ", "é"] {
            if text[place..].starts_with(other) {
                continue;
            }
            let changed = format!("{}{other}{}", &text[..place], &text[place + 1..]);
            assert_eq!(
                ShardIterator::open(&sealer, &changed),
                None,
                "{place} {other}"
            );
        }
        assert_eq!(ShardIterator::open(&sealer, &text[..place]), None);
    }
    for changed in [format!("{text}A"), format!("\"{text}"), format!("{text}\n")] {
        assert_eq!(ShardIterator::open(&sealer, &changed), None);
    }
}
