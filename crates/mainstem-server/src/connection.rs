//! Accepts connections and speaks HTTP on them.

use std::{
    convert::Infallible,
    future::Future,
    pin::pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown, graceful::Watcher},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::MissedTickBehavior,
};

use crate::{metrics::Metrics, operations::failure, patience::Patient, service, state::State};

/// Accepts connections until `shutdown` is ready, then waits for those under way.
pub(crate) async fn serve(
    listener: &TcpListener,
    state: &Arc<State>,
    shutdown: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(state.config.settings().connections_max));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let mut maintenance = tokio::time::interval(MAINTENANCE_PAUSE);
    maintenance.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            _ = maintenance.tick() => maintain(state),
            // Forgets connections that have ended; a panic in one was reported by its hook.
            Some(_) = connections.join_next() => {}
            accepted = accept(listener, &places) => {
                if let Some((stream, place)) = accepted {
                    let connection = connection(stream, Arc::clone(state), graceful.watcher());
                    connections.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
            }
        }
    }
    state.stop();
    let drain = Duration::from_millis(state.config.settings().drain_timeout_ms);
    if tokio::time::timeout(drain, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(?drain, "requests still under way are cut off");
    }
    connections.shutdown().await;
}

/// Lets the streams layer free the space of deleted streams, on a thread that may block.
fn maintain(state: &Arc<State>) {
    let state = Arc::clone(state);
    // Not awaited: a run takes what it takes, and one that overlaps the next waits for it.
    drop(tokio::task::spawn_blocking(move || {
        if let Err(error) = state.streams.maintain() {
            tracing::error!(error = %failure::chain(&error), "deleted streams are left for later");
        }
    }));
}

/// Waits for a free place and a connection to fill it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            // Such as too many open files. Others may close meanwhile; accepting at once again
            // would only burn the processor.
            tracing::error!(%error, "cannot accept a connection");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Speaks HTTP/1.1, or HTTP/2 if the client begins with its preface, until the client goes.
async fn connection(stream: TcpStream, state: Arc<State>, watcher: Watcher) {
    let _counted = Counted::new(&state.metrics);
    let head_timeout = Duration::from_millis(state.config.settings().head_timeout_ms);
    // Which protocol it is shows only in the first bytes, and waiting for them has no other end.
    let mut first = [0];
    let spoke = tokio::select! {
        spoke = tokio::time::timeout(head_timeout, stream.peek(&mut first)) => spoke,
        () = state.stopping() => return,
    };
    if matches!(spoke, Ok(Ok(1..))) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "answers may be delayed");
        }
        talk(stream, &state, head_timeout, watcher).await;
    }
}

/// Counts a connection as open until dropped, so also if its task is cut off.
struct Counted<'m>(&'m Metrics);

impl<'m> Counted<'m> {
    fn new(metrics: &'m Metrics) -> Self {
        metrics.connections.fetch_add(1, Relaxed);
        metrics.connections_open.fetch_add(1, Relaxed);
        Self(metrics)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.connections_open.fetch_sub(1, Relaxed);
    }
}

async fn talk(stream: TcpStream, state: &Arc<State>, head_timeout: Duration, watcher: Watcher) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(head_timeout)
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_STREAMS_MAX * HTTP2_STREAM_WINDOW_BYTES);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let state = Arc::clone(state);
        async move { Ok::<_, Infallible>(service::answer(state, request).await) }
    });
    let stream = Patient::new(stream, WRITE_PATIENCE);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection.into_owned()).await {
        // Clients go away in the middle of things as they please.
        tracing::debug!(error = error.as_ref(), "connection ended early");
    }
}

/// Between two looks for deleted streams; their names are free long before.
const MAINTENANCE_PAUSE: Duration = Duration::from_secs(10);

/// Between two attempts to accept after one failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a client may leave an answer unread before its connection is closed.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);

/// Requests that one HTTP/2 connection may have under way.
const HTTP2_STREAMS_MAX: u32 = 128;

/// Bytes of one request that a client may send before they are read.
///
/// The window of a connection is that of all its requests together: those that wait for room can
/// then fill their own windows and never that of a request which has room and must go on.
const HTTP2_STREAM_WINDOW_BYTES: u32 = 128 * 1024;
