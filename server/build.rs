//! Makes cargo build the server again when the console has been built again: its files are carried in the program.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../web/dist");
}
