//! Base64 of blobs, with the errors that Kinesis gives.

use base64::{DecodeError, Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;

use crate::error::ApiError;

/// Decodes a blob.
///
/// # Errors
/// The serialization error that Kinesis gives for this text.
pub(crate) fn decode(text: &str) -> Result<Bytes, ApiError> {
    if !text.len().is_multiple_of(4) {
        return Err(invalid(
            text,
            &format!(
                "Base64 encoded length is expected a multiple of 4 bytes but found: {}",
                text.chars().count()
            ),
        ));
    }
    STANDARD
        .decode(text)
        .map(Bytes::from)
        .map_err(|error| match error {
            DecodeError::InvalidByte(position, _) => {
                let found = text.get(position..).and_then(|rest| rest.chars().next());
                // A position inside a character of several bytes has no character to show.
                let found = found.unwrap_or(char::REPLACEMENT_CHARACTER);
                invalid(text, &format!("Invalid Base64 character: '{found}'"))
            }
            // Spelt as Kinesis spells it.
            _ => invalid(text, "Invalid last non-pad Base64 character dectected"),
        })
}

fn invalid(text: &str, reason: &str) -> ApiError {
    ApiError::wrong_type(format!("'{text}' can not be converted to a Blob: {reason}"))
}

/// Appends the base64 of `bytes` to `out`, in place.
pub(crate) fn append(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    let Some(encoded) = base64::encoded_len(bytes.len(), true) else {
        return; // Only a slice of a quarter of the address space overflows; none exists.
    };
    out.resize(start + encoded, 0);
    if let Some(target) = out.get_mut(start..) {
        // The target has exactly the room the encoder asks for, so it never reports too little.
        let written = STANDARD.encode_slice(bytes, target).unwrap_or(0);
        debug_assert_eq!(written, encoded);
    }
}
