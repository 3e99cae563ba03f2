//! Notifications: a dot while something is new, and a drawer with the sentences, newest first.

use std::collections::HashSet;

use api::Args;
use api::notification::{
    NotificationList, NotificationQuery, NotificationView, NotificationsRemoved, NotificationsRestored,
    NotificationsSeen,
};
use domain::NotificationId;
use domain::notification::NotificationCode;
use leptos::prelude::*;
use leptos::task::spawn_local;
use serde_json::Value;

use super::Layers;
use crate::client::{self, Call, Failure};
use crate::components::button::{Button, ButtonSize, IconButton};
use crate::components::drawer::Drawer;
use crate::components::icon::Icon;
use crate::components::states::{EmptyState, FailureNote};
use crate::components::time::Ago;
use crate::components::toast;
use crate::format;
use crate::live::{self, Resource};
use crate::load::{Loaded, load};
use crate::texts::{self, lang};

/// Notifications fetched at a time.
const SHOWN: u64 = 100;

/// What there is to tell.
#[derive(Clone, Copy)]
pub(super) struct News {
    list: Loaded<NotificationList>,
    /// How many were not seen yet.
    pub(super) unread: Signal<u64>,
}

impl News {
    pub(super) fn new() -> Self {
        let query = NotificationQuery { size: Some(SHOWN), ..NotificationQuery::default() };
        let path = client::with_query("/notifications", &query);
        let list = load(move || {
            let path = path.clone();
            async move { client::get::<NotificationList>(&path).await }
        })
        .live(Resource::Notifications);
        let unread =
            Signal::derive(move || list.data.with(|list| list.as_ref().map_or(0, |list| list.unread)));
        Self { list, unread }
    }
}

#[component]
pub(super) fn NotificationsDrawer(layers: Layers, news: News) -> impl IntoView {
    let failure = RwSignal::new(None::<Failure>);
    // What is shown counts as seen; here it stays marked until the drawer is closed.
    let fresh = StoredValue::new(HashSet::<NotificationId>::new());
    let told = StoredValue::new(None::<NotificationId>);
    Effect::new(move |_| {
        let newest =
            news.list.data.with(|list| list.as_ref().and_then(|list| list.items.first().map(|item| item.id)));
        let Some(up_to) = newest.filter(|_| news.unread.get_untracked() > 0) else { return };
        // Once for what is newest: a refusal would be the same a second later.
        if told.get_value() == Some(up_to) {
            return;
        }
        told.set_value(Some(up_to));
        spawn_local(async move {
            let answer = match Call::post("/notifications/seen").json(&NotificationsSeen { up_to }) {
                Ok(call) => call.done().await,
                Err(problem) => Err(problem),
            };
            match answer {
                Ok(()) => live::touch(Resource::Notifications),
                Err(problem) => {
                    let _ = failure.try_set(Some(problem));
                }
            }
        });
    });
    let clear_all = Callback::new(move |()| {
        let newest = news.list.data.with_untracked(|list| list.as_ref()?.items.first().map(|item| item.id));
        let Some(newest) = newest else { return };
        spawn_local(async move {
            match Call::delete(&format!("/notifications?up_to={newest}"))
                .answer::<NotificationsRemoved>()
                .await
            {
                Ok(gone) => {
                    news.list.reload();
                    let text = texts::shell::cleared(lang(), gone.removed);
                    toast::show_action(text, texts::shell::undo(lang()), move || restore(news));
                }
                Err(problem) => {
                    let _ = failure.try_set(Some(problem));
                }
            }
        });
    });
    let list = move || {
        let items = news.list.data.get().map(|list| list.items).unwrap_or_default();
        if items.is_empty() && news.list.data.with(Option::is_some) {
            return view! {
                <EmptyState
                    text=texts::shell::no_notifications(lang()).to_owned()
                    hint=texts::shell::no_notifications_hint(lang()).to_owned()
                    icon="bell"
                />
            }
            .into_any();
        }
        fresh.update_value(|fresh| fresh.extend(items.iter().filter(|item| !item.seen).map(|item| item.id)));
        let mut day = String::new();
        let entry = move |item: NotificationView| {
            let of = format::day(item.at);
            let heading = (of != day).then(|| {
                day.clone_from(&of);
                view! { <h3 class="day">{of}</h3> }
            });
            view! {
                {heading}
                <Notice
                    unseen=fresh.with_value(|fresh| fresh.contains(&item.id))
                    item=item
                    news=news
                    failure=failure
                />
            }
        };
        items.into_iter().map(entry).collect_view().into_any()
    };
    let any = move || news.list.data.with(|list| list.as_ref().is_some_and(|list| !list.items.is_empty()));
    view! {
        <div class="shell-drawer">
            <Drawer
                label=texts::shell::notifications(lang()).to_owned()
                on_close=Callback::new(move |()| layers.notifications.set(false))
                focus=true
            >
                <header class="dh">
                    <h2>{texts::shell::notifications(lang())}</h2>
                    {move || {
                        any()
                            .then(|| {
                                view! {
                                    <div class="row">
                                        <Button size=ButtonSize::Small icon="trash" on_press=clear_all>
                                            {texts::shell::close_all(lang())}
                                        </Button>
                                    </div>
                                }
                            })
                    }}
                </header>
                <div class="body">
                    <FailureNote failure=failure />
                    <FailureNote failure=news.list.failure />
                    <div>{list}</div>
                </div>
            </Drawer>
        </div>
    }
}

fn restore(news: News) {
    spawn_local(async move {
        if Call::post("/notifications/restore").answer::<NotificationsRestored>().await.is_ok() {
            news.list.reload();
        }
    });
}

#[component]
fn Notice(
    item: NotificationView,
    unseen: bool,
    news: News,
    failure: RwSignal<Option<Failure>>,
) -> impl IntoView {
    let id = item.id;
    let (icon, tone) = look(&item);
    let href = leads_to(&item);
    let text = sentence(&item);
    let unseen = if unseen { " unseen" } else { "" };
    view! {
        <article class=format!("notice {tone}{unseen}")>
            <Icon name=icon />
            <div>
                <p>
                    {match href {
                        Some(href) => view! { <a href=href>{text}</a> }.into_any(),
                        None => text.into_any(),
                    }}
                </p>
                <span class="muted small">
                    <Ago at=Some(item.at) />
                </span>
            </div>
            <IconButton
                class="x"
                label=texts::shell::clear_one(lang()).to_owned()
                icon="x".to_owned()
                on_press=Callback::new(move |()| clear(id, news, failure))
            />
        </article>
    }
}

fn clear(id: NotificationId, news: News, failure: RwSignal<Option<Failure>>) {
    spawn_local(async move {
        match Call::delete(&format!("/notifications/{id}")).done().await {
            Ok(()) => news.list.reload(),
            Err(problem) => {
                let _ = failure.try_set(Some(problem));
            }
        }
    });
}

fn look(item: &NotificationView) -> (&'static str, &'static str) {
    match item.code {
        NotificationCode::ClientQuarantined => ("quar", "bad"),
        NotificationCode::PhoneFault => ("tri", "bad"),
        NotificationCode::JobFinished => match item.args.get("state").and_then(Value::as_str) {
            Some("success") => ("okc", "ok"),
            Some("failed") => ("fail", "bad"),
            Some("cancelled") => ("struck", ""),
            _ => ("partial", "warn"),
        },
        NotificationCode::FailedSignIns => ("key", "warn"),
        NotificationCode::AccountLocked => ("lock", "bad"),
        NotificationCode::CertificateExpiring => ("cert", "warn"),
        NotificationCode::HandshakeFailures | NotificationCode::OnboardingConflict => ("tri", "warn"),
        NotificationCode::StorageProviderFailed => ("storage", "bad"),
        NotificationCode::FileFails => ("fail", "bad"),
    }
}

fn leads_to(item: &NotificationView) -> Option<String> {
    if let Some(client) = item.client_id {
        return Some(format!("/clients/{client}"));
    }
    match item.code {
        NotificationCode::JobFinished => item.args.get("job").map(|job| format!("/jobs/{}", plain(job))),
        NotificationCode::FailedSignIns | NotificationCode::AccountLocked => {
            item.args.get("account").map(|account| format!("/accounts?open={}", plain(account)))
        }
        NotificationCode::StorageProviderFailed => Some("/storage?sort=health".to_owned()),
        NotificationCode::FileFails => {
            item.args.get("file").map(|file| format!("/files?open={}", plain(file)))
        }
        _ => None,
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The sentence, with the words of its arguments in the reader's language.
fn sentence(item: &NotificationView) -> String {
    let language = lang();
    let mut args: Args = item.args.as_object().cloned().unwrap_or_default().into_iter().collect();
    let tables = [
        ("reason", "quarantine-reason"),
        ("fault", "fault"),
        ("kind", "job-kind"),
        ("state", "job-state"),
        ("certificate", "certificate"),
        ("verdict", "verdict"),
        ("error", "storage-error"),
    ];
    for (name, table) in tables {
        if let Some(word) = args.get(name).and_then(Value::as_str) {
            let worded = texts::word(language, table, word);
            args.insert(name.to_owned(), worded.into());
        }
    }
    texts::worded(language, "notification", item.code.as_str(), &args)
}
