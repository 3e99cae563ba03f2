//! What a template holds: every value, by area and section, with the way into the editor. One value can be removed here;
//! a removal that changes what clients get becomes a plan.

use std::sync::Arc;

use api::configuration::{Only, ParameterStateView};
use api::plan::NewChange;
use api::template::{ChangeTemplate, TemplateView};
use domain::catalogue::{Catalogue, ParameterKey};
use leptos::prelude::*;

use crate::client::Call;
use crate::components::button::{ButtonKind, IconButton, LinkButton};
use crate::components::confirm::{Acting, ConfirmDialog, Consent};
use crate::components::icon::Icon;
use crate::components::states::EmptyState;
use crate::components::toast;
use crate::live::{self, Resource};
use crate::load::load;
use crate::pages::configuration::edits::text_of;
use crate::pages::configuration::loading::{States, all_states};
use crate::pages::configuration::variables::written;
use crate::pages::configuration::words as words_of;
use crate::pages::configuration::{catalogue, template_value};
use crate::pages::plans::required::{RequiredPlan, RequiredPlanDialog, required_by};
use crate::texts::{self, lang};

/// A value with its names.
#[derive(Clone, PartialEq)]
struct Line {
    key: ParameterKey,
    section: String,
    label: String,
    value: String,
    secret: bool,
    variables: bool,
}

#[component]
pub(super) fn Content(template: Signal<TemplateView>, may: bool) -> impl IntoView {
    let id = template.with_untracked(|template| template.id);
    let revision = Memo::new(move |_| template.with(|template| template.revision));
    let all = load(catalogue);
    let states = load(move || {
        let _ = revision.get();
        async move {
            let mut states = States::new();
            all_states(&format!("/templates/{id}/configuration"), Only::Desired, &mut states).await?;
            Ok(states)
        }
    });
    let asking = RwSignal::new(false);
    let asked = RwSignal::new(None::<Line>);
    let required = RwSignal::new(None::<RequiredPlan>);
    let title = Signal::derive(move || {
        let name = asked.with(|line| line.as_ref().map(|line| line.label.clone())).unwrap_or_default();
        texts::templates::remove_question(lang(), name)
    });
    let act = Callback::new(move |_: Consent| -> Acting {
        let (line, revision) = (asked.get_untracked(), template.with_untracked(|template| template.revision));
        Box::pin(async move {
            let Some(Line { key, label, .. }) = line else { return Ok(()) };
            let value =
                NewChange { parameter: key.parameter, index: key.index, value: serde_json::Value::Null };
            let change = ChangeTemplate { values: vec![value], ..ChangeTemplate::default() };
            let path = format!("/templates/{id}");
            match Call::patch(&path).if_match(revision).json(&change)?.answer::<TemplateView>().await {
                Ok(_) => {
                    live::touch(Resource::Templates);
                    toast::show(texts::templates::removed(lang(), label));
                    Ok(())
                }
                Err(failure) => match required_by(&failure) {
                    Some(plan) => {
                        let _ = required.try_set(Some(plan));
                        Ok(())
                    }
                    None => Err(failure),
                },
            }
        })
    });
    let remove = Callback::new(move |line: Line| {
        asked.set(Some(line));
        asking.set(true);
    });
    let list = all.show(6, move |all: Signal<Arc<Catalogue>>| {
        states.show(6, move |states: Signal<States>| {
            let list = move || {
                let all = all.get();
                let lines = states.with(|states| lines(&all, states));
                if lines.is_empty() {
                    return view! {
                        <EmptyState text=texts::templates::no_values(lang()).to_owned() icon="template">
                            <LinkButton
                                href=format!("/templates/{id}/configuration")
                                kind=ButtonKind::Primary
                                icon="gear"
                            >
                                {texts::templates::configure(lang())}
                            </LinkButton>
                        </EmptyState>
                    }
                    .into_any();
                }
                view! { <Table template=id lines=lines may=may remove=remove /> }.into_any()
            };
            view! { {list} }.into_any()
        })
    });
    view! {
        {list}
        <ConfirmDialog
            open=asking
            title=title
            text=texts::templates::remove_text(lang()).to_owned()
            button=texts::templates::remove(lang()).to_owned()
            harmless=true
            act=act
        />
        <RequiredPlanDialog
            required=required
            on_done=Callback::new(move |_| {
                live::touch(Resource::Templates);
                live::touch(Resource::Clients);
            })
        />
    }
}

/// The values in the order of the catalogue; what it does not know comes last, by its id.
fn lines(all: &Catalogue, states: &States) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut known: Vec<&ParameterStateView> = states.values().filter(|state| state.desired_set).collect();
    known.sort_by(|one, other| (&one.parameter, one.index).cmp(&(&other.parameter, other.index)));
    for area in all.areas() {
        for section in &area.sections {
            for parameter in &section.parameters {
                let own = known.iter().filter(|state| state.parameter == parameter.id);
                lines.extend(own.map(|state| {
                    let label = words_of::text(&parameter.label);
                    Line {
                        key: key(state),
                        section: format!(
                            "{} › {}",
                            words_of::text(&area.title),
                            words_of::text(&section.title)
                        ),
                        label: numbered(label, state.index),
                        value: state
                            .desired
                            .as_ref()
                            .map_or_else(String::new, |value| words_of::value(parameter, value)),
                        secret: state.secret,
                        variables: state.variables,
                    }
                }));
            }
        }
    }
    let unknown = known.iter().filter(|state| all.parameter(&state.parameter).is_none());
    lines.extend(unknown.map(|state| Line {
        key: key(state),
        section: texts::templates::unknown_section(lang()).to_owned(),
        label: numbered(&state.parameter, state.index),
        value: state.desired.as_ref().map(text_of).unwrap_or_default(),
        secret: state.secret,
        variables: state.variables,
    }));
    lines
}

fn key(state: &ParameterStateView) -> ParameterKey {
    ParameterKey { parameter: state.parameter.clone(), index: state.index }
}

fn numbered(label: &str, index: Option<u16>) -> String {
    match index {
        Some(index) => format!("{label} · {index}"),
        None => label.to_owned(),
    }
}

#[component]
fn Table(template: domain::TemplateId, lines: Vec<Line>, may: bool, remove: Callback<Line>) -> impl IntoView {
    let mut section = String::new();
    let line = |line: Line| {
        let head = (line.section != section).then(|| {
            section.clone_from(&line.section);
            view! { <tr class="group-row"><th colspan="3" scope="colgroup">{line.section.clone()}</th></tr> }
        });
        let href = template_value(template, &line.key.parameter);
        let value = if line.secret {
            view! {
                <span class="row"><Icon name="key" /> {texts::configuration::set_not_shown(lang())}</span>
            }
            .into_any()
        } else if line.variables {
            written(&line.value)
        } else {
            line.value.clone().into_any()
        };
        let label = texts::templates::remove_value(lang(), &line.label);
        let own = line.clone();
        let button = may.then(|| {
            view! {
                <IconButton label=label icon="trash".to_owned() on_press=Callback::new(move |()| remove.run(own.clone())) />
            }
        });
        view! {
            {head}
            <tr>
                <th scope="row"><a href=href>{line.label}</a></th>
                <td class="wrap">{value}</td>
                <td class="num">{button}</td>
            </tr>
        }
    };
    let lines: Vec<_> = lines.into_iter().map(line).collect();
    view! {
        <table class="tbl stack values">
            <thead>
                <tr>
                    <th scope="col">{texts::common::parameter(lang())}</th>
                    <th scope="col">{texts::configuration::value(lang())}</th>
                    <th scope="col" class="w-edit"><span class="vh">{texts::common::row_menu(lang())}</span></th>
                </tr>
            </thead>
            <tbody>{lines}</tbody>
        </table>
    }
}
