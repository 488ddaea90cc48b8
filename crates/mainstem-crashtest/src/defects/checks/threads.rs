//! What threads of the engine do to each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mainstem_env::sim::{OpKind, Sim, hooked};
use mainstem_log::LogError;

use super::kit::{Check, Tries, create, told};
use super::waits::{PATIENCE, append_in_thread};

/// See [`Check::about`].
pub(in crate::defects) static PANICS: Check = Check {
    name: "panics",
    about: "after a panic in a commit appends are refused, and wait for nobody",
    run: panics,
};

fn panics(tries: &Tries) -> Result<(), String> {
    let sim = Sim::new(1);
    let is_armed = Arc::new(AtomicBool::new(false));
    let bomb = Arc::clone(&is_armed);
    let env = hooked(
        &sim.env(),
        Arc::new(move |kind, _| {
            let goes_off = kind == OpKind::SyncData && bomb.swap(false, Ordering::SeqCst);
            assert!(!goes_off, "a panic on order");
            Ok(())
        }),
    );
    let (engine, shard) = create(&env)?;
    shard.append_one(b"whole").map_err(told)?;
    is_armed.store(true, Ordering::SeqCst);
    tries.add(1);
    if append_in_thread(&shard).recv().is_ok() {
        return Err(String::from("an append returned from a panic"));
    }
    match append_in_thread(&shard).recv_timeout(PATIENCE) {
        Ok(Err(LogError::Poisoned(_))) => Ok(()),
        Ok(done) => Err(format!("an append after a panic came to {done:?}")),
        Err(_) => {
            // Closing would wait for it as well.
            std::mem::forget(engine);
            Err(format!(
                "an append after a panic had not returned after {} s",
                PATIENCE.as_secs()
            ))
        }
    }
}
