//! The values of a client to choose from, by section: what is desired of it, and what the phone reports.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::Page;
use api::configuration::{ConfigurationQuery, Only, ParameterStateView};
use api::page::MOST_PER_PAGE;
use domain::ClientId;
use domain::catalogue::{Catalogue, Kind, Parameter, ParameterKey};
use domain::configuration::Layer;
use leptos::prelude::*;

use crate::client::{self, Failure};
use crate::components::button::{Button, ButtonSize};
use crate::components::icon::Icon;
use crate::components::switch::Switch;
use crate::load::load;
use crate::pages::configuration::{catalogue, words};
use crate::texts::{self, lang};

/// What is known of the parameters, by their keys.
type States = BTreeMap<ParameterKey, ParameterStateView>;

/// What is chosen. Copied around freely, like a signal.
#[derive(Clone, Copy)]
pub(super) struct Chosen {
    keys: RwSignal<BTreeSet<ParameterKey>>,
    /// Takes secrets too.
    pub secrets: RwSignal<bool>,
    /// Keys of secrets.
    of_secrets: RwSignal<BTreeSet<ParameterKey>>,
}

impl Chosen {
    pub(super) fn new() -> Self {
        Self {
            keys: RwSignal::new(BTreeSet::new()),
            secrets: RwSignal::new(false),
            of_secrets: RwSignal::new(BTreeSet::new()),
        }
    }

    /// The keys. Secrets are among them only while they are wanted. Watched.
    pub(super) fn keys(self) -> Vec<ParameterKey> {
        let secrets = self.secrets.get();
        let counts = |key: &&ParameterKey| secrets || self.of_secrets.with(|secret| !secret.contains(*key));
        self.keys.with(|keys| keys.iter().filter(counts).cloned().collect())
    }

    /// How many. Watched.
    pub(super) fn count(self) -> u64 {
        self.keys().len() as u64
    }
}

/// Everything of a client that a template could take, page by page.
async fn read(id: ClientId) -> Result<States, Failure> {
    let mut states = States::new();
    for only in [Only::Reported, Only::Desired] {
        let mut page = 1;
        loop {
            let query = ConfigurationQuery {
                page: Some(page),
                size: Some(MOST_PER_PAGE),
                only: Some(only),
                ..ConfigurationQuery::default()
            };
            let found: Page<ParameterStateView> =
                client::get_with(&format!("/clients/{id}/configuration"), &query).await?;
            let last = page * MOST_PER_PAGE >= found.total || found.items.is_empty();
            for state in found.items {
                states.insert(ParameterKey { parameter: state.parameter.clone(), index: state.index }, state);
            }
            if last {
                break;
            }
            page += 1;
        }
    }
    Ok(states)
}

/// One value that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    key: ParameterKey,
    label: String,
    value: String,
    secret: bool,
    /// Set for this client: what is taken unless somebody says otherwise.
    own: bool,
}

/// A section with its values.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    title: String,
    lines: Vec<Line>,
}

fn line(parameter: &Parameter, key: &ParameterKey, state: &ParameterStateView) -> Option<Line> {
    // A secret is never read back from a phone.
    let has = if state.secret { state.desired_set } else { state.desired_set || state.reported.is_some() };
    if !has || state.read_only || !parameter.is_for(Kind::Template) {
        return None;
    }
    let label = words::text(&parameter.label).to_owned();
    let value = state.desired.as_ref().or(state.reported.as_ref());
    let value = match value {
        _ if state.secret => texts::copies::secret(lang()).to_owned(),
        Some(value) => words::value(parameter, value),
        None => String::new(),
    };
    Some(Line {
        key: key.clone(),
        label: match key.index {
            Some(index) => format!("{label} · {index}"),
            None => label,
        },
        value,
        secret: state.secret,
        own: state.desired_set && matches!(state.origin, Some(Layer::Client | Layer::Onboarding)),
    })
}

/// The values by section, in the order of the catalogue.
fn groups(catalogue: &Catalogue, states: &States) -> Vec<Group> {
    let mut groups = Vec::new();
    for area in catalogue.areas() {
        for section in &area.sections {
            let mut lines = Vec::new();
            for parameter in &section.parameters {
                let first = ParameterKey { parameter: parameter.id.clone(), index: None };
                let own = states.range(first..).take_while(|(key, _)| key.parameter == parameter.id);
                lines.extend(own.filter_map(|(key, state)| line(parameter, key, state)));
            }
            if !lines.is_empty() {
                let title = format!("{} · {}", words::text(&area.title), words::text(&section.title));
                groups.push(Group { title, lines });
            }
        }
    }
    groups
}

/// The list with its search and its boxes.
#[component]
pub(super) fn Parameters(
    client: ClientId,
    chosen: Chosen,
    refused: RwSignal<Option<Failure>>,
) -> impl IntoView {
    let all = load(catalogue);
    let states = load(move || read(client));
    view! {
        <fieldset class="take">
            <legend>{texts::copies::values(lang())}</legend>
            {all
                .show(
                    6,
                    move |all: Signal<Arc<Catalogue>>| {
                        states
                            .show(
                                6,
                                move |states: Signal<States>| {
                                    let groups = all
                                        .with_untracked(|all| {
                                            states.with_untracked(|states| groups(all, states))
                                        });
                                    view! { <List groups=groups chosen=chosen refused=refused /> }.into_any()
                                },
                            )
                    },
                )}
        </fieldset>
    }
}

#[component]
fn List(groups: Vec<Group>, chosen: Chosen, refused: RwSignal<Option<Failure>>) -> impl IntoView {
    if groups.is_empty() {
        return view! { <p class="muted">{texts::copies::no_values(lang())}</p> }.into_any();
    }
    let lines = || groups.iter().flat_map(|group| &group.lines);
    chosen.of_secrets.set(lines().filter(|line| line.secret).map(|line| line.key.clone()).collect());
    chosen.keys.set(lines().filter(|line| line.own).map(|line| line.key.clone()).collect());
    let has_secrets = lines().any(|line| line.secret);
    let total = lines().count() as u64;
    let search = RwSignal::new(String::new());
    let all = StoredValue::new(groups);
    let fits = move |line: &Line| {
        let wanted = search.with(|search| search.trim().to_lowercase());
        let found = line.label.to_lowercase().contains(&wanted)
            || line.key.parameter.contains(&wanted)
            || line.value.to_lowercase().contains(&wanted);
        found && (!line.secret || chosen.secrets.get())
    };
    let shown = move || {
        let mut groups = all.get_value();
        for group in &mut groups {
            group.lines.retain(fits);
        }
        groups.retain(|group| !group.lines.is_empty());
        groups
    };
    let shown = Memo::new(move |_| shown());
    let choose = move |on: bool| {
        shown.with_untracked(|groups| {
            let keys = groups.iter().flat_map(|group| &group.lines).map(|line| line.key.clone());
            chosen.keys.update(|chosen| {
                for key in keys {
                    if on {
                        chosen.insert(key)
                    } else {
                        chosen.remove(&key)
                    };
                }
            });
        });
    };
    let problem = move |key: &ParameterKey| {
        // The server names places of the list that was sent: that of now, when the answer comes.
        refused.with(|failure| {
            let failure = failure.as_ref()?;
            let keys = untrack(|| chosen.keys());
            let place = keys.iter().position(|own| own == key)?;
            let own = [format!("/parameters/{place}"), format!("/parameters/{place}/parameter")];
            own.iter().find_map(|field| failure.field(lang(), field))
        })
    };
    let row = move |line: Line| {
        let (key, asked, told) = (line.key.clone(), line.key.clone(), line.key.clone());
        let value = line.value.clone();
        let on = Memo::new(move |_| chosen.keys.with(|keys| keys.contains(&asked)));
        view! {
            <li>
                <label class="check">
                    <input
                        type="checkbox"
                        class="ck"
                        prop:checked=move || on.get()
                        on:change:target=move |event| {
                            let now = event.target().checked();
                            let key = key.clone();
                            chosen.keys.update(|keys| {
                                if now { keys.insert(key) } else { keys.remove(&key) };
                            });
                        }
                    />
                    <span class="grow">{line.label}</span>
                </label>
                <span class="mono clip" title=value>
                    {line.secret.then(|| view! { <Icon name="key" /> })}
                    {line.value}
                </span>
                {move || problem(&told).map(|text| view! { <span class="errtext">{text}</span> })}
            </li>
        }
    };
    let section = move |group: Group| {
        let lines: Vec<_> = group.lines.into_iter().map(row).collect();
        view! {
            <section>
                <h4>{group.title}</h4>
                <ul>{lines}</ul>
            </section>
        }
    };
    view! {
        <div class="row wrap take-tools">
            <div class="in grow">
                <Icon name="search" />
                <input
                    type="search"
                    aria-label=texts::copies::search(lang())
                    placeholder=texts::copies::search(lang())
                    maxlength="200"
                    spellcheck="false"
                    autocomplete="off"
                    bind:value=search
                    on:keydown=|event| {
                        if event.key() == "Enter" {
                            event.prevent_default();
                        }
                    }
                />
            </div>
            <Button size=ButtonSize::Small on_press=Callback::new(move |()| choose(true))>
                {texts::copies::choose_all(lang())}
            </Button>
            <Button size=ButtonSize::Small on_press=Callback::new(move |()| choose(false))>
                {texts::copies::choose_none(lang())}
            </Button>
            <span class="muted" aria-live="polite">
                {move || texts::copies::of_all(lang(), crate::format::number(chosen.count()), total)}
            </span>
        </div>
        {has_secrets
            .then(|| {
                view! {
                    <Switch
                        label=texts::copies::secrets_too(lang()).to_owned()
                        help=Some(texts::copies::secrets_help(lang()).to_owned())
                        on=chosen.secrets
                    />
                }
            })}
        <div class="scroll-box take-list" tabindex="0" role="group" aria-label=texts::copies::values(lang())>
            {move || {
                let groups = shown.get();
                if groups.is_empty() {
                    view! { <p class="muted">{texts::copies::no_value_matches(lang())}</p> }.into_any()
                } else {
                    groups.into_iter().map(section).collect_view().into_any()
                }
            }}
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::{Chosen, States, groups};
    use api::configuration::ParameterStateView;
    use domain::catalogue::{Catalogue, Kind, ParameterKey};
    use leptos::prelude::*;

    fn state(parameter: &str, secret: bool, desired: bool) -> ParameterStateView {
        serde_json::from_value(serde_json::json!({
            "parameter": parameter, "index": null, "item": null, "item_index": null, "secret": secret,
            "read_only": false, "reported": null, "reported_text": null, "reported_status": null, "desired": null,
            "desired_set": desired, "origin": desired.then_some("client"), "origin_template": null,
            "variables": false, "conflict": [], "state": null, "reason": null, "drift_since": null, "locked": false,
            "unconfirmed": false, "withheld": null,
        }))
        .unwrap()
    }

    #[test]
    fn only_what_there_is_can_be_taken() {
        let catalogue = Catalogue::load(None).unwrap();
        let all = catalogue.areas().iter().flat_map(|area| &area.sections).flat_map(|one| &one.parameters);
        let ids: Vec<String> = all
            .filter(|one| one.is_for(Kind::Template) && !one.read_only)
            .map(|one| one.id.clone())
            .take(3)
            .collect();
        let key = |id: &str| ParameterKey { parameter: id.to_owned(), index: None };
        let mut states = States::new();
        states.insert(key(&ids[0]), state(&ids[0], false, true));
        states.insert(key(&ids[1]), state(&ids[1], true, false));
        states.insert(key(&ids[2]), state(&ids[2], true, true));
        let groups = groups(&catalogue, &states);
        let found: Vec<_> =
            groups.iter().flat_map(|group| &group.lines).map(|line| &line.key.parameter).collect();
        assert_eq!(found, [&ids[0], &ids[2]]);
        Owner::new().with(|| {
            let chosen = Chosen::new();
            chosen.keys.set(states.keys().cloned().collect());
            chosen.of_secrets.set([key(&ids[2])].into());
            assert_eq!(chosen.count(), 2);
            chosen.secrets.set(true);
            assert_eq!(chosen.count(), 3);
        });
    }
}
