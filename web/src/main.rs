//! Starts the console; everything is in the library.

fn main() {
    web::mount();
}
