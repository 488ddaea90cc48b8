//! A bound on memory, so that a length that is believed without a look at the input ends the run.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Address space that the process may add to what it has at the start. libFuzzer itself, its corpus
/// and the simulated disks stay far below.
const HEADROOM_BYTES: u64 = 1 << 30;

/// Limits the address space of this process. An allocation beyond it aborts, which libFuzzer reports
/// with the input that led to it.
#[expect(
    clippy::disallowed_methods,
    reason = "a fuzz target asks the system about itself"
)]
pub fn bound_memory() {
    let statm = std::fs::read_to_string("/proc/self/statm");
    let pages = statm
        .ok()
        .and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    let Some(pages) = pages else {
        eprintln!("memory is not bounded: the system does not say how much is in use");
        return;
    };
    let current = pages * 4096 + HEADROOM_BYTES;
    let maximum = getrlimit(Resource::As).maximum;
    let limit = Rlimit {
        current: Some(current),
        maximum,
    };
    if let Err(error) = setrlimit(Resource::As, limit) {
        eprintln!("memory is not bounded: {error}");
    }
}
