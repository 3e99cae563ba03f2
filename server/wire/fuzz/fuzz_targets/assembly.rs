//! Any bytes as parts of a fragmented message. What must hold is said in `wire::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::fuzzing::assembly(bytes));
