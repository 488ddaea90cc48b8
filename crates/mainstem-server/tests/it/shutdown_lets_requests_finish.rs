//! Shutting down waits for requests under way and closes connections that are idle.

use mainstem_server::ServerConfig;
use serde_json::json;

use crate::support::{TestServer, head_and_body};

#[test]
fn an_idle_connection_does_not_hold_the_server() {
    let server = TestServer::start();
    let mut client = server.client();
    client.ok("ListStreams", &json!({}));
    server.stop().wait();
    assert!(client.is_closed());
}

#[test]
fn a_silent_connection_does_not_hold_the_server() {
    let server = TestServer::start();
    let mut silent = server.client();
    // Connections are accepted in order, so this answer shows that the silent one was.
    server.client().ok("ListStreams", &json!({}));
    server.stop().wait();
    assert!(silent.is_closed());
}

#[test]
fn a_request_that_takes_too_long_is_cut_off() {
    let server = TestServer::start_with(ServerConfig {
        drain_timeout_ms: 1,
        ..Default::default()
    });
    let mut client = server.client();
    let request = head_and_body("POST", "/", &[("Expect", "100-continue")], b"{}");
    client.send(&request[..request.len() - 2]);
    assert_eq!(client.read().status, 100);
    server.stop().wait();
    assert!(client.is_closed());
}

#[test]
fn a_request_under_way_is_answered() {
    let server = TestServer::start();
    let mut client = server.client();
    let request = head_and_body(
        "POST",
        "/",
        &[
            ("Content-Type", "application/x-amz-json-1.1"),
            ("X-Amz-Target", "Kinesis_20131202.ListStreams"),
            ("Expect", "100-continue"),
        ],
        b"{}",
    );
    let (head, body) = request.split_at(request.len() - 2);
    client.send(head);
    // Leave to send shows that the server is busy with the request.
    assert_eq!(client.read().status, 100);
    let stopping = server.stop();
    client.send(body);
    assert_eq!(client.read().status, 200);
    stopping.wait();
    assert!(client.is_closed());
}
