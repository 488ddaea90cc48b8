//! What the fuzz targets share.
//!
//! `cargo xtask fuzz` builds and runs them.

mod checksums;
mod decoders;
mod input;
pub mod limit;
mod mutation;
pub mod segment;
mod template;
