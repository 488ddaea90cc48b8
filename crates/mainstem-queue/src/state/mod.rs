//! What the log adds up to. [`apply`] takes one record after the other, in order, as it is written or
//! as it is read again after a crash: both give the same.

pub(crate) mod apply;
pub(crate) mod consumer;
pub(crate) mod dedup;
pub(crate) mod entry;
pub(crate) mod leases;
