//! What all requests share.

use std::sync::Arc;

use mainstem_env::Env;
use mainstem_streams::Streams;
use tokio::sync::watch;

use crate::{
    config::Checked,
    metrics::Metrics,
    room::{AnswerRooms, Rooms},
};

/// What all requests share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) env: Env,
    pub(crate) config: Checked,
    pub(crate) streams: Streams,
    pub(crate) metrics: Metrics,
    /// Room for the bodies of requests.
    pub(crate) bodies: Rooms,
    /// Room for large answers.
    pub(crate) answers: AnswerRooms,
    stopping: watch::Sender<bool>,
}

impl State {
    pub(crate) fn new(env: Env, config: Checked, streams: Streams) -> Arc<Self> {
        let settings = config.settings();
        let bodies = Rooms::new(settings.bodies_bytes_max, settings.body_bytes_max);
        let answers = AnswerRooms::new(settings.answers_bytes_max);
        Arc::new(Self {
            env,
            config,
            streams,
            metrics: Metrics::new(),
            bodies,
            answers,
            stopping: watch::Sender::new(false),
        })
    }

    /// Tells whether new requests are welcome.
    pub(crate) fn is_ready(&self) -> bool {
        !*self.stopping.borrow()
    }

    /// Makes [`State::is_ready`] false for good, and [`State::stopping`] ready.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits until the server stops.
    pub(crate) async fn stopping(&self) {
        // The sender is a field of this value, so the wait ends in no other way.
        let _ = self
            .stopping
            .subscribe()
            .wait_for(|stopping| *stopping)
            .await;
    }
}
