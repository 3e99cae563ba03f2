//! `workpoint serve`.

use std::process::ExitCode;

use domain::setting::SettingKey;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use super::{Failure, Output};
use crate::Server;
use crate::clock::{Clock, Entropy};
use crate::config::{Config, LogFormat};

/// Changes the log level of a running program.
pub(super) type LevelHandle = reload::Handle<EnvFilter, Registry>;

pub(super) async fn run(config: &Config, output: Output) -> Result<ExitCode, Failure> {
    let level = logging(config.log_format, "info", std::io::stderr);
    let mut server = Server::start(config, Clock::system(), Entropy::system()).await?;
    follow_log_level(&server, level);
    announce(&mut server, output);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => break,
            _ = terminate.recv() => break,
            _ = hang_up.recv() => reload_certificates(&server).await,
        }
    }
    tracing::info!("stopping");
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Where the server is, and how to sign in the first time.
fn announce(server: &mut Server, output: Output) {
    let listening = server.listening();
    let address = |port: Option<std::net::SocketAddr>| port.map(|at| at.to_string());
    tracing::info!(
        phones = address(listening.phones),
        phones_secure = address(listening.secure),
        api = address(listening.api),
        dcmp = address(listening.dcmp),
        database = server.app().store.backend_name(),
        "started"
    );
    if let Some(api) = listening.api {
        output.note(&format!(
            "Console: https://localhost:{port}\nAPI and its documentation: https://localhost:{port}/api/docs",
            port = api.port()
        ));
        let certificates = server.certificates();
        if certificates.console_is_our_own() {
            output.note(&format!(
                "Browsers warn of the console's certificate until they trust this server's authority: import {} \
                 as an authority for web sites.",
                certificates.authority_file().display()
            ));
        }
    }
    if let Some(password) = server.take_first_password() {
        // Standard output, not the log beside it: the log is kept and sent elsewhere.
        let text = format!(
            "First sign-in: user name admin, one-time password {}\n\
             It is shown only now and must be changed at first sign-in.",
            password.expose()
        );
        output.result(
            &serde_json::json!({"user_name": "admin", "one_time_password": password.expose()}),
            &text,
        );
    }
}

async fn reload_certificates(server: &Server) {
    match server.certificates().reload().await {
        Ok(replaced) => tracing::info!(?replaced, "certificates taken from files"),
        Err(error) => tracing::error!(error = super::causes(&error), "certificates were not replaced"),
    }
}

/// The level is a setting; a change takes effect at once.
fn follow_log_level(server: &Server, handle: LevelHandle) {
    let settings = server.app().settings.clone();
    let mut changes = settings.subscribe();
    tokio::spawn(async move {
        loop {
            let level = settings.text(SettingKey::LogLevel);
            if let Err(error) = handle.reload(filter(&level)) {
                tracing::error!(%error, "the log level was not changed");
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    });
}

fn filter(level: &str) -> EnvFilter {
    // Other libraries have little to say to operators below warnings.
    EnvFilter::new(match level {
        "off" => "off".to_owned(),
        level => format!("warn,workpoint={level},simulator={level}"),
    })
}

/// Starts logging; the handle changes the level later.
pub(super) fn logging<W>(format: LogFormat, level: &str, writer: W) -> LevelHandle
where
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(filter(level));
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        LogFormat::Text => registry.with(fmt::layer().with_target(false).with_writer(writer)).try_init(),
        LogFormat::Json => {
            registry.with(fmt::layer().json().flatten_event(true).with_writer(writer)).try_init()
        }
    };
    if let Err(error) = started {
        // Only in a program that set up logging itself, as tests do: theirs stays.
        tracing::debug!(%error, "logging was set up before");
    }
    handle
}
