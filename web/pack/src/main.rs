//! Packs the console: binds the compiled module to the browser, gives every file a name with its hash, compresses them,
//! and lists the licences of what the product is made of. Called by `scripts/web.sh`; starts no other program.
//!
//! ```text
//! pack bind CONSOLE.wasm FOLDER            app.js, pieces.js and pieces/*.wasm for the browser
//! pack licences METADATA.json FOLDER       licenses.json and licenses.txt
//! pack assemble WEB FOLDER DIST            everything under its last name, with .gz and .br
//! ```

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

mod assemble;
mod licences;

/// What a step may fail with; said as it is.
type Done = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["bind", module, folder] => bind(Path::new(module), Path::new(folder)),
        ["licences", metadata, folder] => licences::write(Path::new(metadata), Path::new(folder)),
        ["assemble", web, folder, dist] => {
            assemble::write(Path::new(web), Path::new(folder), Path::new(dist))
        }
        _ => Err("pack: one of: bind, licences, assemble".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pack: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Cuts the module into what every page needs and the pieces that are loaded when they are first wanted (marked in
/// `web/src/pieces.rs`), and binds the first to the browser. The pieces ask for each other through `pieces.js`.
fn bind(module: &Path, folder: &Path) -> Done {
    let whole = fs::read(module)?;
    let pieces = folder.join("pieces");
    if pieces.exists() {
        fs::remove_dir_all(&pieces)?;
    }
    fs::create_dir_all(&pieces)?;
    let first = folder.join("first.wasm");
    let mut options = wasm_split_cli_support::Options::new(&whole);
    options.output_dir = &pieces;
    options.main_out_path = &first;
    options.link_name = "./pieces.js";
    options.main_module = "./app.js";
    wasm_split_cli_support::transform(options)
        .map_err(|error| format!("cutting {}: {error:#}", module.display()))?;
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    // The pieces use what the first module exports, whether the browser asks for it or not.
    bindgen.input_path(&first).out_name("app").typescript(false).keep_lld_exports(true);
    bindgen.remove_name_section(true).web(true)?.generate(folder)?;
    fs::remove_file(first)?;
    fs::rename(folder.join("app_bg.wasm"), pieces.join("app.wasm"))?;
    fs::rename(pieces.join("pieces.js"), folder.join("pieces.js"))?;
    Ok(())
}
