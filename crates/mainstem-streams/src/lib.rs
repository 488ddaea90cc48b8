//! Streams and shards over logs: routing, retention, iterators.
