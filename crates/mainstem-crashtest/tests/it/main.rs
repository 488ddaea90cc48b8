//! What the harness finds, and that it can fail.

mod sim;
