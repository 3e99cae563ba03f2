//! The tab "Reported": every item as the phone reports it, raw, to be searched and copied. Secrets are never shown.

use api::Page;
use api::client::{ClientView, ItemView};
use leptos::prelude::*;

use crate::browser;
use crate::client;
use crate::components::button::{Button, ButtonSize, IconButton};
use crate::components::icon::Icon;
use crate::components::states::EmptyState;
use crate::components::time::Ago;
use crate::components::toast;
use crate::load::load;
use crate::texts::{self, lang};

/// Rows shown at first, and how many more at a time: phones report up to some thousand items.
const STEP: usize = 200;

/// Every reported item.
#[component]
pub(super) fn Reported(client: Signal<ClientView>) -> impl IntoView {
    let id = client.with_untracked(|client| client.id);
    // Items change with the client: its revision and its last full read say when to look again.
    let version = Memo::new(move |_| {
        client.with(|client| (client.revision, client.full_read_at, client.last_contact_at))
    });
    let items = load(move || {
        version.track();
        async move { client::get::<Page<ItemView>>(&format!("/clients/{id}/items")).await }
    });
    items.show(8, |page: Signal<Page<ItemView>>| view! { <Items page=page /> }.into_any())
}

#[component]
fn Items(page: Signal<Page<ItemView>>) -> impl IntoView {
    let typed = RwSignal::new(String::new());
    let most = RwSignal::new(STEP);
    let found = Memo::new(move |_| {
        let wanted = typed.get().trim().to_lowercase();
        page.with(|page| page.items.iter().filter(|item| matches(item, &wanted)).cloned().collect::<Vec<_>>())
    });
    let count = move || found.with(Vec::len);
    let copy_all = Callback::new(move |()| {
        let copied = found.with_untracked(Vec::len) as u64;
        browser::copy(&found.with_untracked(|items| as_lines(items)), move || {
            toast::show(texts::clients::items_copied(lang(), copied));
        });
    });
    let rows = move || {
        let shown = found.get();
        if shown.is_empty() {
            let nothing = page.with(|page| page.items.is_empty());
            let text = if nothing {
                texts::clients::no_items(lang())
            } else {
                texts::clients::no_item_matches(lang())
            };
            return view! { <EmptyState text=text.to_owned() icon="search" /> }.into_any();
        }
        let rest = shown.len().saturating_sub(most.get());
        view! {
            <ul class="client-items">{shown.iter().take(most.get()).map(row).collect_view()}</ul>
            {(rest > 0)
                .then(|| {
                    view! {
                        <Button
                            size=ButtonSize::Small
                            on_press=Callback::new(move |()| most.update(|most| *most += STEP))
                        >
                            {texts::clients::show_more(lang(), rest as u64)}
                        </Button>
                    }
                })}
        }
        .into_any()
    };
    view! {
        <div class="row client-search">
            <div class="in grow">
                <Icon name="search" />
                <input
                    type="search"
                    aria-label=texts::clients::search_items(lang())
                    placeholder=texts::clients::search_items(lang())
                    maxlength="200"
                    spellcheck="false"
                    bind:value=typed
                    on:input=move |_| most.set(STEP)
                />
            </div>
            <Button
                icon="copy"
                on_press=copy_all
                blocked=Signal::derive(move || {
                    (count() == 0).then(|| texts::clients::no_item_matches(lang()).to_owned())
                })
            >
                {texts::clients::copy_all(lang())}
            </Button>
        </div>
        <p class="muted small" aria-live="polite">
            {move || texts::clients::items_found(lang(), count() as u64)}
        </p>
        {rows}
    }
}

/// Name with its index: `sip-line-key[3]`.
fn full_name(item: &ItemView) -> String {
    match item.index {
        Some(index) => format!("{}[{index}]", item.name),
        None => item.name.clone(),
    }
}

fn matches(item: &ItemView, wanted: &str) -> bool {
    wanted.is_empty()
        || full_name(item).to_lowercase().contains(wanted)
        || item.value.as_ref().is_some_and(|value| value.to_lowercase().contains(wanted))
}

/// One item a line, name and value apart by a tab, as spreadsheets take it. No secrets: the server does not send them.
fn as_lines(items: &[ItemView]) -> String {
    let line =
        |item: &ItemView| format!("{}\t{}", full_name(item), item.value.as_deref().unwrap_or_default());
    items.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn row(item: &ItemView) -> impl IntoView + use<> {
    let name = full_name(item);
    let value = match (&item.value, item.secret) {
        (_, true) => view! {
            <span class="st idle">
                <Icon name="lock" />
                <span>{texts::clients::secret_set(lang())}</span>
            </span>
        }
        .into_any(),
        (Some(value), false) if value.is_empty() => {
            view! { <span class="muted">{texts::common::empty_text(lang())}</span> }.into_any()
        }
        (Some(value), false) => view! { <span class="mono">{value.clone()}</span> }.into_any(),
        (None, false) => view! { <span class="muted">"–"</span> }.into_any(),
    };
    let status = item.status.clone().map(|status| view! { <span class="tag">{status}</span> });
    let copied = item.value.clone().filter(|_| !item.secret);
    let label = texts::clients::copy_value(lang(), &name);
    view! {
        <li>
            <div class="grow">
                <span class="name mono">{name}</span>
                <span class="value">{value} {status}</span>
            </div>
            <span class="muted small when">
                <Ago at=Some(item.reported_at) />
            </span>
            {copied
                .map(|value| {
                    view! {
                        <IconButton
                            label=label
                            icon="copy".to_owned()
                            on_press=Callback::new(move |()| {
                                browser::copy(&value, || toast::show(texts::clients::copied(lang())));
                            })
                        />
                    }
                })}
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::{as_lines, full_name, matches};
    use api::client::ItemView;

    fn item(name: &str, index: Option<u16>, value: Option<&str>) -> ItemView {
        let value = value.map(str::to_owned);
        let secret = value.is_none();
        ItemView {
            name: name.to_owned(),
            index,
            value,
            secret,
            status: None,
            reported_at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn an_item_is_found_by_name_index_and_value() {
        let shown = item("line-label", Some(0), Some("Front Desk"));
        assert_eq!(full_name(&shown), "line-label[0]");
        assert!(matches(&shown, "label[0") && matches(&shown, "front d") && matches(&shown, ""));
        assert!(!matches(&shown, "label[1"));
        assert!(!matches(&item("password", None, None), "front"));
    }

    #[test]
    fn what_is_copied_has_a_line_for_each_item_and_no_secret() {
        let lines = as_lines(&[item("a", None, Some("1")), item("b", Some(2), None)]);
        assert_eq!(lines, "a\t1\nb[2]\t");
    }
}
