//! The `workpoint` program: the command line over the library.

use std::process::ExitCode;

/// Faster than the system's allocator under many small, short-lived allocations of several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    workpoint::cli::main()
}
