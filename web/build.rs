//! Turns `locales/en/*.toml` and `locales/de/*.toml` into typed functions, and refuses texts that are not complete.
//!
//! A text is a string with places (`{name}`), or a table with `one` and `other`, chosen by the place `{count}`. Both
//! languages have the same keys and the same places; a German text that equals the English one stands in
//! `locales/same.toml`. Knows nothing of what the texts say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Texts that are looked up by a word of the API, in tables; everything else becomes a function.
const CODES: &str = "codes";
const LANGUAGES: [&str; 2] = ["en", "de"];

/// One text in one language.
#[derive(Clone, PartialEq, Eq)]
enum Text {
    Plain(String),
    Counted { one: String, other: String },
}

type Area = BTreeMap<String, Text>;

fn main() {
    let locales = Path::new("..").join("locales");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", locales.display());
    match generate(&locales) {
        Ok(code) => {
            let out = std::env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
            #[expect(clippy::disallowed_methods, reason = "a build script has no asynchronous runtime")]
            if let Err(error) = std::fs::write(out.join("texts.rs"), code) {
                println!("cargo::error=the texts cannot be written: {error}");
            }
        }
        Err(faults) => {
            for fault in faults {
                println!("cargo::error={fault}");
            }
        }
    }
}

/// The generated code, or everything that is wrong with the texts.
fn generate(locales: &Path) -> Result<String, Vec<String>> {
    let same = read(&locales.join("same.toml")).map_err(|fault| vec![fault])?;
    let areas: BTreeSet<String> =
        LANGUAGES.iter().flat_map(|language| names(&locales.join(language))).collect();
    let mut faults = Vec::new();
    let mut allowed = allowed(&same, &mut faults);
    let mut code = String::new();
    for area in areas {
        let mut languages = LANGUAGES.map(|language| {
            let path = locales.join(language).join(format!("{area}.toml"));
            let read = read(&path).and_then(|table| texts(&path, table, area == CODES));
            read.inspect_err(|fault| faults.push(fault.clone())).unwrap_or_default()
        });
        let [english, german] = &mut languages;
        compare(&area, english, german, &mut allowed, &mut faults);
        let written = if area == CODES { codes(english, german) } else { functions(&area, english, german) };
        code.push_str(&written);
    }
    faults.extend(allowed.iter().map(|key| format!("locales/same.toml: {key} is not needed")));
    if faults.is_empty() { Ok(code) } else { Err(faults) }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "toml"));
    paths.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}

fn read(path: &Path) -> Result<toml::Table, String> {
    #[expect(clippy::disallowed_methods, reason = "a build script has no asynchronous runtime")]
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", shown(path)))?;
    text.parse().map_err(|error| format!("{}: {error}", shown(path)))
}

/// Path as somebody at the top of the project types it.
fn shown(path: &Path) -> String {
    path.strip_prefix("..").unwrap_or(path).display().to_string()
}

/// Keys that may read the same in both languages: `area.key`.
fn allowed(same: &toml::Table, faults: &mut Vec<String>) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for (area, list) in same {
        for key in list.as_array().into_iter().flatten() {
            match key.as_str() {
                Some(key) => keys.extend([format!("{area}.{key}")]),
                None => faults.push(format!("locales/same.toml: {area} is a list of keys")),
            }
        }
    }
    keys
}

/// The texts of a file; those of tables get a key with a dot.
fn texts(path: &Path, table: toml::Table, in_tables: bool) -> Result<Area, String> {
    let wrong = |key: &str| format!("{}: {key}: a text, or `one` and `other`, is needed", shown(path));
    let mut area = Area::new();
    for (key, value) in table {
        match value {
            toml::Value::Table(inner) if in_tables => {
                for (word, value) in inner {
                    let key = format!("{key}.{word}");
                    let text = text(value).ok_or_else(|| wrong(&key))?;
                    area.insert(key, text);
                }
            }
            value => {
                let text = text(value).ok_or_else(|| wrong(&key))?;
                if !is_identifier(&key) {
                    return Err(format!("{}: {key}: a key is a word in small letters with `_`", shown(path)));
                }
                area.insert(key, text);
            }
        }
    }
    Ok(area)
}

fn text(value: toml::Value) -> Option<Text> {
    match value {
        toml::Value::String(text) => Some(Text::Plain(text)),
        toml::Value::Table(mut table) if table.len() == 2 => {
            let mut take = |key| table.remove(key).and_then(|value| value.as_str().map(str::to_owned));
            Some(Text::Counted { one: take("one")?, other: take("other")? })
        }
        _ => None,
    }
}

fn is_identifier(key: &str) -> bool {
    key.starts_with(|first: char| first.is_ascii_lowercase())
        && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Notes what one language has and the other has not, and texts that were not translated.
fn compare(
    area: &str,
    english: &mut Area,
    german: &mut Area,
    allowed: &mut BTreeSet<String>,
    faults: &mut Vec<String>,
) {
    for (key, text) in english.iter() {
        if area != CODES {
            faults.extend(unusable(text).map(|place| {
                format!(
                    "locales/en/{area}.toml: {key}: a place cannot be called {{{place}}}: it is no word in small \
                     letters, or one that the generated code has already; choose another one"
                )
            }));
        }
        let Some(other) = german.get(key) else {
            faults.push(format!("locales/de/{area}.toml: {key} is missing"));
            continue;
        };
        let may_equal = allowed.remove(&format!("{area}.{key}"));
        if text == other && !may_equal {
            faults.push(format!(
                "locales/de/{area}.toml: {key} is not translated; or name it in locales/same.toml"
            ));
        }
        if text != other && may_equal {
            faults.push(format!("locales/same.toml: {area}.{key} differs, so it is not needed"));
        }
        if matches!(text, Text::Plain(_)) != matches!(other, Text::Plain(_)) {
            faults.push(format!("locales/de/{area}.toml: {key} is counted in one language only"));
        }
        if places(text) != places(other) {
            let (wanted, found) = (places(text), places(other));
            faults.push(format!(
                "locales/de/{area}.toml: {key} has the places {found:?} instead of {wanted:?}"
            ));
        }
        if matches!(text, Text::Counted { .. }) && !places(text).contains("count") {
            faults.push(format!("locales/en/{area}.toml: {key} is counted and has no {{count}}"));
        }
    }
    let unknown = german.keys().filter(|key| !english.contains_key(*key));
    faults.extend(unknown.map(|key| format!("locales/en/{area}.toml: {key} is missing")));
    german.retain(|key, _| english.contains_key(key));
    english.retain(|key, _| german.contains_key(key));
}

/// Words of generated functions and of the language itself, which no parameter can be called.
const RESERVED: [&str; 54] = [
    "language", "one", "text", "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else",
    "enum", "extern", "false", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "match", "mod", "move",
    "mut", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true", "type", "unsafe",
    "use", "where", "while", "abstract", "become", "box", "do", "final", "macro", "override", "priv", "try",
    "typeof", "unsized", "virtual", "yield",
];

/// Places that cannot be the parameter of a function.
fn unusable(text: &Text) -> impl Iterator<Item = String> {
    places(text).into_iter().filter(|place| !is_identifier(place) || RESERVED.contains(&place.as_str()))
}

/// Names of the places of a text.
fn places(text: &Text) -> BTreeSet<String> {
    let parts = match text {
        Text::Plain(text) => parts(text),
        // "One client" needs no number; the other form has them all.
        Text::Counted { other, .. } => parts(other),
    };
    let named = parts.into_iter().filter_map(|(place, text)| place.then_some(text));
    named.collect()
}

/// A text cut at its places: (whether it is a place, text or name).
fn parts(text: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let Some(end) = rest[start..].find('}') else { break };
        if start > 0 {
            found.push((false, rest[..start].to_owned()));
        }
        found.push((true, rest[start + 1..start + end].to_owned()));
        rest = &rest[start + end + 1..];
    }
    if !rest.is_empty() {
        found.push((false, rest.to_owned()));
    }
    found
}

/// A module with one function for each text.
fn functions(area: &str, english: &Area, german: &Area) -> String {
    let module = area.replace('-', "_");
    let mut code =
        format!("/// Texts of `locales/*/{area}.toml`.\npub mod {module} {{\n    use super::Language;\n");
    for (key, text) in english {
        let Some(other) = german.get(key) else { continue };
        let shown = match text {
            Text::Plain(text) | Text::Counted { other: text, .. } => text,
        };
        for line in shown.lines() {
            // As it is, so that nothing of it is taken for a link or a list.
            let line = format!("`{}`", line.replace('`', "'"));
            let _ = writeln!(code, "    #[doc = {line:?}]");
        }
        if shown.is_empty() {
            code.push_str("    /// Nothing.\n");
        }
        function(&mut code, key, text, other);
    }
    code.push_str("}\n\n");
    code
}

fn function(code: &mut String, key: &str, english: &Text, german: &Text) {
    let places = places(english);
    if let (Text::Plain(english), Text::Plain(german)) = (english, german)
        && places.is_empty()
    {
        let _ = writeln!(
            code,
            "    #[must_use]\n    pub fn {key}(language: Language) -> &'static str {{\n        match language {{ \
             Language::English => {english:?}, Language::German => {german:?} }}\n    }}"
        );
        return;
    }
    let counted = matches!(english, Text::Counted { .. });
    let mut parameters = String::new();
    for place in &places {
        let kind = if counted && place == "count" { "u64" } else { "impl std::fmt::Display" };
        let _ = write!(parameters, ", {place}: {kind}");
    }
    let _ = writeln!(code, "    #[must_use]\n    pub fn {key}(language: Language{parameters}) -> String {{");
    if counted {
        if [english, german].into_iter().any(has_forms) {
            code.push_str("        let one = count == 1;\n");
        }
        code.push_str("        let count = language.number(count);\n");
    }
    code.push_str("        let mut text = String::new();\n        match language {\n");
    for (language, text) in [("English", english), ("German", german)] {
        let _ = writeln!(code, "            Language::{language} => {}", written(text));
    }
    code.push_str("        }\n        text\n    }\n");
}

/// Statements that write a text.
fn written(text: &Text) -> String {
    match text {
        Text::Plain(text) => format!("{{ {} }}", pushes(text)),
        Text::Counted { other, .. } if !has_forms(text) => format!("{{ {} }}", pushes(other)),
        Text::Counted { one, other } => format!("if one {{ {} }} else {{ {} }}", pushes(one), pushes(other)),
    }
}

/// Whether one thing is said in other words than several.
fn has_forms(text: &Text) -> bool {
    matches!(text, Text::Counted { one, other } if one != other)
}

fn pushes(text: &str) -> String {
    let mut code = String::new();
    for (place, part) in parts(text) {
        let mut letters = part.chars();
        let _ = match (letters.next(), letters.next()) {
            _ if place => write!(code, "super::push(&mut text, &{part}); "),
            (Some(letter), None) => write!(code, "text.push({letter:?}); "),
            _ => write!(code, "text.push_str({part:?}); "),
        };
    }
    code
}

/// A table of texts by table and word.
fn codes(english: &Area, german: &Area) -> String {
    let mut code = "/// Texts of `locales/*/codes.toml`: key, English, German; sorted by key.\n\
                    pub static CODES: &[(&str, &str, &str)] = &[\n"
        .to_owned();
    for (key, text) in english {
        if let (Text::Plain(english), Some(Text::Plain(german))) = (text, german.get(key)) {
            let _ = writeln!(code, "    ({key:?}, {english:?}, {german:?}),");
        }
    }
    code.push_str("];\n");
    code
}
