//! The command as people and scripts use it.

#[cfg(test)]
mod log_without_a_server;
