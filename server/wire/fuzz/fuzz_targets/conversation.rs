//! Any bytes as the course of a session. What must hold is said in `wire::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::fuzzing::conversation(bytes));
