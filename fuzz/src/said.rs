//! What a failing run says besides what went wrong.

use std::sync::{Mutex, PoisonError};

/// The command that does the same as the run under way.
static ABOUT: Mutex<String> = Mutex::new(String::new());

/// Sets what is said if this run fails.
pub(crate) fn about(command: String) {
    *ABOUT.lock().unwrap_or_else(PoisonError::into_inner) = command;
}

/// Makes a panic of any thread say how the run is repeated. For the start of a target, after
/// libFuzzer's own hook is in place, which ends the process.
pub fn on_panic() {
    let next = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        eprintln!("{panic}");
        let command = ABOUT.lock().unwrap_or_else(PoisonError::into_inner);
        if !command.is_empty() {
            eprintln!("to see it again: {command}");
        }
        next(panic);
    }));
}
