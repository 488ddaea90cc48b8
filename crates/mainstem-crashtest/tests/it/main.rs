//! What the harness finds, and that it can fail.

mod faults;
mod found;
mod history;
mod rot;
mod sim;
