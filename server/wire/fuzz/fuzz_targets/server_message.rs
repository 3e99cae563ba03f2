//! Any bytes as a message of a server. What must hold is said in `wire::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::fuzzing::server_message(bytes));
