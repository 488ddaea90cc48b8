//! The Kinesis-compatible protocol: shapes, codecs, codes; no sockets.
