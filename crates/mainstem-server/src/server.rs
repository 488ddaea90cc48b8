//! The server as its owner sees it: bind, then serve until told to stop.

use std::{future::Future, net::SocketAddr, sync::Arc};

use mainstem_env::Env;
use mainstem_streams::Streams;
use tokio::net::TcpListener;

use crate::{config::ServerConfig, connection, error::ServerError, state::State};

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    state: Arc<State>,
}

impl Server {
    /// Checks `config` and begins to listen. Connections wait until [`Server::serve`] runs.
    ///
    /// `env` gives the time and the random ids of answers. The caller keeps its own hold of
    /// `streams` and closes them after [`Server::serve`] has returned.
    ///
    /// # Errors
    /// [`ServerError::NotLoopback`] for an address other machines may reach,
    /// [`ServerError::Setting`] for a value out of range, [`ServerError::Listen`] if the address
    /// is taken or not of this machine.
    pub async fn bind(
        config: ServerConfig,
        env: Env,
        streams: Streams,
    ) -> Result<Self, ServerError> {
        let config = config.validate()?;
        let wanted = config.settings().listen;
        let failed = |source| ServerError::Listen {
            address: wanted,
            source,
        };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            address,
            state: State::new(env, config, streams),
        })
    }

    /// Returns the address listened on, with the port that was picked if any would do.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is ready, then lets requests under way finish and returns.
    ///
    /// After `shutdown` no connection is accepted and open ones are closed as they fall idle. What
    /// is still open after `drain_timeout_ms` is cut; a write cut then may or may not have been
    /// stored, as when a connection breaks.
    ///
    /// # Cancel safety
    /// Dropping the future stops accepting; connections already accepted go on.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        tracing::warn!(
            address = %self.address,
            "signatures are not checked yet: any credentials are accepted, on loopback only"
        );
        connection::serve(&self.listener, &self.state, shutdown).await;
        tracing::info!(address = %self.address, "stopped");
    }
}
