//! The browser's half of the console's figure: how much a browser loads that has never seen the console, and how long it
//! is until a page can be used. `tests/browser/cold.mjs` drives the system's Chromium.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::program::Program;
use crate::{Failure, print, row};

/// Account the browser signs in with.
const USER: (&str, &str) = ("visitor", "a password nobody guesses");

/// A page, as the script prints it.
#[derive(serde::Deserialize)]
struct Loaded {
    name: String,
    ms: f64,
    longest: f64,
    files: u64,
    data: u64,
    faults: Vec<String>,
}

/// Prints what each page took; says so when there is no browser to ask.
pub(crate) async fn measure(program: &Program) -> Result<(), Failure> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    if !scripts.join("node_modules/playwright-core").exists() {
        print("first load: no browser (scripts/setup.sh test), left out");
        return Ok(());
    }
    program.account(USER.0, USER.1).await?;
    let output = Command::new("node")
        .arg(scripts.join("cold.mjs"))
        .env("NODE_EXTRA_CA_CERTS", program.authority_file())
        .env("WORKPOINT_URL", format!("https://localhost:{}", program.api_port()))
        .env("WORKPOINT_OUT", std::env::temp_dir())
        .env("WORKPOINT_USER", USER.0)
        .env("WORKPOINT_PASSWORD", USER.1)
        // Of the journeys; nothing here asks for them.
        .env("WORKPOINT_TOKEN", "none")
        .env("WORKPOINT_PHONES", "1")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .await?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        return Err(format!("the browser came to no end: {said}").into());
    }
    for line in String::from_utf8(output.stdout)?.lines() {
        let page: Loaded = serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))?;
        let text = format!(
            "median {:.0} ms, longest {:.0}; program {:.0} kB, data {:.0} kB{}",
            page.ms,
            page.longest,
            page.files as f64 / 1000.0,
            page.data as f64 / 1000.0,
            if page.faults.is_empty() { String::new() } else { format!("; FAULTS {:?}", page.faults) }
        );
        print(&row(&format!("first load, {}", page.name), &text));
    }
    Ok(())
}
