//! What the harness finds, and that it can fail.

mod faults;
mod found;
#[cfg(test)]
mod kill_tells_right_from_wrong;
mod rot;
mod sim;
