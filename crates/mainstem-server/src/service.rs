//! One request, from its head to its response.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Body, Incoming},
    header::{CONNECTION, CONTENT_TYPE, HeaderValue, ORIGIN},
    http::request::Parts,
};
use mainstem_wire::protocol::Head;

use crate::{
    dispatch::{self, Request as Call},
    http::{self, HttpResponse, RequestIds},
    metrics::Answered,
    room::{AnswerRoom, Room, is_small},
    state::State,
};

/// Answers one request.
pub(crate) async fn answer(state: Arc<State>, request: Request<Incoming>) -> HttpResponse {
    let started = state.env.clock.elapsed();
    let (parts, body) = request.into_parts();
    if let Some(response) = probe(&state, &parts) {
        return response;
    }
    let ids = RequestIds::draw(state.env.random.as_ref());
    let from_web_page = parts.headers.contains_key(ORIGIN);
    if parts.method == Method::OPTIONS && from_web_page {
        return http::preflight(&parts.headers, &ids);
    }
    let (mut response, operation, request_bytes) = match read(&state, body).await {
        Err(refused) => (refused, None, 0),
        Ok((body, _room)) => {
            let request_bytes = body.len();
            match answer_room(&state, &parts).await {
                Err(refused) => (refused, None, request_bytes),
                Ok(answer_room) => {
                    let done = dispatch::run(&state, Call { parts, body }, ids.request()).await;
                    let response = http::response(done.reply, answer_room);
                    (response, done.operation, request_bytes)
                }
            }
        }
    };
    ids.add_to(response.headers_mut());
    if from_web_page {
        http::add_cors(response.headers_mut());
    }
    let answered = Answered {
        operation,
        status: response.status().as_u16(),
        request_bytes,
        response_bytes: body_bytes(&response),
        duration: state.env.clock.elapsed().since(started),
    };
    state.metrics.count(&answered);
    tracing::debug!(
        id = ids.request(),
        operation = operation.map(tracing::field::display),
        status = answered.status,
        request_bytes,
        response_bytes = answered.response_bytes,
        duration = ?answered.duration,
        "answered"
    );
    response
}

/// Returns the parts of a head that decide what a request is.
pub(crate) fn head(parts: &Parts) -> Head<'_> {
    Head {
        method: parts.method.as_str(),
        content_type: text(&parts.headers, CONTENT_TYPE.as_str()),
        target: text(&parts.headers, "x-amz-target"),
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Answers requests for the server's own health and numbers.
fn probe(state: &State, parts: &Parts) -> Option<HttpResponse> {
    if parts.method != Method::GET {
        return None;
    }
    let plain = "text/plain; charset=utf-8";
    Some(match parts.uri.path() {
        "/livez" => http::text(StatusCode::OK, plain, "live\n".to_owned()),
        "/readyz" if state.is_ready() => match state.streams.trouble() {
            None => http::text(StatusCode::OK, plain, "ready\n".to_owned()),
            Some(trouble) => http::text(
                StatusCode::SERVICE_UNAVAILABLE,
                plain,
                format!("a shard takes no records: {trouble}\n"),
            ),
        },
        "/readyz" => http::text(
            StatusCode::SERVICE_UNAVAILABLE,
            plain,
            "stopping\n".to_owned(),
        ),
        "/metrics" => http::text(
            StatusCode::OK,
            "text/plain; version=0.0.4; charset=utf-8",
            state.metrics.text(),
        ),
        _ => return None,
    })
}

/// Waits for room for the answer if it may be large.
async fn answer_room(state: &State, parts: &Parts) -> Result<Option<AnswerRoom>, HttpResponse> {
    let is_large = head(parts)
        .target
        .is_some_and(|target| target.ends_with(".GetRecords"));
    if !is_large {
        return Ok(None);
    }
    let limit = Duration::from_millis(state.config.settings().body_timeout_ms);
    match tokio::time::timeout(limit, state.answers.largest()).await {
        Ok(room) => Ok(room),
        Err(_) => Err(refusal(StatusCode::SERVICE_UNAVAILABLE)),
    }
}

/// Reads a body within the limits of size, time and memory. The room is free when dropped.
///
/// Room is taken as bytes arrive, never for bytes that were only announced: uploads that stall
/// keep nobody out.
async fn read(state: &State, mut body: Incoming) -> Result<(Bytes, Room<'_>), HttpResponse> {
    let settings = state.config.settings();
    let bytes_max = settings.body_bytes_max;
    let announced = body.size_hint();
    if announced.lower() > u64::try_from(bytes_max).unwrap_or(u64::MAX) {
        return Err(refusal(StatusCode::PAYLOAD_TOO_LARGE));
    }
    let announced = announced.upper();
    let mut room = state.bodies.room(announced.is_some_and(is_small));
    let mut received = BytesMut::new();
    let mut deadline = pin!(tokio::time::sleep(Duration::from_millis(
        settings.body_timeout_ms
    )));
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = &mut deadline => return Err(refusal(StatusCode::REQUEST_TIMEOUT)),
        };
        let data = match frame {
            None => return Ok((received.freeze(), room)),
            // The connection broke, so nobody will see this answer.
            Some(Err(_)) => return Err(refusal(StatusCode::BAD_REQUEST)),
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        let bytes = received.len().saturating_add(data.len());
        if bytes > bytes_max {
            return Err(refusal(StatusCode::PAYLOAD_TOO_LARGE));
        }
        tokio::select! {
            () = room.grow_to(bytes) => {}
            () = &mut deadline => return Err(refusal(StatusCode::SERVICE_UNAVAILABLE)),
        }
        received.extend_from_slice(&data);
    }
}

/// An answer to a request whose body was not read; the connection cannot be used again.
fn refusal(status: StatusCode) -> HttpResponse {
    let mut response = Response::new(http_body_util::Full::default());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn body_bytes(response: &HttpResponse) -> usize {
    response
        .body()
        .size_hint()
        .exact()
        .and_then(|bytes| usize::try_from(bytes).ok())
        .unwrap_or(0)
}
