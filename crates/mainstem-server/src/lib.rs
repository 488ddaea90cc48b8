//! The HTTP server: one port, one file per operation.
