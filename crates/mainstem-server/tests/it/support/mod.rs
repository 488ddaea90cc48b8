//! A server on a free port, and a client that speaks HTTP by hand.

mod client;
mod memory_engine;
mod server;

pub(crate) use client::{Client, head_and_body};
pub(crate) use server::TestServer;
