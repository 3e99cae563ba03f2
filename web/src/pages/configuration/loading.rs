//! What the editor needs before it can show anything: the catalogue, and what is known of the client or the template.

use std::sync::Arc;

use api::Page;
use api::client::ClientView;
use api::client_field::ClientFieldView;
use api::configuration::{ConfigurationQuery, Only, ParameterStateView};
use api::page::MOST_PER_PAGE;
use api::template::TemplateView;
use domain::TemplateId;
use domain::catalogue::{Catalogue, ParameterKey};
use leptos::prelude::*;

use super::EditorView;
use super::catalogue::catalogue;
pub(crate) use super::editor::States;
use super::editor::Subject;
use super::target::Target;
use crate::client::{self, Failure};
use crate::components::page_head::PageHead;
use crate::components::states::{ErrorState, Skeleton};
use crate::live::Resource;
use crate::load::{Loaded, load};
use crate::texts::{self, lang};

/// Everything of one kind that is known of the parameters of a client or a template, page by page. `path` is theirs.
pub(crate) async fn all_states(path: &str, only: Only, states: &mut States) -> Result<(), Failure> {
    let mut page = 1;
    loop {
        let query = ConfigurationQuery {
            page: Some(page),
            size: Some(MOST_PER_PAGE),
            only: Some(only),
            ..ConfigurationQuery::default()
        };
        let found: Page<ParameterStateView> = client::get_with(path, &query).await?;
        let last = page * MOST_PER_PAGE >= found.total || found.items.is_empty();
        for state in found.items {
            states.insert(ParameterKey { parameter: state.parameter.clone(), index: state.index }, state);
        }
        if last {
            return Ok(());
        }
        page += 1;
    }
}

/// The editor for clients, once everything is there.
#[component]
pub(super) fn OfClients(
    /// For whom.
    target: Target,
) -> impl IntoView {
    let one = target.one();
    let all = load(catalogue);
    let client = load(move || async move {
        match one {
            Some(id) => client::get::<ClientView>(&format!("/clients/{id}")).await.map(Some),
            None => Ok(None),
        }
    });
    if one.is_some() {
        let _ = client.live(Resource::Clients);
    }
    // What is desired and reported is read again only when the client says something new.
    let newest = Memo::new(move |_| {
        client.data.with(|client| {
            let client = client.as_ref()?.as_ref()?;
            Some((client.revision, client.configuration_revision, client.drifted, client.open_targets))
        })
    });
    let states = load(move || {
        // Read, not only tracked: a memo that nobody read does not tell.
        let _ = newest.get();
        async move {
            let mut states = States::new();
            if let Some(id) = one {
                let path = format!("/clients/{id}/configuration");
                all_states(&path, Only::Reported, &mut states).await?;
                all_states(&path, Only::Desired, &mut states).await?;
            }
            Ok(states)
        }
    });
    let there = Memo::new(move |_| client.data.with(Option::is_some));
    let subject = Subject {
        client: Signal::derive(move || client.data.get().flatten()),
        template: Signal::stored(None),
        fields: Signal::stored(None),
    };
    let failure = Signal::derive(move || client.failure.get());
    let retry = Callback::new(move |()| client.reload());
    view! { <Loading target=target subject=subject all=all states=states there=there failure=failure retry=retry /> }
}

/// The editor for a template, once everything is there.
#[component]
pub(super) fn OfTemplate(
    /// The template.
    id: TemplateId,
) -> impl IntoView {
    let all = load(catalogue);
    let template =
        load(move || async move { client::get::<TemplateView>(&format!("/templates/{id}")).await })
            .live(Resource::Templates);
    let fields = load(|| client::get::<Page<ClientFieldView>>("/client-fields")).live(Resource::ClientFields);
    let newest = Memo::new(move |_| {
        template.data.with(|template| template.as_ref().map(|template| template.revision))
    });
    let states = load(move || {
        // Read, not only tracked: a memo that nobody read does not tell.
        let _ = newest.get();
        async move {
            let mut states = States::new();
            all_states(&format!("/templates/{id}/configuration"), Only::Desired, &mut states).await?;
            Ok(states)
        }
    });
    let there = Memo::new(move |_| template.data.with(Option::is_some));
    let subject = Subject {
        client: Signal::stored(None),
        template: Signal::derive(move || template.data.get()),
        fields: Signal::derive(move || fields.data.get().map(|fields| fields.items)),
    };
    let failure = Signal::derive(move || template.failure.get());
    let retry = Callback::new(move |()| {
        template.reload();
        fields.reload();
    });
    let target = Target::Template(id);
    view! { <Loading target=target subject=subject all=all states=states there=there failure=failure retry=retry /> }
}

/// Shows the editor as soon as catalogue, values and what they belong to are there.
#[component]
fn Loading(
    target: Target,
    subject: Subject,
    all: Loaded<Arc<Catalogue>>,
    states: Loaded<States>,
    there: Memo<bool>,
    failure: Signal<Option<Failure>>,
    retry: Callback<()>,
) -> impl IntoView {
    let known = RwSignal::new(States::new());
    Effect::new(move |_| {
        if let Some(states) = states.data.get() {
            known.set(states);
        }
    });
    let target = StoredValue::new(target);
    let there = Memo::new(move |_| {
        there.get() && all.data.with(Option::is_some) && states.data.with(Option::is_some)
    });
    let failure =
        Signal::derive(move || failure.get().or_else(|| all.failure.get()).or_else(|| states.failure.get()));
    let retry = Callback::new(move |()| {
        all.reload();
        states.reload();
        retry.run(());
    });
    move || {
        let (Some(catalogue), true) = (all.data.get_untracked(), there.get()) else {
            let instead = if failure.with(Option::is_some) {
                view! { <ErrorState failure=failure retry=retry /> }.into_any()
            } else {
                view! { <Skeleton rows=14 /> }.into_any()
            };
            return view! {
                <PageHead title=texts::configuration::title(lang()).to_owned() />
                {instead}
            }
            .into_any();
        };
        if let Some(states) = states.data.get_untracked() {
            known.set(states);
        }
        view! { <EditorView catalogue=catalogue target=target.get_value() subject=subject states=known /> }
            .into_any()
    }
}
