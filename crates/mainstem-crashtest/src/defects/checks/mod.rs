//! Checks that ask more closely than the exploration of plans does.

mod calls;
mod kit;

pub(super) use calls::EXPECTED;
pub(super) use kit::{Check, Tries};
