//! What the fuzz targets share.
//!
//! `cargo xtask fuzz` builds and runs them.

pub mod catalogue;
mod checksums;
mod decoders;
pub mod engine;
mod input;
pub mod limit;
mod mutation;
pub mod numbers;
pub mod queue;
pub mod records;
pub mod rot;
pub mod said;
pub mod segment;
mod shelf;
mod template;
pub mod tokens;
pub mod wire;
mod world;
