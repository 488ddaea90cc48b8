//! What the harness finds, and that it can fail.

mod faults;
mod found;
mod rot;
mod sim;
