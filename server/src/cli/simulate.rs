//! `workpoint simulate`: options to the simulator's configuration, progress, summary.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use simulator::{
    Family, Latency, MacAddress, ModelRef, Phase, Progress, SimulateConfig, SourceBlock, Summary, run_fleet,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Failure, Output};

#[derive(Args)]
pub(super) struct SimulateArguments {
    /// Number of phones.
    #[arg(long, default_value_t = 20)]
    phones: u32,
    /// The server as host:port.
    #[arg(long, default_value = "127.0.0.1:18443")]
    server: String,
    /// Each phone gets an address of its own from this block.
    #[arg(long, value_name = "CIDR")]
    source: Option<SourceBlock>,
    /// File that keeps the phones stable between runs; made when missing.
    #[arg(long, value_name = "FILE")]
    fleet: Option<PathBuf>,
    /// Seed of everything that differs between phones.
    #[arg(long)]
    seed: Option<u64>,
    /// Hardware address of the first phone.
    #[arg(long, value_name = "MAC")]
    first_mac: Option<MacAddress>,
    /// Number of the first phone.
    #[arg(long, value_name = "E164")]
    first_number: Option<u64>,
    /// Only this model (CP710, "OpenStage 60"); may be given several times. All models otherwise.
    #[arg(long = "model", value_name = "MODEL")]
    models: Vec<ModelRef>,
    /// Only this firmware family: SIP or HFA.
    #[arg(long)]
    family: Option<Family>,
    /// Items a phone reports in a full read.
    #[arg(long, default_value_t = 300)]
    items: usize,
    /// Most sessions started per second.
    #[arg(long)]
    rate: Option<f64>,
    /// Most sessions at the same time.
    #[arg(long, default_value_t = 64)]
    concurrency: usize,
    /// How often every phone opens a session.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Go on with rounds for so many seconds.
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,
    /// Items each phone changes locally before a session of the second and later rounds.
    #[arg(long, default_value_t = 0)]
    change_items: usize,
    /// Share of the phones (0 to 1) that change items in a round.
    #[arg(long, default_value_t = 1.0)]
    change_share: f64,
    /// Keep listening for contact-me until interrupted.
    #[arg(long)]
    stay: bool,
    /// Port of the contact-me listeners; 0 takes free ones.
    #[arg(long, default_value_t = 8085)]
    contact_me_port: u16,
    /// Seconds in which a phone ignores a second contact-me.
    #[arg(long, value_name = "SECONDS")]
    contact_gap: Option<u64>,
    /// Items per message: longer messages come in fragments.
    #[arg(long, value_name = "ITEMS")]
    fragment_size: Option<usize>,
    /// Most items a phone takes in one message.
    #[arg(long, value_name = "ITEMS")]
    max_items: Option<u32>,
    /// Orders each phone answers with busy before it obeys.
    #[arg(long, default_value_t = 0)]
    busy: u32,
    /// Milliseconds a phone thinks before each message.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    think_time: u64,
    /// A new connection for every request.
    #[arg(long)]
    no_keep_alive: bool,
    /// Send the cookie back with its attributes.
    #[arg(long)]
    cookie_with_attributes: bool,
    /// Send no cookie back.
    #[arg(long)]
    no_cookie: bool,
    /// Flag local changes without attaching them, as firmware up to V2R1 does.
    #[arg(long)]
    old_local_changes: bool,
    /// Repeat the server's nonce in replies.
    #[arg(long)]
    repeat_nonce: bool,
    /// Reuse TLS sessions instead of a full handshake for each session.
    #[arg(long)]
    tls_resumption: bool,
    /// Allow addresses outside 127.0.0.0/8; only for a network of your own.
    #[arg(long)]
    allow_any_target: bool,
}

impl SimulateArguments {
    fn into_config(self) -> SimulateConfig {
        let default = SimulateConfig::default();
        SimulateConfig {
            phones: self.phones,
            server: self.server,
            source: self.source,
            fleet_file: self.fleet,
            seed: self.seed.unwrap_or(default.seed),
            first_mac: self.first_mac.unwrap_or(default.first_mac),
            first_number: self.first_number.unwrap_or(default.first_number),
            models: self.models,
            family: self.family,
            items: self.items,
            rate: self.rate,
            concurrency: self.concurrency,
            rounds: self.rounds,
            duration: self.duration.map(Duration::from_secs),
            change_items: self.change_items,
            change_share: self.change_share,
            stay: self.stay,
            contact_me_port: self.contact_me_port,
            contact_gap: self.contact_gap.map(Duration::from_secs),
            fragment_size: self.fragment_size,
            max_items: self.max_items,
            busy: self.busy,
            think_time: Duration::from_millis(self.think_time),
            no_keep_alive: self.no_keep_alive,
            cookie_with_attributes: self.cookie_with_attributes,
            no_cookie: self.no_cookie,
            old_local_changes: self.old_local_changes,
            repeat_nonce: self.repeat_nonce,
            tls_resumption: self.tls_resumption,
            allow_any_target: self.allow_any_target,
            ..default
        }
    }
}

pub(super) async fn run(arguments: SimulateArguments, output: Output) -> Result<ExitCode, Failure> {
    let config = arguments.into_config();
    let (sender, receiver) = watch::channel(Progress::default());
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.cancel();
        }
    });
    let progress = tokio::spawn(show(receiver, output));
    let summary = run_fleet(&config, sender, cancel).await;
    progress.abort();
    let summary = summary?;
    output.result(&serde_json::to_value(&summary)?, &text(&summary));
    let failed = summary.sessions_failed > 0 || summary.given_up > 0;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// One line a second while it runs.
async fn show(mut progress: watch::Receiver<Progress>, output: Output) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let now = *progress.borrow_and_update();
        let phase = match now.phase {
            Phase::Staying => "listening",
            _ => "running",
        };
        output.note(&format!(
            "{phase}: {} sessions complete, {} failed, {} put off, {} phones",
            now.ok, now.failed, now.overloaded, now.phones
        ));
    }
}

fn text(summary: &Summary) -> String {
    let latency = |name: &str, latency: &Latency| {
        format!(
            "{name:<12} median {:.1} ms, 95 % {:.1} ms, 99 % {:.1} ms, longest {:.1} ms",
            latency.p50_ms, latency.p95_ms, latency.p99_ms, latency.max_ms
        )
    };
    let mut lines = vec![
        format!(
            "{} sessions of {} phones in {:.1} s: {:.0} per second; {} failed, {} put off, {} given up",
            summary.sessions_ok,
            summary.phones,
            summary.seconds,
            summary.sessions_per_second,
            summary.sessions_failed,
            summary.sessions_overloaded,
            summary.given_up
        ),
        latency("session", &summary.session_latency),
        latency("connection", &summary.connect_latency),
        latency("request", &summary.request_latency),
        format!(
            "{} items and {} bytes sent, {} bytes received",
            summary.items_sent, summary.bytes_sent, summary.bytes_received
        ),
    ];
    lines.extend(summary.actions.iter().map(|(action, count)| format!("action {action}: {count}")));
    lines.extend(summary.errors.iter().map(|(kind, count)| {
        let example = summary.error_examples.get(kind).map(String::as_str).unwrap_or_default();
        format!("error {kind}: {count} ({example})")
    }));
    lines.join("\n")
}
