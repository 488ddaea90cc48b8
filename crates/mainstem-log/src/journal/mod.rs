//! Step 4a: one sync for the groups of many shards.
//!
//! A sync costs about as much for one group as for a hundred, but each shard has a file of its own.
//! When many shards commit at once, their groups therefore go into one log beside the shards, the
//! commit journal, as well as into their segments, and it is the journal that is synced. The journal
//! is a shard like any other: group commit, checksums, recovery and all; its records are groups.
//!
//! * [`lane`] is a shard's way into the journal, and remembers what of it is durable there alone.
//! * [`joint`] leads many shards by one thread, where nobody waits for their appends.
//! * [`commit`] is the journal while the engine is open: it decides who takes that way, syncs segments
//!   in the background, and deletes what is not needed any more.
//! * [`replay`] writes the groups that a crash left there into their segments, before any shard is
//!   looked at.
//!
//! # Invariants
//! * A segment of the journal goes only when every group in it is durable in its own segment.
//! * A group is acknowledged when it is durable in the journal or in its segment, not before.
//! * No shard is recovered while the journal of an earlier process lies there. So whatever recovery finds
//!   is what it would have found had each group been synced in its segment.
//! * Replay never writes over a whole group that is another one than the journal's.

pub(crate) mod commit;
pub(crate) mod joint;
pub(crate) mod lane;
pub(crate) mod replay;
