//! Why a server does not start.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

/// Why a server does not start. Nothing was changed in any of these cases.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address can be reached from other machines.
    #[error(
        "refusing to listen on {address}, which other machines may reach: signatures are not \
         checked yet, so whoever connects can read and write every stream; use a loopback address \
         such as 127.0.0.1"
    )]
    NotLoopback {
        /// The refused address.
        address: IpAddr,
    },
    /// A setting is too small.
    #[error("{setting} is {value}, less than {least}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// What it was set to.
        value: u64,
        /// The least it may be.
        least: u64,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}
