//! Queues: what one does, who there is, and what is measured.

mod inbox;
mod peer;
mod peers;
pub(crate) mod rows;
pub(crate) mod run;

#[cfg(test)]
mod tests;
