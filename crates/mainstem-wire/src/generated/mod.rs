//! What `cargo xtask gen-wire` generates from the service model.

pub(crate) mod operations;
pub(crate) mod shapes;
pub(crate) mod types;
