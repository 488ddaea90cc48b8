//! The Kinesis-compatible protocol: shapes, codecs, codes; no sockets.
//!
//! A request passes through the modules in this order:
//!
//! 1. [`protocol`] decides from head and body whether it is a call at all, and of what;
//! 2. `json` reads the body along the shape of the operation's input, noting type errors;
//! 3. `constraints` checks lengths, ranges, patterns and enumerations;
//! 4. `convert` makes the typed input, such as [`types::PutRecordInput`].
//!
//! An answer is a typed output written by [`json`], or an [`ApiError`]. Both become a
//! [`reply::Reply`]. Shapes, constraints and error names are generated from the service model
//! (`cargo xtask gen-wire`) and live under `generated/`.
//!
//! A body is read into a `Value`, which knows no encoding, so a second codec needs only
//! to produce one and to write the typed outputs.

mod catalogue;
mod constraints;
mod convert;
mod error;
mod generated;
pub mod json;
mod operation;
pub mod protocol;
pub mod reply;
mod shape;
mod value;

pub use error::{ApiError, MessageKey};
pub use generated::operations::{Operation, error_names};
pub use operation::{OperationInput, OperationModel};

/// Typed inputs and outputs of the operations that Mainstem serves.
pub mod types {
    pub use crate::generated::types::*;
}
