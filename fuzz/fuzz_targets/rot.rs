//! Several damages at once to the files of a store.
#![no_main]
#![expect(
    clippy::disallowed_methods,
    reason = "the macro has a debug mode that writes"
)]

libfuzzer_sys::fuzz_target!(
    init: mainstem_fuzz::said::on_panic(),
    |data: &[u8]| mainstem_fuzz::rot::run(data)
);
