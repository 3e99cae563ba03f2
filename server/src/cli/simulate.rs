//! `workpoint simulate`: options to the simulator's configuration, progress, summary.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use simulator::{
    BackOff, ContactTotals, DeploymentManners, Family, Latency, Listening, MacAddress, Mishap, ModelRef,
    OrderTotals, Phase, Progress, SimulateConfig, SourceBlock, Summary, load_refusals, run_fleet,
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
    /// All phones start up at once and try again until each is served; the result tells when the last
    /// one was.
    #[arg(long, conflicts_with_all = ["rate", "rounds", "duration", "change_items", "overload_tries"])]
    blackout: bool,
    /// Seconds until a phone repeats what the server was too busy for; doubled each time, up to 30.
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = seconds)]
    overload_wait: f64,
    /// Tries of a phone whose server is too busy.
    #[arg(long, value_name = "TIMES", default_value_t = 8)]
    overload_tries: u32,
    /// Keep listening for contact-me, and polling, until interrupted.
    #[arg(long)]
    stay: bool,
    /// Port of the contact-me listeners; 0 takes free ones.
    #[arg(long, default_value_t = 8085)]
    contact_me_port: u16,
    /// Seconds in which a phone ignores a second contact-me; 0 is none. Otherwise the phone's item says
    /// it: 300.
    #[arg(long, value_name = "SECONDS")]
    contact_gap: Option<u64>,
    /// Every so many-th contact-me is acknowledged and ignored.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    ignore_contact_me: u32,
    /// Acknowledge every contact-me and never come.
    #[arg(long)]
    silent: bool,
    /// Seconds between two polls of the contact-me proxy, once a server has written its address.
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = seconds)]
    dcmp_interval: f64,
    /// Keep the address of the contact-me proxy over a restart.
    #[arg(long)]
    keep_dcmp_url: bool,
    /// Items per message: longer messages come in fragments.
    #[arg(long, value_name = "ITEMS")]
    fragment_size: Option<usize>,
    /// Most items a phone takes in one message.
    #[arg(long, value_name = "ITEMS")]
    max_items: Option<u32>,
    /// Orders each phone answers with busy before it obeys.
    #[arg(long, default_value_t = 0)]
    busy: u32,
    /// WriteItems each phone answers with failed before it obeys.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    failed_writes: u32,
    /// Items the phones refuse: a JSON list like [{"item":"reg-addr","status":"read only"}], each with
    /// "index" where only one is meant.
    #[arg(long, value_name = "FILE")]
    refuse: Option<PathBuf>,
    /// Let the server write what DHCP delivers: addresses and VLAN.
    #[arg(long)]
    unlock_dhcp_items: bool,
    /// What goes wrong once at each phone when it is written to: vanish-written, vanish-unwritten
    /// (the power fails after or before the values are stored) or give-up (it ends the session).
    #[arg(long)]
    mishap: Option<Mishap>,
    #[command(flatten)]
    deployments: DeploymentArguments,
    /// Seconds between a restart and the start-up after it.
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = seconds)]
    restart_time: f64,
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

/// How the phones deal with files and firmware.
#[derive(Args)]
struct DeploymentArguments {
    /// Most kB a second of a download at each phone.
    #[arg(long, value_name = "KB")]
    download_rate: Option<u64>,
    /// Ask for the head of a file before the file.
    #[arg(long)]
    head_before_download: bool,
    /// Downloads of each phone whose connection breaks in the middle and that go on from there.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    breaking_downloads: u32,
    /// Share of the phones (0 to 1) whose downloads end in the middle and are reported as failed.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    failing_downloads: f64,
    /// After so many failures the downloads of these phones work.
    #[arg(long, value_name = "NUMBER", requires = "failing_downloads")]
    failing_times: Option<u32>,
    /// Tell no result of a deployment.
    #[arg(long)]
    no_status: bool,
    /// Tell the result of deletions, and of messages with several files, as well.
    #[arg(long, conflicts_with = "no_status")]
    status_for_deletes: bool,
    /// Answer that a deployment is accepted before it begins.
    #[arg(long, conflicts_with = "refuse_deployments")]
    accept_deployments: bool,
    /// Refuse every deployment.
    #[arg(long)]
    refuse_deployments: bool,
    /// Seconds from the end of a download of firmware to the start-up with it.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    update_time: f64,
    /// Start up with the old firmware after a download of firmware.
    #[arg(long)]
    stays_on_old_version: bool,
}

impl DeploymentArguments {
    fn manners(&self) -> DeploymentManners {
        DeploymentManners {
            refuses: self.refuse_deployments,
            replies: self.accept_deployments,
            download_rate: self.download_rate.map(|rate| rate.saturating_mul(1000)),
            head_first: self.head_before_download,
            failing: 0,
            breaking: self.breaking_downloads,
            no_status: self.no_status,
            status_for_deletes: self.status_for_deletes,
            update_time: Duration::from_secs_f64(self.update_time),
            stays_on_old_version: self.stays_on_old_version,
        }
    }
}

impl SimulateArguments {
    async fn into_config(self) -> Result<SimulateConfig, Failure> {
        let default = SimulateConfig::default();
        let refuse = match &self.refuse {
            Some(path) => load_refusals(path).await?,
            None => Vec::new(),
        };
        let config = SimulateConfig {
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
            back_off: BackOff {
                first: Duration::from_secs_f64(self.overload_wait),
                longest: default.back_off.longest.max(Duration::from_secs_f64(self.overload_wait)),
                tries: self.overload_tries,
                ..default.back_off
            },
            contact_gap: self.contact_gap.map(Duration::from_secs),
            ignore_every: self.ignore_contact_me,
            listening: if self.silent { Listening::Silent } else { Listening::Answers },
            dcmp_interval: Duration::from_secs_f64(self.dcmp_interval),
            keep_dcmp_url: self.keep_dcmp_url,
            failed_writes: self.failed_writes,
            refuse,
            unlock_dhcp_items: self.unlock_dhcp_items,
            mishap: self.mishap,
            deployments: self.deployments.manners(),
            failing_downloads: self.deployments.failing_downloads,
            failing_times: self.deployments.failing_times,
            restart_time: Duration::from_secs_f64(self.restart_time),
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
        };
        Ok(if self.blackout { config.into_blackout() } else { config })
    }
}

/// Seconds from 0 to a day, with fractions.
fn seconds(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if (0.0..=86_400.0).contains(&number) { Ok(number) } else { Err("not between 0 and 86400".to_owned()) }
}

/// A share from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err("not between 0 and 1".to_owned()) }
}

pub(super) async fn run(arguments: SimulateArguments, output: Output) -> Result<ExitCode, Failure> {
    let blackout = arguments.blackout;
    let config = arguments.into_config().await?;
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
    // After a blackout a broken session is part of the matter, a phone without a server is not.
    let failed = if blackout {
        summary.chains_complete < u64::from(summary.phones)
    } else {
        summary.sessions_failed > 0 || summary.given_up > 0
    };
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
    // With more rounds every phone comes to its end several times.
    if summary.rounds == 1 {
        let half = summary.completion.p50_ms / 1000.0;
        lines.insert(
            1,
            format!(
                "{} phones done; the last one after {:.1} s, half of them after {half:.1} s",
                summary.chains_complete, summary.last_complete_seconds
            ),
        );
    }
    lines.extend(contacts(&summary.contacts));
    lines.extend(orders(&summary.orders));
    lines.extend(summary.actions.iter().map(|(action, count)| format!("action {action}: {count}")));
    lines.extend(summary.errors.iter().map(|(kind, count)| {
        let example = summary.error_examples.get(kind).map(String::as_str).unwrap_or_default();
        format!("error {kind}: {count} ({example})")
    }));
    lines.join("\n")
}

/// How the phones were called, when they were.
fn contacts(totals: &ContactTotals) -> Vec<String> {
    let mut lines = Vec::new();
    if totals.accepted + totals.ignored + totals.lost > 0 {
        lines.push(format!(
            "contact-me: {} followed, {} ignored, {} not heard; {} inside the contact gap",
            totals.accepted, totals.ignored, totals.lost, totals.violations
        ));
        lines.extend(totals.violation_examples.iter().map(|violation| {
            format!(
                "contact gap broken: {} at {:.1} s, {:.1} s after the one before",
                violation.phone, violation.at_seconds, violation.after_seconds
            )
        }));
    }
    if totals.polls > 0 {
        lines.push(format!(
            "polls: {}, with work {}, without a good answer {}",
            totals.polls, totals.polls_with_work, totals.polls_failed
        ));
    }
    lines
}

/// What the phones were told to write and do, when they were.
fn orders(totals: &OrderTotals) -> Vec<String> {
    let sum = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
    let mut lines = Vec::new();
    if totals.writes > 0 {
        lines.push(format!(
            "written: {} messages, {} not accepted; {} items taken, {} of them again at the same phone, {} refused",
            totals.writes,
            totals.writes_refused,
            sum(&totals.items_taken),
            totals.items_taken_twice,
            sum(&totals.items_refused)
        ));
    }
    if totals.restarts + totals.factory_resets > 0 {
        lines.push(format!(
            "restarts: {} ({} phones more than once), factory resets: {} ({} refused, {} phones more than once)",
            totals.restarts,
            totals.phones_restarted_twice,
            totals.factory_resets,
            totals.factory_resets_refused,
            totals.phones_reset_twice
        ));
    }
    if totals.deployments > 0 {
        lines.push(format!(
            "deployments: {} ({} refused); downloads: {} of {} complete, {} failed, {} went on after a break, {} bytes; \
             {} updates",
            totals.deployments,
            totals.deployments_refused,
            totals.downloads_completed,
            totals.downloads_started,
            totals.downloads_failed,
            totals.downloads_resumed,
            totals.download_bytes,
            totals.updates
        ));
    }
    lines
}
