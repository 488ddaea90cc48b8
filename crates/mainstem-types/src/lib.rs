//! Names, ids and numbers shared by the layers; no I/O, no async.
