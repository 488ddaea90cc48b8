//! JSON version 1.1 of the protocol: reading inputs along their shapes, writing typed outputs.

mod base64_text;
mod read;
mod write;

pub(crate) use read::{NotAnObject, is_object, read_input};
pub use write::{JsonWriter, WriteJson};
