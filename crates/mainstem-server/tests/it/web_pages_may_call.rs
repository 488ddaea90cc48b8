//! Cross-origin requests of web pages are allowed, as Kinesis allows them.

use serde_json::json;

use crate::support::TestServer;

#[test]
fn a_preflight_is_answered() {
    let server = TestServer::start();
    let headers = [
        ("Origin", "http://localhost:8080"),
        (
            "Access-Control-Request-Headers",
            "x-amz-target,content-type",
        ),
        ("Access-Control-Request-Method", "POST"),
    ];
    let answer = server.client().request("OPTIONS", "/", &headers, b"");
    assert_eq!((answer.status, answer.text()), (200, ""));
    for (name, value) in [
        ("access-control-allow-origin", Some("*")),
        (
            "access-control-allow-headers",
            Some("x-amz-target,content-type"),
        ),
        ("access-control-allow-methods", Some("POST")),
        ("access-control-max-age", Some("172800")),
        ("content-type", None),
        ("x-amz-id-2", None),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    assert_eq!(answer.header("x-amzn-requestid").unwrap().len(), 36);
}

#[test]
fn an_answer_may_be_seen() {
    let server = TestServer::start();
    let headers = [
        ("Origin", "http://localhost:8080"),
        ("Content-Type", "application/x-amz-json-1.1"),
        ("X-Amz-Target", "Kinesis_20131202.ListStreams"),
    ];
    let body = json!({}).to_string();
    let answer = server
        .client()
        .request("POST", "/", &headers, body.as_bytes());
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(
        answer.header("access-control-expose-headers"),
        Some(
            "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date"
        )
    );
}

#[test]
fn without_an_origin_options_is_a_method_like_others() {
    let server = TestServer::start();
    assert_eq!(
        server.client().request("OPTIONS", "/", &[], b"").status,
        403
    );
}
