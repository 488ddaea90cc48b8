//! Segment files: the read side of one ([`shared`]), all of a shard's ([`set`]), and the write side
//! of the newest ([`active`]).

pub(crate) mod active;
pub(crate) mod prewrite;
pub(crate) mod seal;
pub(crate) mod set;
pub(crate) mod shared;
