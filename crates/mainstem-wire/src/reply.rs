//! Complete answers: status, content type and body, for HTTP to send.

use crate::{
    error::ApiError,
    json::{JsonWriter, WriteJson},
};

/// The encoding of a request's body, which the answer uses too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a new encoding must be handled")]
pub enum Codec {
    /// `application/x-amz-json-1.1`.
    Json,
    /// `application/x-amz-cbor-1.1`. Only errors are written in it so far.
    Cbor,
}

/// An answer without the headers that every answer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The value of `Content-Type`, if the answer has one.
    pub content_type: Option<&'static str>,
    /// The body, possibly empty.
    pub body: Vec<u8>,
}

impl Codec {
    /// Returns the content type of the encoding.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::Cbor => "application/x-amz-cbor-1.1",
        }
    }
}

impl Reply {
    /// The success of an operation with output.
    pub fn output(output: &impl WriteJson) -> Self {
        let mut writer = JsonWriter::default();
        output.write_json(&mut writer);
        Self::json(200, writer)
    }

    /// The success of an operation without output: an empty body, not `{}`.
    pub const fn empty() -> Self {
        Self {
            status: 200,
            content_type: Some(Codec::Json.content_type()),
            body: Vec::new(),
        }
    }

    /// An error in the encoding of the request.
    pub fn error(error: &ApiError, codec: Codec) -> Self {
        match codec {
            Codec::Json => {
                let mut writer = JsonWriter::default();
                writer.begin_object();
                writer.member("__type", error.name());
                if let Some(message) = error.message() {
                    writer.member(error.key.as_str(), message);
                }
                writer.end_object();
                Self::json(error.status(), writer)
            }
            Codec::Cbor => Self {
                status: error.status(),
                content_type: Some(codec.content_type()),
                body: cbor_error(error),
            },
        }
    }

    /// Says in XML that no operation can be told from the request, as Kinesis does.
    pub(crate) fn access_denied_xml() -> Self {
        let body = "<AccessDeniedException>\n  <Message>Unable to determine service/operation name \
                    to be authorized</Message>\n</AccessDeniedException>\n";
        Self {
            status: 403,
            content_type: None,
            body: body.into(),
        }
    }

    /// Says in XML that the content type is none of the API's.
    pub(crate) fn unknown_operation_xml() -> Self {
        Self {
            status: 404,
            content_type: None,
            body: "<UnknownOperationException/>\n".into(),
        }
    }

    /// An error in the wrapper that goes with `application/json`.
    pub(crate) fn wrapped(status: u16, error: &ApiError) -> Self {
        let body = format!(
            r#"{{"Output":{{"__type":"com.amazon.coral.service#{}"}},"Version":"1.0"}}"#,
            error.name()
        );
        Self {
            status,
            content_type: Some("application/json"),
            body: body.into(),
        }
    }

    fn json(status: u16, writer: JsonWriter) -> Self {
        Self {
            status,
            content_type: Some(Codec::Json.content_type()),
            body: writer.into_bytes(),
        }
    }
}

/// Writes `{"__type": …, "message": …}` as CBOR: a map of open length, as Kinesis sends it.
fn cbor_error(error: &ApiError) -> Vec<u8> {
    let mut out = vec![CBOR_MAP_OPEN];
    cbor_text(&mut out, "__type");
    cbor_text(&mut out, error.name());
    if let Some(message) = error.message() {
        cbor_text(&mut out, error.key.as_str());
        cbor_text(&mut out, message);
    }
    out.push(CBOR_BREAK);
    out
}

/// Appends a CBOR text: its length in the shortest form, then the bytes.
fn cbor_text(out: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()) {
        Ok(length @ 0..=23) => out.push(CBOR_TEXT | length),
        Ok(length) => out.extend_from_slice(&[CBOR_TEXT | CBOR_LENGTH_FOLLOWS, length]),
        Err(_) => return cbor_long_text(out, text),
    }
    out.extend_from_slice(text.as_bytes());
}

/// Appends a CBOR text in pieces of at most 255 bytes, cut between characters.
fn cbor_long_text(out: &mut Vec<u8>, text: &str) {
    out.push(CBOR_TEXT_OPEN);
    let mut rest = text;
    while !rest.is_empty() {
        let cut = rest.floor_char_boundary(usize::from(u8::MAX));
        let (piece, tail) = rest.split_at(cut);
        cbor_text(out, piece);
        rest = tail;
    }
    out.push(CBOR_BREAK);
}

/// Major type 3, text, of RFC 8949.
const CBOR_TEXT: u8 = 0x60;
/// In place of a length: it follows in a byte of its own.
const CBOR_LENGTH_FOLLOWS: u8 = 0x18;
/// A text in pieces, ended by a break.
const CBOR_TEXT_OPEN: u8 = 0x7f;
/// A map ended by a break.
const CBOR_MAP_OPEN: u8 = 0xbf;
/// The break.
const CBOR_BREAK: u8 = 0xff;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ListStreamsOutput, PutRecordOutput};

    fn text(reply: &Reply) -> &str {
        std::str::from_utf8(&reply.body).unwrap()
    }

    #[test]
    fn errors_in_json() {
        let reply = Reply::error(&ApiError::unknown_operation(), Codec::Json);
        assert_eq!(text(&reply), r#"{"__type":"UnknownOperationException"}"#);
        assert_eq!(
            (reply.status, reply.content_type),
            (400, Some("application/x-amz-json-1.1"))
        );
        let reply = Reply::error(
            &ApiError::worded("InvalidArgumentException", "Invalid ShardIterator.".into()),
            Codec::Json,
        );
        assert_eq!(
            text(&reply),
            r#"{"__type":"InvalidArgumentException","message":"Invalid ShardIterator."}"#
        );
        let reply = Reply::error(&ApiError::wrong_type("x".into()), Codec::Json);
        assert_eq!(
            text(&reply),
            r#"{"__type":"SerializationException","Message":"x"}"#
        );
        assert_eq!(
            Reply::error(&ApiError::internal_failure(), Codec::Json).status,
            500
        );
    }

    #[test]
    fn errors_in_cbor() {
        let reply = Reply::error(&ApiError::serialization(), Codec::Cbor);
        assert_eq!(reply.content_type, Some("application/x-amz-cbor-1.1"));
        assert_eq!(reply.body, b"\xbf\x66__type\x76SerializationException\xff");
        let reply = Reply::error(&ApiError::unknown_operation(), Codec::Cbor);
        assert_eq!(
            reply.body,
            b"\xbf\x66__type\x78\x19UnknownOperationException\xff"
        );
    }

    #[test]
    fn long_texts_in_cbor_are_cut_between_characters() {
        let mut out = Vec::new();
        cbor_text(&mut out, &"ä".repeat(200));
        assert_eq!(out[..3], [0x7f, 0x78, 254]);
        assert_eq!(out[3 + 254..3 + 254 + 2], [0x78, 146]);
        assert_eq!(out.len(), 1 + 2 + 254 + 2 + 146 + 1);
    }

    #[test]
    fn outputs() {
        let output = PutRecordOutput {
            shard_id: "shardId-000000000000".into(),
            sequence_number: "1".into(),
            encryption_type: None,
        };
        assert_eq!(
            text(&Reply::output(&output)),
            r#"{"ShardId":"shardId-000000000000","SequenceNumber":"1"}"#
        );
        let output = ListStreamsOutput {
            stream_names: vec!["a".into(), "b".into()],
            has_more_streams: false,
            next_token: None,
            stream_summaries: None,
        };
        assert_eq!(
            text(&Reply::output(&output)),
            r#"{"StreamNames":["a","b"],"HasMoreStreams":false}"#
        );
        assert_eq!(Reply::empty().body, b"");
    }
}
