//! The integrated file server as phones see it: addresses for one phone and a while, ranges, conditions, slow readers,
//! providers that fail, the shared bandwidth, and what the server knows of how far a phone is (OSEM §13.6,
//! `wpi.md` §4.6.1).

mod addresses;
mod between;
mod http;
mod nodes;
mod places;
mod provider;
mod remote;
mod secure;
mod slow;

use serde_json::Value;
use tests::{ApiClient, desk, wait_until};

/// Text that differs everywhere, so that a piece in the wrong place is noticed.
fn text(length: usize) -> String {
    let mut text = String::with_capacity(length + 10);
    for number in 0.. {
        if text.len() >= length {
            break;
        }
        text.push_str(&format!("{number:08}\n"));
    }
    text.truncate(length);
    text
}

/// Waits until the only target of a job is this far, as jobs show it.
async fn progress_becomes(api: &ApiClient, job: &Value, is_so: impl Fn(&Value) -> bool) -> Value {
    wait_until(async || is_so(&desk::target(api, job).await["deployment"])).await;
    desk::target(api, job).await["deployment"].clone()
}
