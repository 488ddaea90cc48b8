use super::*;

/// Format version 1. Bytes of released versions never change.
const GOLDEN: &str = concat!(
    r#"{"incarnation":"00000000000000ab","region":"us-east-1","account":"000000000000","#,
    r#""mode":"provisioned","status":{"state":"creating","since_ms":1700000000123},"#,
    r#""created_ms":1700000000123,"retention_hours":24,"readable_from_ms":5,"#,
    r#""record_kib_max":1024,"next_shard_index":3,"shards":["#,
    r#"{"index":0,"hash_start":"0","hash_end":"340282366920938463463374607431768211455","#,
    r#""created_ms":1700000000123,"sequence_epoch_s":1700000000,"#,
    r#""closed":{"at_ms":1700000001000,"end":7}},"#,
    r#"{"index":1,"parent":0,"hash_start":"0","hash_end":"9","#,
    r#""created_ms":1700000002000,"sequence_epoch_s":1700000002},"#,
    r#"{"index":2,"parent":0,"adjacent_parent":1,"hash_start":"10","#,
    r#""hash_end":"340282366920938463463374607431768211455","#,
    r#""created_ms":1700000002000,"sequence_epoch_s":1700000002}]}"#,
);

fn decode(text: &str) -> Result<StreamMeta, String> {
    decode_stream("test", text.as_bytes())
}

#[test]
fn golden_value_is_read_and_written_unchanged() {
    let stream = decode(GOLDEN).unwrap();
    assert_eq!(stream.incarnation, Incarnation(0xab));
    assert_eq!(
        stream.arn.to_string(),
        "arn:aws:kinesis:us-east-1:000000000000:stream/test"
    );
    assert_eq!(stream.shards[0].closed.unwrap().end, SeqNo(7));
    assert_eq!(stream.shards[2].adjacent_parent, ShardId::new(1));
    assert_eq!(
        String::from_utf8(encode_stream(&stream).unwrap()).unwrap(),
        GOLDEN
    );
}

#[test]
fn every_state_and_mode_comes_back() {
    let mut stream = decode(GOLDEN).unwrap();
    for mode in [StreamMode::Provisioned, StreamMode::OnDemand] {
        for status in [
            StoredStatus::Creating { since_ms: 1 },
            StoredStatus::Active,
            StoredStatus::Deleting { since_ms: 2 },
        ] {
            (stream.mode, stream.status) = (mode, status);
            let value = encode_stream(&stream).unwrap();
            assert_eq!(decode_stream("test", &value).unwrap(), stream);
        }
    }
}

#[test]
fn values_that_make_no_sense_are_refused() {
    for (from, to) in [
        ("us-east-1", "US"),
        (r#""account":"0"#, r#""account":"x"#),
        ("00000000000000ab", "zz"),
        ("provisioned", "both"),
        (r#""state":"creating""#, r#""state":"gone""#),
        (r#""readable_from_ms":5,"#, ""),
        (
            r#""readable_from_ms":5,"#,
            r#""readable_from_ms":5,"more":1,"#,
        ),
        (r#""next_shard_index":3"#, r#""next_shard_index":2"#),
        (r#"{"index":1,"#, r#"{"index":0,"#),
        (r#"{"index":2,"#, r#"{"index":2147483648,"#),
        // A hole, an overlap, a range the wrong way round, and a missing upper end.
        (r#""hash_end":"9""#, r#""hash_end":"8""#),
        (r#""hash_end":"9""#, r#""hash_end":"10""#),
        (r#""hash_start":"10""#, r#""hash_start":"010""#),
        (
            r#""hash_start":"10","hash_end":"340282366920938463463374607431768211455""#,
            r#""hash_start":"10","hash_end":"9""#,
        ),
        (
            r#""hash_start":"10","hash_end":"340282366920938463463374607431768211455""#,
            r#""hash_start":"10","hash_end":"11""#,
        ),
    ] {
        assert!(GOLDEN.contains(from), "{from}");
        assert!(
            decode(&GOLDEN.replacen(from, to, 1)).is_err(),
            "{from} -> {to}"
        );
    }
    assert!(decode_stream("no name", GOLDEN.as_bytes()).is_err());
    assert!(decode("{").is_err());
}
