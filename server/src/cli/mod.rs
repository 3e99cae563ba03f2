//! The command line: one file per verb. People read text; `--json` gives one JSON document on standard
//! output. Failures go to standard error with their causes, and the exit code says so.

mod account;
mod dhcp;
mod doctor;
mod serve;
mod simulate;
mod stored;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, LogFormat};
use crate::status::causes;
use crate::store::Store;

/// Any failure of a verb; its causes are printed one below the other.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Provisioning server for enterprise desk phones.
#[derive(Parser)]
#[command(name = "workpoint", version, max_term_width = 100)]
struct Arguments {
    /// Configuration file; `workpoint.toml` in the current directory when it is there.
    #[arg(long, global = true, value_name = "FILE", env = "WORKPOINT_CONFIG")]
    config: Option<PathBuf>,
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Start the server.
    ///
    /// Example: workpoint serve
    #[command(verbatim_doc_comment)]
    Serve,
    /// Bring the database schema up to date.
    ///
    /// Example: workpoint migrate
    #[command(verbatim_doc_comment)]
    Migrate,
    /// Check the configuration and print what is in force.
    ///
    /// Example: workpoint check-config --config /etc/workpoint/workpoint.toml
    #[command(verbatim_doc_comment)]
    CheckConfig,
    /// Print the OpenAPI document of the API.
    ///
    /// Example: workpoint openapi > openapi.json
    #[command(verbatim_doc_comment)]
    Openapi,
    /// Accounts, on the configured database; works while the server runs.
    #[command(subcommand)]
    User(account::UserVerb),
    /// API tokens, on the configured database; works while the server runs.
    #[command(subcommand)]
    Token(account::TokenVerb),
    /// Simulate phones against a server.
    ///
    /// Example: workpoint simulate --phones 200 --source 127.10.0.0/16
    #[command(verbatim_doc_comment)]
    Simulate(Box<simulate::SimulateArguments>),
    /// Print what a DHCP server must send so that phones find this server.
    ///
    /// Example: workpoint dhcp --vlan 42 --host 10.20.30.40 --format isc
    #[command(verbatim_doc_comment)]
    Dhcp(dhcp::DhcpArguments),
    /// Look for what is wrong with an installation.
    ///
    /// Example: workpoint doctor
    #[command(verbatim_doc_comment)]
    Doctor,
}

/// Where the results of a verb go.
#[derive(Clone, Copy)]
struct Output {
    json: bool,
}

impl Output {
    /// Prints a result: the JSON document, or the text.
    #[expect(clippy::print_stdout, reason = "the result of a verb belongs on standard output")]
    fn result(self, json: &serde_json::Value, text: &str) {
        if self.json {
            println!("{json}");
        } else {
            println!("{text}");
        }
    }

    /// Says something that is no result.
    #[expect(clippy::print_stderr, reason = "what is no result belongs on standard error")]
    fn note(self, text: &str) {
        eprintln!("{text}");
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output { json: arguments.json };
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(arguments, output)));
    match done {
        Ok(code) => code,
        Err(error) => {
            output.note(&format!("workpoint: {}", causes(error.as_ref())));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments, output: Output) -> Result<ExitCode, Failure> {
    if let Verb::Openapi = arguments.verb {
        output.result(
            &serde_json::to_value(crate::routes::openapi())?,
            &crate::routes::openapi().to_pretty_json()?,
        );
        return Ok(ExitCode::SUCCESS);
    }
    if let Verb::Simulate(simulation) = arguments.verb {
        log_to_stderr(LogFormat::Text, "warn");
        return simulate::run(*simulation, output).await;
    }
    let config = Config::load(arguments.config.as_deref(), std::env::vars())?;
    match arguments.verb {
        Verb::Serve => serve::run(&config, output).await,
        Verb::Migrate => migrate(&config, output).await,
        Verb::CheckConfig => {
            check_config(&config, output);
            Ok(ExitCode::SUCCESS)
        }
        Verb::User(verb) => account::user(&config, verb, output).await,
        Verb::Token(verb) => account::token(&config, verb, output).await,
        Verb::Dhcp(arguments) => dhcp::run(&config, arguments, output).await,
        Verb::Doctor => doctor::run(&config, output).await,
        Verb::Openapi | Verb::Simulate(_) => Ok(ExitCode::SUCCESS),
    }
}

async fn migrate(config: &Config, output: Output) -> Result<ExitCode, Failure> {
    crate::create_data_dir(&config.data_dir).await?;
    let store = Store::open(&config.store_options()).await?;
    let pending = store.pending_migrations().await?;
    store.migrate().await?;
    store.close().await;
    let text = match pending {
        0 => "The schema is up to date.".to_owned(),
        1 => "One migration applied.".to_owned(),
        more => format!("{more} migrations applied."),
    };
    output.result(&serde_json::json!({"applied": pending}), &text);
    Ok(ExitCode::SUCCESS)
}

fn check_config(config: &Config, output: Output) {
    let mut lines = vec![
        format!("data directory  {}", config.data_dir.display()),
        format!("database        {}", without_password(&config.store_options().url)),
        format!("listen address  {}", config.listen_address),
        format!(
            "key for secrets {}",
            if config.key.is_some() { "given".to_owned() } else { config.key_path().display().to_string() }
        ),
    ];
    let mut fixed: Vec<_> =
        config.overrides.iter().map(|(key, (value, source))| (key.definition().id, value, source)).collect();
    fixed.sort_by_key(|(id, ..)| *id);
    lines.extend(fixed.iter().map(|(id, value, source)| {
        format!("{id} = {} ({source:?})", serde_json::to_string(value).unwrap_or_default())
    }));
    lines.push("The configuration is valid.".to_owned());
    let settings: serde_json::Map<_, _> =
        fixed.iter().map(|(id, value, _)| ((*id).to_owned(), serde_json::json!(value))).collect();
    let json = serde_json::json!({
        "data_dir": config.data_dir, "database": without_password(&config.store_options().url),
        "listen_address": config.listen_address, "settings": settings,
    });
    output.result(&json, &lines.join("\n"));
}

/// A database address that can be shown.
fn without_password(url: &str) -> String {
    // Parameters may hold a password too; what they are is of no interest here.
    let url = url.split_once('?').filter(|_| !url.starts_with("sqlite:")).map_or(url, |(address, _)| address);
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    match rest.rsplit_once('@') {
        None => url.to_owned(),
        Some((login, host)) => {
            let user = login.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:…@{host}")
        }
    }
}

/// Sets up logging for a verb that is not the server.
fn log_to_stderr(format: LogFormat, level: &str) {
    serve::logging(format, level, std::io::stderr);
}

#[cfg(test)]
mod tests {
    use super::{Arguments, without_password};
    use clap::CommandFactory as _;

    #[test]
    fn every_verb_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn passwords_of_databases_are_not_shown() {
        assert_eq!(without_password("postgres://wp:s3:c@ret@db/wp"), "postgres://wp:…@db/wp");
        assert_eq!(without_password("postgres://db/wp?user=wp&password=s3c"), "postgres://db/wp");
        assert_eq!(without_password("sqlite:///x?mode=rwc"), "sqlite:///x?mode=rwc");
    }
}
