//! Type errors word for word, and what is read from which JSON.

use proptest::prelude::*;

use super::*;
use crate::generated::{operations::Operation, shapes};

fn read(shape: &'static Shape, body: &str) -> Result<Value<'static>, ApiError> {
    // Leaked so that values can outlive the call; bodies of tests are small.
    let body: &'static str = Box::leak(body.to_owned().into_boxed_str());
    read_input(shape, body.as_bytes()).unwrap()
}

fn message(shape: &'static Shape, body: &str) -> String {
    let error = read(shape, body).unwrap_err();
    assert_eq!(error.name(), "SerializationException");
    assert_eq!(error.key, crate::MessageKey::Upper);
    error.message().unwrap().to_owned()
}

const NUMBER: &str = "com.amazon.coral.value.json.numbers.TruncatingBigNumber";
const LIST: &str = "Start of list found where not expected";
const MAP: &str = "Start of structure or map found where not expected.";

#[test]
fn scalars_of_the_wrong_type() {
    let put = &shapes::PUT_RECORD_INPUT;
    let create = &shapes::CREATE_STREAM_INPUT;
    let iterator = &shapes::GET_SHARD_ITERATOR_INPUT;
    let cases = [
        (
            put,
            "PartitionKey",
            "true",
            "class java.lang.Boolean can not be converted to an String",
        ),
        (
            put,
            "PartitionKey",
            "12",
            &format!("class {NUMBER} can not be converted to an String"),
        ),
        (
            put,
            "PartitionKey",
            "1.5",
            &format!("class {NUMBER} can not be converted to an String"),
        ),
        (put, "PartitionKey", "[1]", LIST),
        (put, "PartitionKey", r#"{"a":1}"#, MAP),
        (
            create,
            "ShardCount",
            "true",
            "class java.lang.Boolean can not be converted to an Integer",
        ),
        (
            create,
            "ShardCount",
            r#""1""#,
            "class java.lang.String can not be converted to an Integer",
        ),
        (create, "ShardCount", "[]", LIST),
        (create, "ShardCount", "{}", MAP),
        (
            put,
            "DryRun",
            "1",
            &format!("class {NUMBER} can not be converted to an Boolean"),
        ),
        (
            put,
            "DryRun",
            r#""yes""#,
            "'YES' can not be converted to an Boolean",
        ),
        (put, "DryRun", "[]", LIST),
        (
            put,
            "Data",
            "true",
            "class java.lang.Boolean can not be converted to a Blob",
        ),
        (
            put,
            "Data",
            "7",
            &format!("class {NUMBER} can not be converted to a Blob"),
        ),
        (put, "Data", "[]", LIST),
        (put, "Data", "{}", MAP),
        (
            iterator,
            "Timestamp",
            "true",
            "class java.lang.Boolean can not be converted to milliseconds since epoch",
        ),
        (
            iterator,
            "Timestamp",
            r#""now""#,
            "class java.lang.String can not be converted to milliseconds since epoch",
        ),
    ];
    for (shape, member, value, expected) in cases {
        assert_eq!(
            message(shape, &format!(r#"{{"{member}":{value}}}"#)),
            expected,
            "{value}"
        );
    }
}

#[test]
fn containers_of_the_wrong_type() {
    let create = &shapes::CREATE_STREAM_INPUT;
    let records = &shapes::PUT_RECORDS_INPUT;
    for scalar in ["true", "1", "1.5", r#""x""#] {
        let records_body = format!(r#"{{"Records":{scalar}}}"#);
        assert_eq!(message(records, &records_body), "Expected list or null");
        let tags = format!(r#"{{"Tags":{scalar}}}"#);
        assert_eq!(message(create, &tags), "Expected map or null");
        let mode = format!(r#"{{"StreamModeDetails":{scalar}}}"#);
        assert_eq!(message(create, &mode), "Expected null");
        let entry = format!(r#"{{"Records":[{scalar}]}}"#);
        assert_eq!(message(records, &entry), "Expected null");
    }
    assert_eq!(message(records, r#"{"Records":{}}"#), MAP);
    assert_eq!(message(records, r#"{"Records":[[]]}"#), LIST);
    assert_eq!(message(create, r#"{"Tags":[]}"#), LIST);
    assert_eq!(message(create, r#"{"StreamModeDetails":[]}"#), LIST);
}

#[test]
fn long_wanted() {
    static LONG: Shape = Shape {
        name: "Long",
        kind: Kind::Long(crate::shape::Bounds::NONE),
    };
    static MEMBERS: [Member; 1] = [Member {
        name: "L",
        required: false,
        shape: &LONG,
    }];
    static SHAPE: Shape = Shape {
        name: "S",
        kind: Kind::Structure(&MEMBERS),
    };
    assert_eq!(
        message(&SHAPE, r#"{"L":"x"}"#),
        "class java.lang.String can not be converted to an Long"
    );
    for (json, number) in [
        ("1.9", 1),
        ("18446744073709551615", i64::MAX),
        ("-1e30", i64::MIN),
    ] {
        assert_eq!(
            read(&SHAPE, &format!(r#"{{"L":{json}}}"#)),
            Ok(Value::Structure(vec![Value::Long(number)]))
        );
    }
}

#[test]
fn bad_base64() {
    let put = &shapes::PUT_RECORD_INPUT;
    let cases = [
        (
            "hello",
            "'hello' can not be converted to a Blob: Base64 encoded length is expected a multiple \
             of 4 bytes but found: 5",
        ),
        (
            "h;ll",
            "'h;ll' can not be converted to a Blob: Invalid Base64 character: ';'",
        ),
        (
            "=aaa",
            "'=aaa' can not be converted to a Blob: Invalid Base64 character: '='",
        ),
        (
            "aa=a",
            "'aa=a' can not be converted to a Blob: Invalid Base64 character: '='",
        ),
        (
            "+3A=+3A=",
            "'+3A=+3A=' can not be converted to a Blob: Invalid Base64 character: '='",
        ),
        (
            "YWF=",
            "'YWF=' can not be converted to a Blob: Invalid last non-pad Base64 character dectected",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(
            message(put, &format!(r#"{{"Data":"{text}"}}"#)),
            expected,
            "{text}"
        );
    }
}

#[test]
fn integers_are_truncated_and_held() {
    let get = &shapes::GET_RECORDS_INPUT;
    for (json, number) in [
        ("1.9", 1),
        ("-1.9", -1),
        ("2147483647", i32::MAX),
        ("2147483648", i32::MAX),
        ("1e30", i32::MAX),
        ("-9999999999", i32::MIN),
        ("18446744073709551616", i32::MAX),
    ] {
        let Ok(Value::Structure(members)) = read(get, &format!(r#"{{"Limit":{json}}}"#)) else {
            panic!("{json}");
        };
        assert_eq!(members[0], Value::Integer(number), "{json}");
    }
}

#[test]
fn times_are_seconds_with_a_fraction() {
    for (json, milliseconds) in [
        ("1700000000.123", 1_700_000_000_123),
        ("1700000000", 1_700_000_000_000),
        ("1.7e9", 1_700_000_000_000),
        ("-0.5", -500),
        ("1e300", i64::MAX),
    ] {
        let body = format!(r#"{{"Timestamp":{json}}}"#);
        let Ok(Value::Structure(members)) = read(&shapes::GET_SHARD_ITERATOR_INPUT, &body) else {
            panic!("{json}");
        };
        assert!(
            members.contains(&Value::Timestamp(milliseconds)),
            "{json}: {members:?}"
        );
    }
}

#[test]
fn unknown_members_are_ignored_and_null_means_absent() {
    let body = r#"{"Nonsense":[{"a":[1,"x",null]}],"Limit":null,"ShardIterator":"i"}"#;
    let Ok(Value::Structure(members)) = read(&shapes::GET_RECORDS_INPUT, body) else {
        panic!("not read");
    };
    assert_eq!(members[..2], [Value::Absent, Value::String("i".into())]);
}

#[test]
fn escapes_are_resolved() {
    let body = r#"{"Partition\u004bey":"a\"\u00e4","Data":"\/\/\/\/"}"#;
    let Ok(Value::Structure(members)) = read(&shapes::PUT_RECORD_INPUT, body) else {
        panic!("not read");
    };
    assert!(members.contains(&Value::String("a\"ä".into())));
    assert!(members.contains(&Value::Blob(vec![0xff, 0xff, 0xff].into())));
}

#[test]
fn the_first_type_error_counts_but_bad_json_wins() {
    let put = &shapes::PUT_RECORD_INPUT;
    assert_eq!(
        message(put, r#"{"Data":true,"PartitionKey":[]}"#),
        "class java.lang.Boolean can not be converted to a Blob"
    );
    assert_eq!(
        read_input(put, br#"{"Data":true,"PartitionKey":"#).err(),
        Some(NotAnObject)
    );
}

#[test]
fn what_is_no_object() {
    for body in [
        "",
        " ",
        "1",
        "null",
        "true",
        "[]",
        "\"x\"",
        "{",
        "{}x",
        "{\"a\"}",
        "\u{feff}{}",
    ] {
        assert_eq!(
            read_input(&shapes::PUT_RECORD_INPUT, body.as_bytes()).err(),
            Some(NotAnObject)
        );
        assert!(!is_object(body.as_bytes()), "{body}");
    }
    assert!(is_object(b" {\"a\":[1,{}]} "));
    assert!(!is_object(b"{\"a\":\"\xff\"}"));
    let deep = format!("{{\"Records\":{}", "[".repeat(100_000));
    assert!(read_input(&shapes::PUT_RECORDS_INPUT, deep.as_bytes()).is_err());
}

proptest! {
    #[test]
    fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..200), which in 0usize..57) {
        let _ = read_input(Operation::ALL[which].model().input, &body);
    }

    #[test]
    fn no_json_panics(
        which in 0usize..57,
        member in "[A-Z][A-Za-z]{0,20}|Records|StreamName|Data|Tags|Limit|Timestamp",
        value in "[\\[\\]{}\":,0-9a-z.eE+-]{0,40}",
    ) {
        let shape = Operation::ALL[which].model().input;
        let body = format!(r#"{{"{member}":{value}}}"#);
        if let Ok(Ok(value)) = read_input(shape, body.as_bytes()) {
            let _ = crate::constraints::check(shape, &value);
        }
    }
}
