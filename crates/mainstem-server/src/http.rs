//! What all answers have in common: ids, CORS, and the way from a reply to a response.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
        ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, HeaderName, HeaderValue,
    },
};
use mainstem_env::Random;
use mainstem_wire::reply::Reply;

use crate::room::AnswerRoom;

/// A response with its whole body.
pub(crate) type HttpResponse = Response<Full<Bytes>>;

/// The random ids of one answer.
pub(crate) struct RequestIds {
    request: String,
    extended: String,
}

impl RequestIds {
    /// Draws new ids. They serve to find a request in the logs, so without randomness they are
    /// zeros and the request is served all the same.
    pub(crate) fn draw(random: &dyn Random) -> Self {
        let mut bytes = [0; UUID_BYTES + EXTENDED_ID_BYTES];
        if let Err(error) = random.fill(&mut bytes) {
            tracing::error!(%error, "no randomness for request ids");
        }
        let (uuid, extended) = bytes.split_at(UUID_BYTES);
        Self {
            request: uuid_text(uuid),
            extended: STANDARD.encode(extended),
        }
    }

    /// Returns the id that `x-amzn-RequestId` carries.
    pub(crate) fn request(&self) -> &str {
        &self.request
    }

    /// Adds the ids to an answer.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        insert(
            headers,
            HeaderName::from_static("x-amzn-requestid"),
            &self.request,
        );
        insert(
            headers,
            HeaderName::from_static("x-amz-id-2"),
            &self.extended,
        );
    }

    /// Adds the one id that the answer to a CORS preflight has.
    fn add_request_id_to(&self, headers: &mut HeaderMap) {
        insert(
            headers,
            HeaderName::from_static("x-amzn-requestid"),
            &self.request,
        );
    }
}

/// Writes random bytes as a UUID of version 4.
fn uuid_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        let byte = match index {
            6 => (byte & 0x0f) | 0x40,
            8 => (byte & 0x3f) | 0x80,
            _ => *byte,
        };
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for nibble in [byte >> 4, byte & 0xf] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text
}

/// Answers the preflight of a request from a web page.
pub(crate) fn preflight(request: &HeaderMap, ids: &RequestIds) -> HttpResponse {
    let mut response = Response::new(Full::default());
    let headers = response.headers_mut();
    ids.add_request_id_to(headers);
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    for (asked, allowed) in [
        (ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_ALLOW_HEADERS),
        (ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_ALLOW_METHODS),
    ] {
        if let Some(value) = request.get(asked) {
            headers.insert(allowed, value.clone());
        }
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("172800"));
    response
}

/// Lets a web page see an answer.
pub(crate) fn add_cors(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(
            "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date",
        ),
    );
}

/// Makes a response of a reply of the protocol, which keeps `room` until it was written.
pub(crate) fn response(reply: Reply, room: Option<AnswerRoom>) -> HttpResponse {
    let body = match room {
        Some(room) => room.hold(reply.body),
        None => Bytes::from(reply.body),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(content_type) = reply.content_type {
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    response
}

/// Makes a response in plain text, for people and probes.
pub(crate) fn text(status: StatusCode, content_type: &'static str, body: String) -> HttpResponse {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // Ids are hexadecimal or base64, which any header may hold.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Bytes of a UUID.
const UUID_BYTES: usize = 16;

/// Bytes behind `x-amz-id-2`, about as many as Kinesis has.
const EXTENDED_ID_BYTES: usize = 72;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_of_version_four() {
        assert_eq!(
            uuid_text(&[0xff; 16]),
            "ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
        assert_eq!(uuid_text(&[0; 16]), "00000000-0000-4000-8000-000000000000");
    }
}
