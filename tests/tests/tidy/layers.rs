//! Which part of the source may name what: libraries stay behind the part that is there to hide them, and inside the
//! server the arrows point one way. Between crates the compiler and `crates.rs` watch; this is about modules.

use super::mask::{identifiers, line_of, mask};
use super::tree::{File, Finding, lies_in, refuse, tree};

/// A library and the places that may name it.
struct Hidden {
    /// The names that the library's crates have in code.
    names: &'static [&'static str],
    /// Modules and files, each with its reason beside it.
    places: &'static [&'static str],
}

const DATABASE: Hidden = Hidden {
    names: &["sea_orm", "sea_orm_migration", "sea_query", "sqlx"],
    places: &[
        // rows, queries, transactions: the only SQL of the server
        "server/src/store",
        // the schema
        "migrations",
        // the one test of the schema itself: it fills a database as an older program left it, which no door does
        "tests/tests/upgrade.rs",
    ],
};

const WEB_FRAMEWORK: Hidden = Hidden {
    names: &["axum", "axum_extra", "utoipa_axum"],
    places: &[
        // handlers, extractors, error -> problem document
        "server/src/http",
        // the listener that phones speak to
        "server/src/device",
        // listeners, TLS, and what every HTTP service needs
        "server/src/net",
        // each module brings its own routes
        "server/src/modules",
        // the URL table
        "server/src/routes.rs",
        // the one constructor: joins the routes with the listeners
        "server/src/server.rs",
    ],
};

const XML: Hidden = Hidden {
    names: &["quick_xml"],
    places: &[
        // bytes <-> messages; nothing else sees the phones' markup
        "server/wire",
        // lists of WebDAV servers are XML too, and have nothing to do with phones
        "server/src/storage/webdav.rs",
    ],
};

const OTHER_SERVERS: Hidden = Hidden {
    names: &["reqwest", "aws_sdk_s3", "aws_smithy_runtime_api", "aws_smithy_types", "html5gum"],
    places: &[
        // the one door to storage providers: addresses, times and trust are decided there
        "server/src/storage",
        // tests ask the server as others do
        "tests",
        "server/tests",
    ],
};

const REQUESTS: Hidden = Hidden {
    names: &["gloo_net"],
    places: &[
        // the console's only door to the server: tokens, failures and aborting are dealt with there
        "web/src/client",
    ],
};

const BROWSER: Hidden = Hidden {
    names: &["leptos", "leptos_router", "web_sys", "js_sys"],
    places: &[
        // nothing else runs in the browser
        "web",
    ],
};

/// Inside the server: `http`, `device`, `jobs`, `modules` -> `app` -> `store`. A part and what it may not name.
const ARROWS: [(&str, &[&str]); 5] = [
    // where bytes lie, and nothing of what they are for
    ("server/src/storage", &["app", "store", "http", "device", "jobs", "modules", "routes", "fileserver"]),
    ("server/src/store", &["app", "http", "device", "jobs", "modules", "routes"]),
    ("server/src/app", &["http", "device", "modules", "routes"]),
    // a handler extracts, calls one use case and converts
    ("server/src/http", &["store", "device"]),
    ("server/src/device", &["store", "http"]),
];

/// Tests go in by the doors that users have: the API, the command line, the phone's port.
const BEHIND_THE_DOORS: [&str; 1] = ["store"];

#[test]
fn the_database_is_seen_by_the_store_alone() {
    refuse("SQL and sea-orm live in the store and the migrations: add a function there.", outside(&DATABASE));
}

#[test]
fn the_web_framework_is_seen_by_handlers_alone() {
    refuse("axum belongs to handlers and listeners: pass plain values further in.", outside(&WEB_FRAMEWORK));
}

#[test]
fn markup_is_seen_by_those_who_read_it_alone() {
    refuse("XML of phones is read and written in `wire` only, lists of WebDAV in one file.", outside(&XML));
}

#[test]
fn other_servers_are_asked_by_storage_alone() {
    refuse("Other web servers are asked through `server/src/storage`.", outside(&OTHER_SERVERS));
}

#[test]
fn requests_of_the_console_go_through_its_client() {
    refuse(
        "The console asks the server through web/src/client.rs: add a function there.",
        outside(&REQUESTS),
    );
}

#[test]
fn the_browser_is_seen_by_the_console_alone() {
    refuse("What runs in the browser belongs to the crate `web`.", outside(&BROWSER));
}

#[test]
fn arrows_inside_the_server_point_one_way() {
    let found = ARROWS.iter().flat_map(|(part, refused)| {
        let files = tree().rust().filter(move |file| lies_in(&file.path, &[part]));
        files.flat_map(move |file| named(file, "crate", refused))
    });
    refuse("Inside the server: http, device, jobs, modules -> app -> store.", found);
}

#[test]
fn tests_never_reach_into_the_store() {
    let files = tree().rust().filter(|file| lies_in(&file.path, &["tests"]));
    let found = files.flat_map(|file| named(file, "workpoint", &BEHIND_THE_DOORS));
    refuse("Tests use the API, the command line or a phone's session, never the store.", found);
}

fn outside(hidden: &'static Hidden) -> impl Iterator<Item = Finding> {
    let files = tree().rust().filter(|file| !lies_in(&file.path, hidden.places));
    files.flat_map(|file| mentions(file, hidden.names))
}

fn mentions(file: &File, names: &[&str]) -> Vec<Finding> {
    let code = mask(&file.text).code;
    identifiers(&code)
        .filter(|(_, word)| names.contains(word))
        .map(|(at, word)| Finding::new(&file.path, line_of(&code, at), format!("names `{word}`")))
        .collect()
}

/// Where a path that starts at `root` goes on with one of `modules`, also inside `use root::{…}`.
fn named(file: &File, root: &str, modules: &[&str]) -> Vec<Finding> {
    let code = mask(&file.text).code;
    let roots = identifiers(&code).filter(|(_, word)| *word == root);
    let next = roots.flat_map(|(at, word)| segments(&code, at + word.len()));
    next.filter(|(_, segment)| modules.contains(segment))
        .map(|(at, segment)| {
            Finding::new(&file.path, line_of(&code, at), format!("names `{root}::{segment}`"))
        })
        .collect()
}

/// The segments that follow a path's first one, which ends at `end`: one, or several in braces.
fn segments(code: &str, end: usize) -> Vec<(usize, &str)> {
    let Some(start) = after(code, end, "::") else { return Vec::new() };
    let Some(group) = after(code, start, "{") else {
        return identifiers(&code[start..]).take(1).map(|(at, word)| (start + at, word)).collect();
    };
    let mut depth = 1;
    let mut first = true;
    let mut found = Vec::new();
    for (offset, character) in code[group..].char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' if depth == 1 => first = true,
            character if first && !character.is_whitespace() => {
                first = false;
                let at = group + offset;
                found.extend(identifiers(&code[at..]).take(1).map(|(more, word)| (at + more, word)));
            }
            _ => {}
        }
    }
    found
}

/// Where `token` ends when it is the next thing from `at` on.
fn after(code: &str, at: usize, token: &str) -> Option<usize> {
    let rest = code[at..].trim_start();
    rest.starts_with(token).then(|| code.len() - rest.len() + token.len())
}

#[cfg(test)]
mod tests {
    use super::{mentions, named};
    use crate::tree::File;

    fn file(text: &str) -> File {
        File { path: "a.rs".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_library_is_found_in_code_and_not_in_words_about_it() {
        let text =
            "//! no axum here\nuse axum::Router;\nlet relaxum = \"axum\";\nfn f() -> sea_orm::DbErr {}";
        let found = mentions(&file(text), &["axum", "sea_orm"]);
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["a.rs:2: names `axum`", "a.rs:4: names `sea_orm`"]);
    }

    #[test]
    fn a_module_is_found_in_paths_and_in_groups() {
        let text = "use workpoint::store::Row;\nuse workpoint::{app::store, Server,\n    store::{Store, app}};\n\
                    let x = workpoint :: store::open();\nuse store::workpoint;\nuse workpoint::restore;";
        let found = named(&file(text), "workpoint", &["store"]);
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "a.rs:1: names `workpoint::store`",
                "a.rs:3: names `workpoint::store`",
                "a.rs:4: names `workpoint::store`"
            ]
        );
    }
}
