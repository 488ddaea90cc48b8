//! Logs: what one does, who there is, and what is measured.

mod page;
pub(crate) mod peers;
pub(crate) mod rows;
mod store;

#[cfg(test)]
mod tests;

pub(crate) use page::PAGE;
pub(crate) use rows::compare;

/// What logs are called on the command line and in file names.
pub(crate) const KIND: &str = "log";
