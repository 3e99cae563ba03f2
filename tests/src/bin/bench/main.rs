//! `make bench`: the figures of the product, measured on the release program with simulated phones on the
//! same machine. Prints a table with the machine's description; knows nothing of pass or fail, but that figure 6 is marked when it is missed.
//!
//! `--quick` takes few phones, for trying the benchmark itself; `--jobs` leaves out what has no jobs in it;
//! `--fleet` measures templates and groups; `--files` what phones fetch, beside nginx; `--console` measures nothing but the console: what a browser loads, what the server answers.

mod browser;
mod console;
mod deployments;
mod files;
mod fleet;
mod jobs;
mod machine;
mod program;

use std::time::Duration;

use program::{Program, Usage};
use simulator::{Progress, SimulateConfig, Summary, run_fleet};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Phones of the seeded installation.
const PHONES: u32 = 100_000;
/// Sessions of a measurement that does not seed.
const SESSIONS: u32 = 20_000;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (phones, sessions) = if quick { (2_000, 1_000) } else { (PHONES, SESSIONS) };
    print(&machine::describe());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    print(&format!("command: make bench ARGS=\"{}\"", arguments.join(" ")));
    if std::env::args().any(|argument| argument == "--console") {
        print(&format!("\n== console: SQLite, {phones} clients =="));
        console::measure(None, phones).await?;
        if let Ok(cluster) = std::env::var("WORKPOINT_TEST_POSTGRES") {
            print(&format!("\n== console: PostgreSQL, {sessions} clients =="));
            let database = program::create_database(&cluster, "console").await?;
            console::measure(Some(&database), sessions).await?;
        }
        return Ok(());
    }
    if std::env::args().any(|argument| argument == "--files") {
        print("\n== files: SQLite ==");
        return files::measure(quick).await;
    }
    if std::env::args().any(|argument| argument == "--fleet") {
        print(&format!("\n== templates and groups: SQLite, {phones} clients =="));
        fleet::measure(None, phones).await?;
        if let Ok(cluster) = std::env::var("WORKPOINT_TEST_POSTGRES") {
            print(&format!("\n== templates and groups: PostgreSQL, {sessions} clients =="));
            let database = program::create_database(&cluster, "fleet").await?;
            fleet::measure(Some(&database), sessions).await?;
        }
        return Ok(());
    }
    let jobs_alone = std::env::args().any(|argument| argument == "--jobs");
    if !jobs_alone {
        measure("SQLite", None, phones, sessions).await?;
    }
    print(&format!("\n== jobs: SQLite, {sessions} clients =="));
    jobs::measure(None, sessions).await?;
    if !jobs_alone {
        print("\n== files: SQLite ==");
        files::measure(quick).await?;
    }
    match std::env::var("WORKPOINT_TEST_POSTGRES") {
        Ok(cluster) => {
            let database = program::create_database(&cluster, "contacts").await?;
            if !jobs_alone {
                measure("PostgreSQL", Some(database), sessions, sessions).await?;
            }
            print(&format!("\n== jobs: PostgreSQL, {sessions} clients =="));
            let database = program::create_database(&cluster, "jobs").await?;
            jobs::measure(Some(&database), sessions).await?;
        }
        Err(_) => print("PostgreSQL: no cluster given (WORKPOINT_TEST_POSTGRES), left out"),
    }
    Ok(())
}

async fn measure(name: &str, database: Option<String>, phones: u32, sessions: u32) -> Result<(), Failure> {
    print(&format!("\n== {name}, {phones} clients =="));
    let directory = tempfile::tempdir()?;
    let program = Program::start(directory.path(), database.as_deref(), &[]).await?;
    print(&row("idle: resident memory", &format!("{} MB", megabytes(program.usage()?.resident))));
    let open = open_sessions(&program).await?;
    print(&row("open TLS session: resident memory", &format!("{:.1} KiB each (2,000 open)", open / 1024.0)));

    let all = load(&program, phones, 1, 0).await?;
    report("new phones: all 300 items stored", &all);
    print(&row("resident memory after it", &format!("{} MB", megabytes(program.usage()?.resident))));
    console::report(phones, &console::lists(&program.api().await?, phones).await?)?;
    program.stop().await?;

    // Everything is read at every contact from here on, as the figure asks.
    let always = [("WORKPOINT_PHONES_FULL_READ_INTERVAL", "0")];
    let program = Program::start(directory.path(), database.as_deref(), &always).await?;
    let same = load(&program, sessions, 1, 0).await?;
    report("known phones, nothing changed", &same);
    print(&row(
        "  written per session",
        &format!("{:.0} bytes", ratio(same.usage.written as f64, same.summary.sessions_ok)),
    ));
    program.stop().await?;

    let program = Program::start(directory.path(), database.as_deref(), &[]).await?;
    let changed = load(&program, sessions / 2, 2, 3).await?;
    report("start-up without read, then 3 items changed at the phone", &changed);
    program.stop().await?;
    if database.is_none() {
        print(&row("database on disk", &format!("{} MB", megabytes(machine::size_of(directory.path())?))));
    }
    Ok(())
}

/// A run of the simulator and what it cost the server.
struct Load {
    summary: Summary,
    usage: Usage,
}

async fn load(program: &Program, phones: u32, rounds: u32, change_items: usize) -> Result<Load, Failure> {
    let config = SimulateConfig {
        phones,
        rounds,
        change_items,
        server: program.phones.to_string(),
        source: Some("127.16.0.0/15".parse()?),
        concurrency: 64,
        ..SimulateConfig::default()
    };
    let before = program.usage()?;
    let (progress, _) = watch::channel(Progress::default());
    let summary = run_fleet(&config, progress, CancellationToken::new()).await?;
    let usage = program.usage()?.since(&before);
    if summary.sessions_failed > 0 || summary.given_up > 0 {
        print(&format!("FAILED SESSIONS: {:?} {:?}", summary.errors, summary.error_examples));
    }
    Ok(Load { summary, usage })
}

fn report(name: &str, load: &Load) {
    let summary = &load.summary;
    print(&row(name, &format!("{:.0} sessions/s", summary.sessions_per_second)));
    print(&row(
        "  session time",
        &format!(
            "median {:.0} ms, 99 % {:.0} ms, longest {:.0} ms",
            summary.session_latency.p50_ms, summary.session_latency.p99_ms, summary.session_latency.max_ms
        ),
    ));
    let per_cpu = summary.sessions_ok as f64 / load.usage.cpu.as_secs_f64().max(f64::EPSILON);
    print(&row("  on the server's CPU time alone", &format!("{per_cpu:.0} sessions per CPU second")));
}

/// Resident memory of the server per idle TLS session.
async fn open_sessions(program: &Program) -> Result<f64, Failure> {
    const OPEN: usize = 2_000;
    let before = program.usage()?.resident;
    let dialler = simulator::Dialler::new(tests::tls(), None, simulator::NetworkGuard::default())?;
    let mut open = Vec::with_capacity(OPEN);
    for _ in 0..OPEN {
        open.push(dialler.dial(program.phones).await?);
    }
    let after = program.usage()?.resident;
    drop(open);
    Ok(after.saturating_sub(before) as f64 / OPEN as f64)
}

fn row(name: &str, value: &str) -> String {
    format!("{name:<58} {value}")
}

fn megabytes(bytes: u64) -> u64 {
    bytes / 1_000_000
}

fn ratio(value: f64, count: u64) -> f64 {
    value / (count.max(1) as f64)
}

#[expect(clippy::print_stdout, reason = "the figures are the result of this program")]
fn print(text: &str) {
    println!("{text}");
}

/// Waits that belong to starting a program, not to what is measured.
const START: Duration = Duration::from_secs(30);
