//! One plain port takes HTTP/1.1 with keep-alive and HTTP/2 with prior knowledge.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, Version, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mainstem_server::ServerConfig;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::{TestServer, head_and_body};

#[test]
fn many_requests_on_one_connection() {
    let server = TestServer::start();
    let mut client = server.client();
    for _ in 0..10 {
        client.ok("ListStreams", &json!({}));
    }
}

#[test]
fn requests_may_be_sent_ahead() {
    let server = TestServer::start();
    let mut client = server.client();
    let headers = [
        ("Content-Type", "application/x-amz-json-1.1"),
        ("X-Amz-Target", "Kinesis_20131202.ListStreams"),
    ];
    let request = head_and_body("POST", "/", &headers, b"{}");
    client.send(&request.repeat(3));
    for _ in 0..3 {
        assert_eq!(client.read().status, 200);
    }
}

#[test]
fn http2_with_prior_knowledge() {
    let server = TestServer::start();
    let address = server.address();
    server.runtime().block_on(async move {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        let driver = tokio::spawn(connection);
        for (operation, body, expected) in [
            (
                "CreateStream",
                json!({"StreamName": "s", "ShardCount": 2}),
                Value::Null,
            ),
            ("DescribeLimits", json!({}), json!(2)),
        ] {
            let request = Request::post(format!("http://{address}/"))
                .header("content-type", "application/x-amz-json-1.1")
                .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
                .body(Full::new(Bytes::from(body.to_string())))
                .unwrap();
            let response = sender.send_request(request).await.unwrap();
            assert_eq!(response.version(), Version::HTTP_2);
            assert_eq!(response.status(), StatusCode::OK);
            assert!(response.headers().contains_key("x-amzn-requestid"));
            assert!(response.headers().contains_key("date"));
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let found: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
            assert_eq!(found["OpenShardCount"], expected);
        }
        drop(sender);
        driver.await.unwrap().unwrap();
    });
}

/// Requests that wait for room must not fill the connection's window, or those that have room
/// could not go on.
#[test]
fn http2_requests_that_wait_for_room_do_not_stall_others() {
    let body_bytes = 1024 * 1024;
    let server = TestServer::start_with(ServerConfig {
        body_bytes_max: body_bytes,
        bodies_bytes_max: body_bytes,
        ..Default::default()
    });
    let address = server.address();
    server.runtime().block_on(async move {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        let driver = tokio::spawn(connection);
        let requests: Vec<_> = (0..200)
            .map(|_| {
                let mut sender = sender.clone();
                let mut body = b"{}".to_vec();
                body.resize(body_bytes, b' ');
                tokio::spawn(async move {
                    let request = Request::post(format!("http://{address}/"))
                        .header("content-type", "application/x-amz-json-1.1")
                        .header("x-amz-target", "Kinesis_20131202.ListStreams")
                        .body(Full::new(Bytes::from(body)))
                        .unwrap();
                    sender.ready().await.unwrap();
                    sender.send_request(request).await.unwrap().status()
                })
            })
            .collect();
        for request in requests {
            assert_eq!(request.await.unwrap(), StatusCode::OK);
        }
        drop(sender);
        driver.await.unwrap().unwrap();
    });
}
