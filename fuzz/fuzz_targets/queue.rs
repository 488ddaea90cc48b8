//! Any bytes as the records of a queue.
#![no_main]
#![expect(
    clippy::disallowed_methods,
    reason = "the macro has a debug mode that writes"
)]

libfuzzer_sys::fuzz_target!(
    init: mainstem_fuzz::limit::bound_memory(),
    |data: &[u8]| mainstem_fuzz::queue::run(data)
);
