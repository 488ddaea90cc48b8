//! Probes and numbers, beside the API.

use serde_json::json;

use crate::support::TestServer;

#[test]
fn a_running_server_is_live_and_ready() {
    let server = TestServer::start();
    let mut client = server.client();
    for (path, body) in [("/livez", "live\n"), ("/readyz", "ready\n")] {
        let answer = client.request("GET", path, &[], b"");
        assert_eq!((answer.status, answer.text()), (200, body));
    }
}

#[test]
fn calls_are_counted() {
    let server = TestServer::start();
    let mut client = server.client();
    client.ok("ListStreams", &json!({}));
    client
        .call("DescribeStream", &json!({"StreamName": "absent"}))
        .error(400);
    let metrics = client.request("GET", "/metrics", &[], b"");
    assert_eq!(metrics.status, 200);
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    for line in [
        "mainstem_requests_total{operation=\"ListStreams\",outcome=\"success\"} 1",
        "mainstem_requests_total{operation=\"DescribeStream\",outcome=\"client_error\"} 1",
        "mainstem_connections_open 1",
    ] {
        assert!(
            metrics.text().lines().any(|found| found == line),
            "{line}\n{}",
            metrics.text()
        );
    }
}
