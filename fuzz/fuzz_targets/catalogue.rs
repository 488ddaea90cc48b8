//! Any bytes as the values of the catalogue.
#![no_main]
#![expect(
    clippy::disallowed_methods,
    reason = "the macro has a debug mode that writes"
)]

libfuzzer_sys::fuzz_target!(
    init: mainstem_fuzz::limit::bound_memory(),
    |data: &[u8]| mainstem_fuzz::catalogue::run(data)
);
