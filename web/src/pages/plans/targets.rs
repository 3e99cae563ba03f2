//! The clients of a plan in the browser: read page by page, up to a limit, so that their changes can be put into sets.

use api::Page;
use api::page::MOST_PER_PAGE;
use api::plan::{PlanTargetQuery, PlanTargetView};
use domain::PlanId;

use crate::client::{self, Failure};

/// Most clients that are read.
pub const MOST_READ: usize = 2_000;

/// Clients of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanTargets {
    /// Those that something is written to.
    pub written: Vec<PlanTargetView>,
    /// How many of these there are; more than were read, perhaps.
    pub all_written: u64,
    /// Those that nothing is written to now.
    pub excluded: Vec<PlanTargetView>,
    /// How many of these there are.
    pub all_excluded: u64,
}

/// Reads the clients of a plan.
///
/// # Errors
/// As [`client::get`].
pub async fn read(id: PlanId) -> Result<PlanTargets, Failure> {
    read_first(id, MOST_READ).await
}

/// Reads the first clients of a plan, `most` of those that are written to and `most` of the others, in whole pages.
///
/// # Errors
/// As [`client::get`].
pub async fn read_first(id: PlanId, most: usize) -> Result<PlanTargets, Failure> {
    let (written, all_written) = part(id, false, most).await?;
    let (excluded, all_excluded) = part(id, true, most).await?;
    Ok(PlanTargets { written, all_written, excluded, all_excluded })
}

async fn part(id: PlanId, excluded: bool, most: usize) -> Result<(Vec<PlanTargetView>, u64), Failure> {
    let mut found = Vec::new();
    let size = MOST_PER_PAGE.min(most as u64);
    let mut query =
        PlanTargetQuery { size: Some(size), excluded: Some(excluded), ..PlanTargetQuery::default() };
    let mut page = 1;
    loop {
        query.page = Some(page);
        let part: Page<PlanTargetView> = client::get_with(&format!("/plans/{id}/targets"), &query).await?;
        let done = part.items.is_empty();
        found.extend(part.items);
        if done || found.len() as u64 >= part.total || found.len() >= most {
            return Ok((found, part.total));
        }
        page += 1;
    }
}
