//! `workpoint doctor`: looks for what is wrong with an installation, without changing it.
//!
//! What is wrong makes the exit code a failure. Advice does not: it names what works, but maybe not as meant.

mod advice;
mod installation;
mod network;

use std::process::ExitCode;

use domain::setting::SettingKey;
use serde_json::json;

use super::{Failure, Output, causes, stored};
use crate::config::Config;
use crate::settings::Settings;
use crate::store::Store;

/// How a finding is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// As it should be.
    Good,
    /// It works, but maybe not as meant.
    Advice,
    /// Something does not work.
    Wrong,
}

/// Result of one look.
#[derive(Debug)]
struct Finding {
    check: &'static str,
    level: Level,
    text: String,
}

/// All findings, in the order of the looks.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, check: &'static str, level: Level, text: impl Into<String>) {
        self.0.push(Finding { check, level, text: text.into() });
    }

    /// A look that is good or wrong.
    fn look(&mut self, check: &'static str, result: Result<String, String>) {
        let level = if result.is_ok() { Level::Good } else { Level::Wrong };
        self.add(check, level, result.unwrap_or_else(|fault| fault));
    }

    fn healthy(&self) -> bool {
        self.0.iter().all(|finding| finding.level != Level::Wrong)
    }
}

pub(super) async fn run(config: &Config, output: Output) -> Result<ExitCode, Failure> {
    let mut findings = Findings::default();
    installation::directory(config, &mut findings).await;
    let vault = installation::key(config, &mut findings).await;
    findings.look("parameter overrides", installation::catalogue(config).await);
    let mut settings = None;
    if stored::database_exists(config).await {
        match Store::open(&config.store_options()).await {
            Err(error) => findings.look("database", Err(causes(&error))),
            Ok(store) => {
                settings = Settings::load(&store, config.overrides.clone()).await.ok();
                installation::database(&store, vault.as_ref(), &mut findings).await;
                installation::certificates(&store, settings.as_ref(), &mut findings).await;
                store.close().await;
            }
        }
    } else {
        findings.add("database", Level::Good, "not made yet; the first start makes it");
    }
    let settings = settings.unwrap_or_else(|| Settings::fixed(config.overrides.clone()));
    let (level, text) = installation::open_files(&settings).await;
    findings.add("open files", level, text);
    for key in [
        SettingKey::DefaultModePort,
        SettingKey::SecureModePort,
        SettingKey::ApiPort,
        SettingKey::DcmpServerPort,
    ] {
        findings.look("port", network::port(config, &settings, key).await);
    }
    findings.look("ports differ", network::ports_differ(&settings));
    network::phone_url(&settings, &mut findings).await;
    advice::calling(&settings, &mut findings);
    advice::polling(&settings, &mut findings);
    advice::onboarding(&settings, crate::clock::Clock::system().now(), &mut findings);
    advice::files(&settings, &mut findings);
    report(&findings, output);
    Ok(if findings.healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(findings: &Findings, output: Output) {
    let word = |level| match level {
        Level::Good => "good",
        Level::Advice => "hint",
        Level::Wrong => "WRONG",
    };
    let lines: Vec<String> = findings
        .0
        .iter()
        .map(|finding| format!("{:<5} {:<24} {}", word(finding.level), finding.check, finding.text))
        .collect();
    let rows: Vec<_> = findings
        .0
        .iter()
        .map(|finding| {
            let level = word(finding.level).to_ascii_lowercase();
            let good = finding.level != Level::Wrong;
            json!({"check": finding.check, "good": good, "level": level, "text": finding.text})
        })
        .collect();
    output.result(&json!(rows), &lines.join("\n"));
}
