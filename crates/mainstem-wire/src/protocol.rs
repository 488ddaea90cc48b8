//! What a request is: the checks up to the operation itself, in the order of Kinesis.
//!
//! # Source
//! The order was observed by sending Kinesis requests that are wrong in two ways.

use crate::{
    constraints,
    error::ApiError,
    generated::operations::Operation,
    json,
    operation::OperationInput,
    reply::{Codec, Reply},
    value::Value,
};

/// The parts of a request's head that decide what it is. Absent headers are `None`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// `Content-Type`.
    pub content_type: Option<&'a str>,
    /// `X-Amz-Target`.
    pub target: Option<&'a str>,
}

/// A request that names an operation and whose body parses.
///
/// Who the caller is gets checked between [`route`] and [`Call::input`].
#[derive(Debug)]
pub struct Call<'a> {
    operation: Operation,
    input: Result<Value<'a>, ApiError>,
}

/// Decides what a request is.
///
/// A CORS preflight is HTTP's own affair and is answered before this.
///
/// # Errors
/// The reply to a request that is no call.
pub fn route<'a>(head: Head<'_>, body: &'a [u8]) -> Result<Call<'a>, Reply> {
    if head.method != "POST" {
        return Err(Reply::access_denied_xml());
    }
    let target = Target::of(head.target);
    let content_type = ContentType::of(head.content_type);
    if body.is_empty() {
        let error = match target {
            Target::Known(_) => ApiError::serialization(),
            Target::Unusable | Target::Unknown => ApiError::unknown_operation(),
        };
        let codec = match content_type {
            ContentType::Kinesis(Codec::Json) => Codec::Json,
            ContentType::Kinesis(Codec::Cbor) | ContentType::PlainJson | ContentType::Other => {
                Codec::Cbor
            }
        };
        return Err(Reply::error(&error, codec));
    }
    match content_type {
        ContentType::Kinesis(Codec::Json) => {}
        ContentType::Kinesis(Codec::Cbor) => return Err(cbor(target)),
        ContentType::PlainJson => return Err(plain_json(body)),
        ContentType::Other => {
            return Err(match target {
                Target::Unusable => Reply::access_denied_xml(),
                Target::Unknown | Target::Known(_) => Reply::unknown_operation_xml(),
            });
        }
    }
    let json_error = |error| Reply::error(&error, Codec::Json);
    let Target::Known(operation) = target else {
        return Err(json_error(if json::is_object(body) {
            ApiError::unknown_operation()
        } else {
            ApiError::serialization()
        }));
    };
    match json::read_input(operation.model().input, body) {
        Ok(input) => Ok(Call { operation, input }),
        Err(json::NotAnObject) => Err(json_error(ApiError::serialization())),
    }
}

/// A body in CBOR is not read yet, and the answer says so.
fn cbor(target: Target) -> Reply {
    let error = match target {
        Target::Known(_) => ApiError::cbor_not_supported_yet(),
        Target::Unusable | Target::Unknown => ApiError::unknown_operation(),
    };
    Reply::error(&error, Codec::Cbor)
}

/// Kinesis knows `application/json` but serves no operation in it.
fn plain_json(body: &[u8]) -> Reply {
    if json::is_object(body) {
        Reply::wrapped(404, &ApiError::unknown_operation())
    } else {
        Reply::wrapped(400, &ApiError::serialization())
    }
}

impl Call<'_> {
    /// Returns the operation that is called.
    pub const fn operation(&self) -> Operation {
        self.operation
    }

    /// Checks the input and returns it as the type of the operation.
    ///
    /// # Errors
    /// The first type error, or else what breaks constraints. An `InternalFailure` if `T` is not
    /// the input of [`Call::operation`].
    pub fn input<T: OperationInput>(self) -> Result<T, ApiError> {
        let value = self.input?;
        constraints::check(self.operation.model().input, &value)?;
        if T::OPERATION != self.operation {
            return Err(ApiError::internal_failure());
        }
        T::from_value(value).map_err(|_| ApiError::internal_failure())
    }
}

/// What `X-Amz-Target` says.
#[derive(Clone, Copy)]
enum Target {
    /// It lacks a service or an operation.
    Unusable,
    /// It names another service, or an operation that does not exist.
    Unknown,
    /// It names an operation of Kinesis.
    Known(Operation),
}

impl Target {
    fn of(header: Option<&str>) -> Self {
        match header.and_then(|target| target.split_once('.')) {
            None | Some(("", _) | (_, "")) => Self::Unusable,
            Some((SERVICE, operation)) => operation.parse().map_or(Self::Unknown, Self::Known),
            Some(_) => Self::Unknown,
        }
    }
}

enum ContentType {
    Kinesis(Codec),
    PlainJson,
    Other,
}

impl ContentType {
    fn of(header: Option<&str>) -> Self {
        let essence = header
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        let is = |name| essence.eq_ignore_ascii_case(name);
        if is(Codec::Json.content_type()) {
            Self::Kinesis(Codec::Json)
        } else if is(Codec::Cbor.content_type()) {
            Self::Kinesis(Codec::Cbor)
        } else if is("application/json") {
            Self::PlainJson
        } else {
            Self::Other
        }
    }
}

/// The service and its version, before the dot of `X-Amz-Target`.
const SERVICE: &str = "Kinesis_20131202";

#[cfg(test)]
mod tests;
