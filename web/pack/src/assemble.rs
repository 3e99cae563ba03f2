//! The files under their last names. A name has the hash of its content, so a browser may keep it for good; only
//! `index.html` is asked for each time.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::Done;

/// Below this a compressed copy saves nothing.
const WORTH_COMPRESSING: usize = 256;

/// Style sheets in their order; then all of `components/` and `pages/`, by name.
const STYLES: [&str; 3] = ["tokens.css", "base.css", "shell.css"];

/// Writes everything to `dist`, which must be empty.
pub(crate) fn write(web: &Path, built: &Path, dist: &Path) -> Done {
    let sprite = fs::read_to_string(web.join("style/icons.svg"))?;
    let style = put(dist, "style", "css", styles(web)?.as_bytes())?;
    let boot = put(dist, "boot", "js", &fs::read(web.join("boot.js"))?)?;
    let (app, module) = program(built, dist)?;
    for name in ["licenses.json", "licenses.txt"] {
        put_plain(dist, name, &fs::read(built.join(name))?)?;
    }
    let page = fs::read_to_string(web.join("index.html"))?;
    let names = [
        ("{style}", &style),
        ("{boot}", &boot),
        ("{app}", &app),
        ("{module}", &module),
        ("{icons}", &sprite),
    ];
    let page = names.into_iter().fold(page, |page, (place, name)| page.replace(place, name.trim()));
    put_plain(dist, "index.html", page.as_bytes())?;
    for name in ["favicon.svg"] {
        put_plain(dist, name, &fs::read(web.join(name))?)?;
    }
    Ok(())
}

/// The program: its two scripts and its modules. They name each other, so all of them have the hash of them all. Gives
/// the names of the script and of the module that are loaded first.
fn program(built: &Path, dist: &Path) -> Result<(String, String), Box<dyn std::error::Error>> {
    let mut modules = Vec::new();
    for entry in fs::read_dir(built.join("pieces"))? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).ok_or("a piece without a name")?;
        modules.push((name.to_owned(), fs::read(&path)?));
    }
    modules.sort();
    let mut app = fs::read_to_string(built.join("app.js"))?;
    let mut pieces = fs::read_to_string(built.join("pieces.js"))?;
    let mut all = Sha256::new();
    for part in
        [app.as_bytes(), pieces.as_bytes()].into_iter().chain(modules.iter().map(|(_, module)| &**module))
    {
        all.update(part);
    }
    let hash = hex(&all.finalize());
    let named = |stem: &str, end: &str| format!("{stem}-{hash}.{end}");
    for (name, module) in &modules {
        pieces = pieces.replace(&format!("\"./{name}.wasm\""), &format!("\"./{}\"", named(name, "wasm")));
        put_plain(dist, &named(name, "wasm"), module)?;
    }
    pieces = pieces.replace("./app.js", &format!("./{}", named("app", "js")));
    // Only where it is loaded from: the module asks for it under its first name.
    app = app.replace("from \"./pieces.js\"", &format!("from \"./{}\"", named("pieces", "js")));
    put_plain(dist, &named("app", "js"), app.as_bytes())?;
    put_plain(dist, &named("pieces", "js"), pieces.as_bytes())?;
    Ok((named("app", "js"), named("app", "wasm")))
}

/// All style sheets in one.
fn styles(web: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let folder = web.join("style");
    let mut paths: Vec<PathBuf> = STYLES.iter().map(|name| folder.join(name)).collect();
    for part in ["components", "pages"] {
        let mut found: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(folder.join(part))? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "css") {
                found.push(path);
            }
        }
        found.sort();
        paths.extend(found);
    }
    let mut all = String::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        all.push_str(&shortened(&text));
    }
    Ok(all)
}

/// Without comments, indentation and empty lines. Strings of our style sheets have no `/*` in them.
fn shortened(css: &str) -> String {
    let mut without = String::with_capacity(css.len());
    let mut rest = css;
    while let Some((before, after)) = rest.split_once("/*") {
        without.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, behind)| behind);
    }
    without.push_str(rest);
    let lines = without.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.fold(String::with_capacity(css.len()), |text, line| text + line + "\n")
}

/// Writes a file under a name with its hash, and gives the name.
fn put(dist: &Path, stem: &str, end: &str, content: &[u8]) -> Result<String, Box<dyn std::error::Error>> {
    let name = format!("{stem}-{}.{end}", hex(&Sha256::digest(content)));
    put_plain(dist, &name, content)?;
    Ok(name)
}

/// The part of a hash that stands in a name.
fn hex(hash: &[u8]) -> String {
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn put_plain(dist: &Path, name: &str, content: &[u8]) -> Done {
    fs::write(dist.join(name), content)?;
    if content.len() >= WORTH_COMPRESSING {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(content)?;
        fs::write(dist.join(format!("{name}.gz")), gzip.finish()?)?;
        let mut packed = Vec::new();
        let mut brotli = brotli::CompressorWriter::new(&mut packed, 1 << 16, 11, 22);
        brotli.write_all(content)?;
        drop(brotli);
        fs::write(dist.join(format!("{name}.br")), packed)?;
    }
    Ok(())
}
