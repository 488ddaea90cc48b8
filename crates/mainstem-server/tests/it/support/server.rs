//! A server over an engine in memory, on a free port.

use std::{net::SocketAddr, sync::Arc};

use mainstem_env::Env;
use mainstem_server::{Server, ServerConfig};
use mainstem_streams::{RedbStore, Streams, StreamsConfig};
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::oneshot, task::JoinHandle};

use super::{client::Client, memory_engine::MemoryEngine};

/// A running server. Dropping it stops its runtime.
pub(crate) struct TestServer {
    runtime: Runtime,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    stopped: JoinHandle<()>,
    directory: TempDir,
}

impl TestServer {
    /// Starts a server whose streams are active at once.
    pub(crate) fn start() -> Self {
        Self::start_with(ServerConfig::default())
    }

    /// Starts a server with other settings; the port is a free one all the same.
    pub(crate) fn start_with(mut config: ServerConfig) -> Self {
        let directory = TempDir::new().unwrap();
        let env = Env::real();
        let engine = Arc::new(MemoryEngine::new(Arc::clone(&env.clock)));
        let store = Arc::new(RedbStore::open(&env, directory.path()).unwrap());
        let mut streams_config = StreamsConfig::default();
        streams_config.transition_ms = 0;
        let streams = Streams::with_stores(&env, streams_config, engine, store).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        config.listen = "127.0.0.1:0".parse().unwrap();
        let server = runtime
            .block_on(Server::bind(config, env, streams))
            .unwrap();
        let address = server.local_addr();
        let (stop, stopping) = oneshot::channel();
        let stopped = runtime.spawn(server.serve(async {
            let _ = stopping.await;
        }));
        Self {
            runtime,
            address,
            stop,
            stopped,
            directory,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens a connection.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// Returns the runtime, for clients that need one.
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Asks the server to stop; the result tells when it has.
    pub(crate) fn stop(self) -> Stopping {
        self.stop.send(()).unwrap();
        Stopping {
            runtime: self.runtime,
            stopped: self.stopped,
            _directory: self.directory,
        }
    }
}

/// A server that was asked to stop.
pub(crate) struct Stopping {
    runtime: Runtime,
    stopped: JoinHandle<()>,
    _directory: TempDir,
}

impl Stopping {
    /// Waits until the server has stopped.
    pub(crate) fn wait(self) {
        self.runtime.block_on(self.stopped).unwrap();
    }
}
