//! All peers: a new one is a file here and a line in this list.

mod fjall;
mod ours;
mod redb;
mod sqlite;
mod yaque;

use super::store::Queue;
use crate::peer::Peer;

/// Everybody, ours first.
pub(crate) static ALL_PEERS: [Peer<dyn Queue>; 5] = [
    ours::PEER,
    sqlite::PEER,
    redb::PEER,
    fjall::PEER,
    yaque::PEER,
];
