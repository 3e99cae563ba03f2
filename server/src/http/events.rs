//! `/events`: live changes as server-sent events.

use std::time::Duration;

use api::event::ChangeEvent;
use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::response::sse::{Event, KeepAlive, Sse};
use domain::Permission;
use futures_util::{StreamExt as _, stream};

use super::answer::Answer;
use super::extract::{NoParameters, Query};
use crate::App;
use crate::app::live::{Live, News};
use crate::app::{AppResult, Caller};

/// A comment keeps the connection from looking dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Hear what changes: events named `change`, besides `ready` (listening from here on) and `lag` (fetch
/// everything again). Told is what the caller may read, and what is the caller's own. The stream ends with the
/// session or token.
#[utoipa::path(get, path = "/events", tag = "events",
    responses((status = 200, description = "Events", body = ChangeEvent, content_type = "text/event-stream")))]
pub(crate) async fn listen_to_events(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::Own)?;
    query?;
    let news = stream::unfold(Live::new(app, caller), |mut live| async {
        let news = live.next().await?;
        Some((stream::iter(told(news)), live))
    });
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("alive");
    Ok(Sse::new(news.flatten()).keep_alive(keep_alive).into_response())
}

fn told(news: News) -> Vec<Result<Event, axum::Error>> {
    match news {
        News::Ready => vec![Ok(Event::default().event("ready").data("{}"))],
        News::Lag => vec![Ok(Event::default().event("lag").data("{}"))],
        News::Quiet => Vec::new(),
        News::Changes(events) => {
            events.iter().map(|event| Event::default().event("change").json_data(event)).collect()
        }
    }
}
