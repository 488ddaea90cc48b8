//! What all requests share.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use mainstem_env::Env;

use crate::{config::Checked, metrics::Metrics};

/// What all requests share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) env: Env,
    pub(crate) config: Checked,
    pub(crate) metrics: Metrics,
    stopping: AtomicBool,
}

impl State {
    pub(crate) fn new(env: Env, config: Checked) -> Arc<Self> {
        Arc::new(Self { env, config, metrics: Metrics::new(), stopping: AtomicBool::new(false) })
    }

    /// Tells whether new requests are welcome.
    pub(crate) fn is_ready(&self) -> bool {
        // Pairs with the store below; nothing else is published through the flag.
        !self.stopping.load(Ordering::Acquire)
    }

    /// Makes [`State::is_ready`] false for good.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }
}
