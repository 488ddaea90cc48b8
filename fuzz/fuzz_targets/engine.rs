//! Any work with any losses of power, and what the engine keeps of it.
#![no_main]
#![expect(
    clippy::disallowed_methods,
    reason = "the macro has a debug mode that writes"
)]

libfuzzer_sys::fuzz_target!(
    init: mainstem_fuzz::said::on_panic(),
    |data: &[u8]| mainstem_fuzz::engine::run(data)
);
