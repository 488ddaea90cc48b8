//! The server over the wire: raw HTTP to a free port of the loopback.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod bodies_are_limited;
mod calls_are_checked_in_order;
mod connections_speak_http1_and_http2;
mod health_and_metrics_answer;
mod records_come_back;
mod shutdown_lets_requests_finish;
mod streams_live_and_die;
mod support;
mod web_pages_may_call;
