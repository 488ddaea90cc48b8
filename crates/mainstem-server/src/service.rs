//! One request, from its head to its response.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Body, Incoming},
    header::{CONNECTION, CONTENT_TYPE, HeaderValue, ORIGIN},
    http::request::Parts,
};
use mainstem_wire::protocol::Head;
use tokio::sync::SemaphorePermit;

use crate::{
    dispatch::{self, Request as Call},
    http::{self, HttpResponse, RequestIds},
    metrics::Answered,
    state::{BODY_UNIT_BYTES, State},
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
            let done = dispatch::run(&state, Call { parts, body }, ids.request()).await;
            (http::response(done.reply), done.operation, request_bytes)
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
        "/readyz" if state.is_ready() => http::text(StatusCode::OK, plain, "ready\n".to_owned()),
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

/// Reads a body within the limits of size, time and memory. The room is free when dropped.
async fn read(state: &State, body: Incoming) -> Result<(Bytes, SemaphorePermit<'_>), HttpResponse> {
    let settings = state.config.settings();
    let announced = body.size_hint();
    let bytes_max = settings.body_bytes_max;
    let most = announced
        .upper()
        .and_then(|bytes| usize::try_from(bytes).ok());
    if announced.lower() > u64::try_from(bytes_max).unwrap_or(u64::MAX) {
        return Err(refusal(StatusCode::PAYLOAD_TOO_LARGE));
    }
    let units = most
        .unwrap_or(bytes_max)
        .min(bytes_max)
        .div_ceil(BODY_UNIT_BYTES);
    let room = state
        .bodies
        .acquire_many(u32::try_from(units).unwrap_or(u32::MAX))
        .await
        .map_err(|_| refusal(StatusCode::SERVICE_UNAVAILABLE))?;
    let limit = Duration::from_millis(settings.body_timeout_ms);
    match tokio::time::timeout(limit, Limited::new(body, bytes_max).collect()).await {
        Ok(Ok(body)) => Ok((body.to_bytes(), room)),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(refusal(StatusCode::PAYLOAD_TOO_LARGE))
        }
        // The connection broke, so nobody will see this answer.
        Ok(Err(_)) => Err(refusal(StatusCode::BAD_REQUEST)),
        Err(_) => Err(refusal(StatusCode::REQUEST_TIMEOUT)),
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
