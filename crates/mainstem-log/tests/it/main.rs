//! What the log promises, one file per promise.

mod appends_are_numbered_and_read_back;
mod kit;
