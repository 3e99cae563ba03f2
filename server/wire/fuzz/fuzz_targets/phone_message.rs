//! Any bytes as a message of a phone. What must hold is said in `wire::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::fuzzing::phone_message(bytes));
