//! Who takes part.

use std::path::Path;

use anyhow::Result;

/// What a peer's figures are compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Mainstem's own.
    Ours,
    /// It keeps the promise that is measured.
    Durable,
    /// It does not, and runs out of competition.
    NotDurable,
    /// No store at all: the least that any has to do.
    Floor,
}

/// A kind of store; `Store` is what it has to do.
pub(crate) struct Peer<Store: ?Sized> {
    pub(crate) name: &'static str,
    pub(crate) standing: Standing,
    /// How it is used here, for the notes of the table.
    pub(crate) how: &'static str,
    /// The rows that ask for what it does not have.
    pub(crate) lacks: &'static [&'static str],
    /// Opens the store in a directory that exists, whatever became of the process that had it open.
    pub(crate) open: fn(&Path) -> Result<Box<Store>>,
}

/// A peer that is only there if the feature of the same name is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Optional {
    pub(crate) name: &'static str,
    pub(crate) is_built: bool,
}

/// Declares the module of each peer, and lists what is called `PEER` in them as `ALL_PEERS`, in this
/// order. Where `if` and a feature follow, the peer is there with this feature, has its name, and is
/// in `OPTIONAL`.
macro_rules! peers {
    ($store:ty: $($module:ident $(if $feature:literal)?,)+) => {
        $(
            $(#[cfg(feature = $feature)])?
            mod $module;
        )+

        /// Everybody, ours first.
        pub(crate) static ALL_PEERS: &[$crate::peer::Peer<$store>] = &[
            $(
                $(#[cfg(feature = $feature)])?
                $module::PEER,
            )+
        ];

        /// Who needs a feature.
        pub(crate) static OPTIONAL: &[$crate::peer::Optional] = &[
            $($($crate::peer::Optional {
                name: $feature,
                is_built: cfg!(feature = $feature),
            },)?)+
        ];
    };
}

pub(crate) use peers;

/// Returns the one called `name`.
pub(crate) fn find<'a, Store: ?Sized>(
    peers: &'a [Peer<Store>],
    name: &str,
) -> Option<&'a Peer<Store>> {
    peers.iter().find(|it| it.name == name)
}
