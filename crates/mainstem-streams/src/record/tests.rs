use super::*;

fn encoded(partition_key: Option<&str>, data: &[u8]) -> Bytes {
    let mut payload = header(partition_key).unwrap().to_vec();
    payload.extend_from_slice(partition_key.unwrap_or_default().as_bytes());
    payload.extend_from_slice(data);
    payload.into()
}

/// The dump in `docs/format-records.md`, position and text left out.
fn documented() -> Vec<u8> {
    let page = include_str!("../../../../docs/format-records.md");
    let dump = page.split("```hexdump\n").nth(1).unwrap();
    let dump = dump.split("```").next().unwrap();
    let columns = dump
        .lines()
        .flat_map(|line| line.get(10..58).unwrap().split_whitespace());
    columns
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

#[test]
fn golden_payload_is_the_documented_one() {
    let payload = encoded(Some("user1"), b"user signup");
    assert_eq!(payload, documented());
    let decoded = decode(&payload).unwrap();
    assert_eq!(decoded.partition_key.as_deref(), Some("user1"));
    assert_eq!(decoded.data, &b"user signup"[..]);
}

#[test]
fn any_key_and_data_come_back() {
    let long = "é".repeat(256);
    for key in [None, Some(""), Some("k"), Some(long.as_str())] {
        for data in [&b""[..], b"x", &[0xff; 3000]] {
            let decoded = decode(&encoded(key, data)).unwrap();
            assert_eq!(decoded.partition_key.as_deref(), key);
            assert_eq!(decoded.data, data);
        }
    }
    assert!(header(Some(&"k".repeat(65_535))).is_some());
    assert!(header(Some(&"k".repeat(65_536))).is_none());
}

#[test]
fn each_kind_of_damage_has_its_own_error() {
    let good = encoded(Some("key"), b"");
    for end in 0..good.len() {
        let error = decode(&good.slice(..end)).unwrap_err();
        assert_eq!(error, PayloadError::Short { bytes: end });
    }
    let damaged = |place: usize, value: u8| {
        let mut bytes = good.to_vec();
        bytes[place] = value;
        decode(&bytes.into()).unwrap_err()
    };
    assert_eq!(damaged(0, 2), PayloadError::Unsupported { version: 2 });
    assert!(matches!(damaged(0, 0), PayloadError::Header { .. }));
    assert!(matches!(damaged(1, 0), PayloadError::Header { .. }));
    assert!(matches!(damaged(1, 3), PayloadError::Header { .. }));
    assert_eq!(damaged(4, 0xff), PayloadError::PartitionKey);
}
