//! The storage engine: durable, append-only, segmented logs.
