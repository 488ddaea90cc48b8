//! The operations: one file each, all of the same form.
//!
//! Each turns the wire's input into that of the streams layer, calls it, and turns its output into
//! the wire's. Checks that need a stream belong to the streams layer, so the files hold no rules of
//! their own. [`begin`] picks the file.

mod begin;
mod create_stream;
mod delete_stream;
mod describe_limits;
mod describe_stream;
mod describe_stream_summary;
pub(crate) mod failure;
mod get_records;
mod get_shard_iterator;
mod list_shards;
mod list_streams;
mod number;
mod put_record;
mod put_records;
mod retention;
mod shapes;
mod target;

pub(crate) use begin::begin;
