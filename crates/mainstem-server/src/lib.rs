//! The HTTP server: one port, one file per operation.
//!
//! A request passes through the modules in this order: `connection` accepts and speaks HTTP/1.1 or
//! HTTP/2; `service` gives it ids, answers probes and CORS, and reads the body within the limits;
//! `dispatch` moves it to a thread that may block, where `mainstem_wire` decodes it and the file
//! of the operation under `operations` does it; what waits for durability is awaited without a
//! thread. The connection's task writes the answer.

mod config;
mod connection;
mod dispatch;
mod error;
mod http;
mod metrics;
mod operations;
mod patience;
mod room;
mod server;
mod service;
mod state;

pub use config::ServerConfig;
pub use error::ServerError;
pub use server::Server;
