//! All peers: a new one is a file here and a line in this list.

mod fjall;
mod ours;
mod redb;
mod sqlite;
mod yaque;

use super::peer::Peer;

/// Everybody, ours first.
pub(crate) static ALL_PEERS: [Peer; 5] = [
    ours::PEER,
    sqlite::PEER,
    redb::PEER,
    fjall::PEER,
    yaque::PEER,
];

/// The name of the one that all others are compared with.
pub(crate) const OURS: &str = ours::PEER.name;

/// Returns the peer called `name`.
pub(crate) fn find(name: &str) -> Option<&'static Peer> {
    ALL_PEERS.iter().find(|it| it.name == name)
}
