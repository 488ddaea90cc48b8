//! From a request to the operation it calls, and from its outcome to a reply.

use std::{future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use hyper::http::request::Parts;
use mainstem_wire::{
    ApiError, Operation,
    protocol::{self},
    reply::{Codec, Reply},
};

use crate::{operations, service, state::State};

/// A request whose body has arrived.
pub(crate) struct Request {
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
}

/// What became of a request.
pub(crate) struct Done {
    pub(crate) operation: Option<Operation>,
    pub(crate) reply: Reply,
}

/// How far an operation got on a thread that may block.
pub(crate) enum Progress {
    /// It is done.
    Done(Reply),
    /// It waits for durability, which needs no thread.
    Waiting(Pin<Box<dyn Future<Output = Result<Reply, ApiError>> + Send>>),
}

/// Does what a request asks for.
///
/// Decoding, the operation and encoding run on a thread that may block: the engine waits for the
/// disk, and a body of many MiB takes longer than a thread shared with other connections may be
/// held.
pub(crate) async fn run(state: &Arc<State>, request: Request, request_id: &str) -> Done {
    let worker_state = Arc::clone(state);
    let started = tokio::task::spawn_blocking(move || begin(&worker_state, &request)).await;
    let (operation, result) = match started {
        Ok(Begun::Refused(reply)) => {
            return Done {
                operation: None,
                reply,
            };
        }
        Ok(Begun::Called(operation, Ok(Progress::Done(reply)))) => (operation, Ok(reply)),
        Ok(Begun::Called(operation, Ok(Progress::Waiting(rest)))) => (operation, rest.await),
        Ok(Begun::Called(operation, Err(error))) => (operation, Err(error)),
        // A panic is a defect; the panic hook has reported where. A task that did not run at all
        // means that the runtime is going away.
        Err(error) => {
            tracing::error!(id = request_id, %error, "request was not finished");
            let error = if error.is_panic() {
                ApiError::internal_failure()
            } else {
                ApiError::service_unavailable()
            };
            return Done {
                operation: None,
                reply: Reply::error(&error, Codec::Json),
            };
        }
    };
    let reply = result.unwrap_or_else(|error| {
        if error.status() >= 500 {
            tracing::error!(id = request_id, %operation, %error, "call failed");
        }
        Reply::error(&error, Codec::Json)
    });
    Done {
        operation: Some(operation),
        reply,
    }
}

/// What the first step made of a request.
enum Begun {
    /// It is no call.
    Refused(Reply),
    /// It calls an operation, which went so far.
    Called(Operation, Result<Progress, ApiError>),
}

fn begin(state: &State, request: &Request) -> Begun {
    match protocol::route(service::head(&request.parts), &request.body) {
        Err(reply) => Begun::Refused(reply),
        Ok(call) => Begun::Called(call.operation(), operations::begin(&state.streams, call)),
    }
}
