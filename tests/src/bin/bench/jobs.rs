//! What an administrator sets, for a whole installation: prepared phones with their first write, a job for all,
//! polls, and the morning after a power cut.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use simulator::{Family, Fleet, Progress, SimulateConfig, run_fleet};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::program::{Api, Program};
use crate::{Failure, Load, print, report, row};

const SERVER: &str = "telephony.sip-settings.server-address";

/// Connections that poll at the same time.
const POLLERS: usize = 64;

fn fleet(program: &Program, phones: u32) -> Result<SimulateConfig, Failure> {
    Ok(SimulateConfig {
        phones,
        rounds: 1,
        family: Some(Family::Sip),
        models: vec!["CP600".parse()?],
        server: program.phones.to_string(),
        source: Some("127.16.0.0/15".parse()?),
        concurrency: 64,
        ..SimulateConfig::default()
    })
}

async fn run(program: &Program, config: &SimulateConfig) -> Result<Load, Failure> {
    let before = program.usage()?;
    let (progress, _) = watch::channel(Progress::default());
    let summary = run_fleet(config, progress, CancellationToken::new()).await?;
    let usage = program.usage()?.since(&before);
    if summary.sessions_failed > 0 || summary.given_up > 0 {
        print(&format!("FAILED SESSIONS: {:?} {:?}", summary.errors, summary.error_examples));
    }
    Ok(Load { summary, usage })
}

/// Plans a value for clients and applies it; gives how long each took, and the job.
#[expect(clippy::disallowed_methods, reason = "measures")]
async fn set(api: &Api, targets: Value, value: &str) -> Result<(Duration, Duration, Value), Failure> {
    let begin = Instant::now();
    let body = json!({"kind": "write-configuration", "targets": targets,
        "changes": [{"parameter": SERVER, "value": value}]});
    let plan = api.post("/api/v1/plans", &body).await?;
    let planned = begin.elapsed();
    let begin = Instant::now();
    let confirm = plan["summary"]["targets"].clone();
    let path = format!("/api/v1/plans/{}/apply", plan["id"]);
    let applied = api.post(&path, &json!({"confirm": confirm})).await?;
    Ok((planned, begin.elapsed(), applied["job_id"].clone()))
}

/// All figures of this file.
pub(crate) async fn measure(database: Option<&str>, phones: u32) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    // The phones of this run come by themselves; calling them is not what is measured.
    let calm = [("WORKPOINT_CONTACT_ME_RATE", "1"), ("WORKPOINT_DCMP_DCMP_OPERATION_MODE", "enabled")];
    let program = Program::start(directory.path(), database, &calm).await?;
    let api = program.api().await?;
    let config = fleet(&program, phones)?;
    let made = Fleet::prepare(&config).await?;
    let macs: Vec<String> = made.phones().iter().map(|phone| phone.mac().to_string()).collect();
    futures_util::stream::iter(macs.iter())
        .map(|mac| {
            let api = &api;
            async move { api.post("/api/v1/clients", &json!({"model": "CP600", "device_id": mac})).await }
        })
        .buffer_unordered(16)
        .for_each(|made| async move {
            if let Err(error) = made {
                print(&format!("FAILED: {error}"));
            }
        })
        .await;
    set(&api, json!({"filter": {}}), "sip1.example.net").await?;
    let first = run(&program, &config).await?;
    report("figure 1: prepared phones, all 300 items stored, then WriteItems", &first);
    expect_writes(&first, phones);

    let (planned, applied, _) = set(&api, json!({"filter": {}}), "sip2.example.net").await?;
    print(&row(&format!("a plan for {phones} clients"), &format!("{:.2} s", planned.as_secs_f64())));
    print(&row("  applied: values, revisions, job, targets", &format!("{:.2} s", applied.as_secs_f64())));
    let all = run(&program, &config).await?;
    report("figure 1b: configuration jobs of phones that come by themselves", &all);
    expect_writes(&all, phones);
    polls(program.polls, &macs).await?;
    blackout(&program, &api, phones.min(10_000)).await?;
    program.stop().await
}

/// A figure of sessions that did not do what they are named after would be none.
fn expect_writes(load: &Load, phones: u32) {
    let written = load.summary.orders.writes - load.summary.orders.writes_refused;
    if written < u64::from(phones) {
        print(&format!("ONLY {written} OF {phones} PHONES WERE WRITTEN"));
    }
}

/// Polls on connections that stay open, and with a connection for each.
#[expect(clippy::disallowed_methods, reason = "measures")]
async fn polls(server: SocketAddr, macs: &[String]) -> Result<(), Failure> {
    for (name, keep) in
        [("figure 5: polls (DCMP), connections kept", true), ("  a connection for each", false)]
    {
        let begin = Instant::now();
        let span = Duration::from_secs(5);
        let pollers = (0..POLLERS).map(|number| {
            let macs: Vec<String> = macs.iter().skip(number).step_by(POLLERS).cloned().collect();
            tokio::spawn(async move { poll(server, number, &macs, keep, begin + span).await })
        });
        let mut total = 0_u64;
        for poller in pollers {
            total += poller.await??;
        }
        print(&row(name, &format!("{:.0} polls/s", total as f64 / begin.elapsed().as_secs_f64())));
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "measures")]
async fn poll(
    server: SocketAddr,
    number: usize,
    macs: &[String],
    keep: bool,
    until: Instant,
) -> Result<u64, Failure> {
    let mut answered = 0;
    let mut open: Option<tokio::net::TcpStream> = None;
    let mut buffer = [0; 1024];
    for (round, mac) in macs.iter().cycle().enumerate() {
        if Instant::now() >= until {
            break;
        }
        let mut stream = match open.take() {
            Some(stream) => stream,
            None => {
                // Each phone has its own address: polls are limited per address.
                let [low, high] = u16::try_from((number * 997 + round) % 65_000)?.to_le_bytes();
                let socket = tokio::net::TcpSocket::new_v4()?;
                socket.bind(SocketAddr::from((Ipv4Addr::new(127, 16, high, low), 0)))?;
                socket.connect(server).await?
            }
        };
        let connection = if keep { "keep-alive" } else { "close" };
        let request = format!(
            "GET /dcmp/contact-me?device-id={mac} HTTP/1.1\r\nHost: server\r\nConnection: {connection}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let read = stream.read(&mut buffer).await?;
        let head = buffer.get(..read).unwrap_or_default();
        if !head.starts_with(b"HTTP/1.1 200") && !head.starts_with(b"HTTP/1.1 202") {
            return Err(format!("a poll was answered {:?}", String::from_utf8_lossy(head)).into());
        }
        answered += 1;
        open = keep.then_some(stream);
    }
    Ok(answered)
}

/// All phones at once, while an administrator goes on working.
#[expect(clippy::disallowed_methods, reason = "measures")]
async fn change_again_and_again(api: &Api, stop: &CancellationToken) -> Result<(usize, Duration), Failure> {
    let mut longest = Duration::ZERO;
    let mut number = 0;
    while !stop.is_cancelled() {
        let begin = Instant::now();
        number += 1;
        let value = format!("sip{number}.example.com");
        while let Err(error) = set(api, json!({"ids": [1]}), &value).await {
            // The phone has said something new between plan and apply: whoever sits there plans again.
            if !error.to_string().contains("plan_stale") {
                return Err(error);
            }
        }
        longest = longest.max(begin.elapsed());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok((number, longest))
}

/// All phones start up at once, while an administrator changes one of them.
async fn blackout(program: &Program, api: &Api, phones: u32) -> Result<(), Failure> {
    let mut config = fleet(program, phones)?.into_blackout();
    config.concurrency = 4_000;
    let stop = CancellationToken::new();
    let (stopped, api) = (stop.clone(), api.anew()?);
    // On a thread of its own: among thousands of simulated phones the administrator would wait for them, and
    // not for the server.
    let administrator = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime
            .block_on(change_again_and_again(&api, &stopped))
            .map_err(|error| error.to_string())
            .map_err(std::io::Error::other)
    });
    let load = run(program, &config).await;
    stop.cancel();
    let changes = tokio::task::spawn_blocking(|| administrator.join()).await?;
    let (load, (number, longest)) = (load?, changes.map_err(|_| "the administrator gave up")??);
    print(&row(
        &format!("figure 4: {phones} phones start up at once: the last one served"),
        &format!("{:.1} s", load.summary.last_complete_seconds),
    ));
    print(&row("  told to come back later", &load.summary.sessions_overloaded.to_string()));
    print(&row(
        &format!("  {number} changes of an administrator meanwhile, planned and applied"),
        &format!("longest {:.2} s", longest.as_secs_f64()),
    ));
    Ok(())
}
