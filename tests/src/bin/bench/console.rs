//! The server's half of the console's figure: list pages at 1,000 and at 100,000 clients, and the welcome page; the
//! browser's half in between.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::program::{Api, Program};
use crate::{Failure, browser, load, print, row};

/// Clients of the small installation the large one is compared with.
const FEW: u32 = 1_000;

/// Times each page is fetched; the shortest counts as what the page costs when the machine does nothing else.
const TIMES: usize = 3;

const SORTS: [&str; 8] = [
    "e164",
    "model",
    "device_id",
    "software_version",
    "last_contact_at",
    "state",
    "part_number",
    "peer_address",
];

/// What people filter by, and what the welcome page leads to.
const FILTERS: [&str; 12] = [
    "",
    "&search=1001",
    "&search=00:1a:e8",
    "&search=V3%20R",
    "&software_type=SIP",
    "&model=CP710",
    "&in_job=true",
    "&drift=true",
    "&fault=any",
    "&not_seen=true",
    "&secrets_withheld=true",
    "&last_contact_reason=start-up",
];

/// The first filters are those that were measured before there were others; their figure stays comparable.
const COMPARED: usize = 6;

type Pages = BTreeMap<String, Vec<Duration>>;

/// Seeds few clients, then many, and measures lists and welcome page at both.
pub(crate) async fn measure(database: Option<&str>, phones: u32) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let program = Program::start(directory.path(), database, &[]).await?;
    let api = program.api().await?;
    let few = FEW.min(phones);
    load(&program, few, 1, 0).await?;
    let small = lists(&api, few).await?;
    report(few, &small)?;
    load(&program, phones, 1, 0).await?;
    let large = lists(&api, phones).await?;
    report(phones, &large)?;
    compare(&small, &large);
    if database.is_none() {
        browser::measure(&program).await?;
    }
    welcome(&program, &api, phones).await?;
    program.stop().await
}

/// Fetches every page as a browser would, and keeps the times.
pub(crate) async fn lists(api: &Api, phones: u32) -> Result<Pages, Failure> {
    let mut pages = Pages::new();
    for sort in SORTS {
        for filter in FILTERS {
            for (order, deep) in [("", false), ("-", false), ("", true)] {
                let page = if deep { (u64::from(phones) / 100).clamp(1, 400) } else { 1 };
                let path = format!("/api/v1/clients?sort={order}{sort}&page={page}&size=25{filter}");
                let name = format!("{order}{sort}{filter}{}", if deep { " deep" } else { "" });
                for _ in 0..TIMES {
                    pages.entry(name.clone()).or_default().push(fetch(api, &path).await?);
                }
            }
        }
    }
    Ok(pages)
}

#[expect(clippy::disallowed_methods, reason = "measures")]
async fn fetch(api: &Api, path: &str) -> Result<Duration, Failure> {
    let begin = Instant::now();
    if !api.get(path).await? {
        return Err(format!("{path} was refused").into());
    }
    Ok(begin.elapsed())
}

fn is_compared(name: &str) -> bool {
    FILTERS.iter().skip(COMPARED).all(|filter| !name.contains(filter))
}

/// Prints the distribution: of what was always measured, and of everything.
pub(crate) fn report(phones: u32, pages: &Pages) -> Result<(), Failure> {
    for (name, all) in [("8 sorts x 6 filters", false), ("all 12 filters", true)] {
        let mut histogram = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
        let mut worst = ("", Duration::ZERO);
        for (page, times) in pages.iter().filter(|(page, _)| all || is_compared(page)) {
            for took in times {
                histogram.record(u64::try_from(took.as_micros())?.max(1))?;
                if *took > worst.1 {
                    worst = (page, *took);
                }
            }
        }
        let at = |quantile| ms(Duration::from_micros(histogram.value_at_quantile(quantile)));
        let text = format!("median {}, 95 % {}, longest {} ({})", at(0.5), at(0.95), at(1.0), worst.0);
        print(&row(&format!("list page of 25, {name}, {phones} clients"), &text));
    }
    Ok(())
}

/// A page at many rows takes at most twice what it takes at few, or 100 ms, whichever is larger.
fn compare(small: &Pages, large: &Pages) {
    let least = |pages: &Pages, name: &str| pages.get(name).and_then(|times| times.iter().min().copied());
    let limit = |name: &String| {
        least(small, name).unwrap_or_default().saturating_mul(2).max(Duration::from_millis(100))
    };
    let slow: Vec<String> = large
        .keys()
        .filter_map(|name| {
            let took = least(large, name)?;
            (took > limit(name)).then(|| format!("{name}: {}", ms(took)))
        })
        .collect();
    let text = format!("{} of {} pages over it {slow:?}", slow.len(), large.len());
    print(&row("at most twice the time of 1,000 clients, or 100 ms", &text));
}

/// The welcome page with nothing kept, kept, and while phones come.
async fn welcome(program: &Program, api: &Api, phones: u32) -> Result<(), Failure> {
    const PATH: &str = "/api/v1/dashboard";
    let mut anew = Vec::new();
    for _ in 0..5 {
        // Longer than figures are kept.
        rest(Duration::from_secs(6)).await;
        anew.push(fetch(api, PATH).await?);
    }
    let mut kept = Vec::new();
    for _ in 0..50 {
        kept.push(fetch(api, PATH).await?);
    }
    anew.sort_unstable();
    kept.sort_unstable();
    let middle = |times: &[Duration]| times.get(times.len() / 2).copied().unwrap_or_default();
    let longest = |times: &[Duration]| times.last().copied().unwrap_or_default();
    let text = format!(
        "worked out: median {}, longest {}; kept: median {}, longest {}",
        ms(middle(&anew)),
        ms(longest(&anew)),
        ms(middle(&kept)),
        ms(longest(&kept))
    );
    print(&row(&format!("welcome page, {phones} clients"), &text));
    let busy = async {
        let mut times = Vec::new();
        for _ in 0..40 {
            rest(Duration::from_millis(100)).await;
            times.push(fetch(api, PATH).await?);
        }
        times.sort_unstable();
        Ok::<_, Failure>(times)
    };
    let (times, _) = tokio::try_join!(busy, load(program, phones.min(4_000), 1, 0))?;
    let text = format!("median {}, longest {}", ms(middle(&times)), ms(longest(&times)));
    print(&row("  while phones come as fast as they can", &text));
    Ok(())
}

/// Waits until figures are old; nothing here is a test.
async fn rest(time: Duration) {
    tokio::time::sleep(time).await;
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
