//! Bodies above the limit are refused before they are read, those below are taken in any form.

use std::time::Duration;

use mainstem_server::ServerConfig;
use serde_json::json;

use crate::support::{TestServer, head_and_body};

const HEADERS: [(&str, &str); 2] = [
    ("Content-Type", "application/x-amz-json-1.1"),
    ("X-Amz-Target", "Kinesis_20131202.ListStreams"),
];

fn small() -> ServerConfig {
    ServerConfig {
        body_bytes_max: 100,
        bodies_bytes_max: 100,
        ..Default::default()
    }
}

fn padded(bytes: usize) -> Vec<u8> {
    let mut body = b"{}".to_vec();
    body.resize(bytes, b' ');
    body
}

#[test]
fn at_the_limit_and_above() {
    let server = TestServer::start_with(small());
    let mut client = server.client();
    assert_eq!(
        client.request("POST", "/", &HEADERS, &padded(100)).status,
        200
    );
    let refused = client.request("POST", "/", &HEADERS, &padded(101));
    assert_eq!((refused.status, refused.text()), (413, ""));
    assert!(refused.header("x-amzn-requestid").is_some());
    assert_eq!(
        server
            .client()
            .request("POST", "/", &HEADERS, &padded(100))
            .status,
        200
    );
}

#[test]
fn a_chunked_body_is_limited_as_it_comes() {
    let server = TestServer::start_with(small());
    let chunked = |bytes: usize| {
        let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.1\r\n\
                    X-Amz-Target: Kinesis_20131202.ListStreams\r\nTransfer-Encoding: chunked\r\n\r\n";
        let (half, rest) = (bytes / 2, bytes - bytes / 2);
        let body = String::from_utf8(padded(bytes)).unwrap();
        let (first, second) = body.split_at(half);
        format!("{head}{half:x}\r\n{first}\r\n{rest:x}\r\n{second}\r\n0\r\n\r\n")
    };
    let mut client = server.client();
    client.send(chunked(100).as_bytes());
    assert_eq!(client.read().status, 200);
    let mut client = server.client();
    client.send(chunked(101).as_bytes());
    assert_eq!(client.read().status, 413);
}

#[test]
fn a_client_that_waits_for_leave_gets_it() {
    let server = TestServer::start();
    let mut client = server.client();
    let request = head_and_body(
        "POST",
        "/",
        &[HEADERS[0], HEADERS[1], ("Expect", "100-continue")],
        b"{}",
    );
    let (head, body) = request.split_at(request.len() - 2);
    client.send(head);
    assert_eq!(client.read().status, 100);
    client.send(body);
    assert_eq!(client.read().status, 200);
}

#[test]
fn a_client_that_waits_for_leave_is_refused_before_it_sends() {
    let server = TestServer::start_with(small());
    let mut client = server.client();
    let request = head_and_body(
        "POST",
        "/",
        &[HEADERS[0], HEADERS[1], ("Expect", "100-continue")],
        &padded(101),
    );
    client.send(&request[..request.len() - 101]);
    assert_eq!(client.read().status, 413);
}

#[test]
fn a_body_that_does_not_come_is_given_up() {
    let server = TestServer::start_with(ServerConfig {
        body_timeout_ms: 1,
        ..Default::default()
    });
    let mut client = server.client();
    let request = head_and_body("POST", "/", &HEADERS, b"{}");
    client.send(&request[..request.len() - 1]);
    assert_eq!(client.read().status, 408);
    assert!(client.is_closed());
}

#[test]
fn a_head_that_does_not_come_is_given_up() {
    let server = TestServer::start_with(ServerConfig {
        head_timeout_ms: 1,
        ..Default::default()
    });
    let mut client = server.client();
    assert!(client.is_closed());
    let mut client = server.client();
    client.send(b"POST / HTTP/1.1\r\n");
    assert!(client.is_closed());
}

#[test]
fn the_largest_request_fits() {
    let server = TestServer::start();
    let mut client = server.client();
    client.ok(
        "CreateStream",
        &json!({"StreamName": "s", "ShardCount": 1, "MaxRecordSizeInKiB": 10240}),
    );
    // With the partition key, exactly 10 MiB.
    let data = "A".repeat((10 * 1024 * 1024 - 1) / 3 * 4);
    let body = json!({"StreamName": "s", "PartitionKey": "k", "Data": data});
    client.ok("PutRecord", &body);
}

#[test]
fn uploads_that_stall_keep_nobody_out() {
    let server = TestServer::start();
    let bytes = ServerConfig::default().body_bytes_max;
    let head = |length: &str| {
        format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.1\r\n\
             X-Amz-Target: Kinesis_20131202.ListStreams\r\n{length}\r\n\r\n"
        )
    };
    let whole = format!("{}{{", head(&format!("Content-Length: {bytes}")));
    let chunked = format!("{}1\r\n{{\r\n", head("Transfer-Encoding: chunked"));
    let mut stalled: Vec<_> = (0..32).map(|_| server.client()).collect();
    for (index, client) in stalled.iter_mut().enumerate() {
        client.send(if index % 2 == 0 { &whole } else { &chunked }.as_bytes());
    }
    // Waits for the stalled ones to be given up if they hold what they announced, and then fails.
    let mut client = server.client();
    client.give_up_after(Duration::from_secs(20));
    client.ok("ListStreams", &json!({}));
    let body = padded(bytes);
    assert_eq!(client.request("POST", "/", &HEADERS, &body).status, 200);
}
