//! Every layer that has a value for one parameter of a client, strongest first, and which of them is in force (D-18 …
//! D-20). Which layer wins, the server says.

use api::Page;
use api::template::LayerView;
use domain::ClientId;
use domain::catalogue::{Parameter, ParameterKey};
use domain::configuration::Layer;
use leptos::prelude::*;
use serde::Serialize;

use super::edits::text_of;
use super::target::template_value;
use super::variables::written;
use super::words;
use crate::client;
use crate::components::icon::Icon;
use crate::live::Resource;
use crate::load::load;
use crate::texts::{self, lang};

/// Which layers are asked for.
#[derive(Serialize)]
struct Asked {
    parameter: String,
    index: Option<u16>,
}

/// The layers of one value of a client.
#[component]
pub fn Layers(
    /// The client.
    client: ClientId,
    /// The parameter.
    parameter: Parameter,
    /// Which entry of it.
    key: ParameterKey,
) -> impl IntoView {
    let (path, asked) = (format!("/clients/{client}/layers"), key);
    let layers = load(move || {
        let asked = Asked { parameter: asked.parameter.clone(), index: asked.index };
        let path = path.clone();
        async move { client::get_with::<Page<LayerView>>(&path, &asked).await }
    })
    .live(Resource::Clients);
    let parameter = StoredValue::new(parameter);
    let list = layers.show(2, move |layers| {
        let list = move || {
            let layers = layers.get().items;
            let disagree = layers.iter().filter(|layer| is_conflict(layer)).count() as u64;
            let rank = layers.iter().find(|layer| is_conflict(layer)).and_then(|layer| layer.rank);
            let conflict = rank.map(|rank| {
                view! {
                    <p class="layer-conflict">
                        <Icon name="drift" />
                        <span>{texts::configuration::conflict_of_rank(lang(), disagree, rank)}</span>
                    </p>
                }
            });
            let lines =
                layers.into_iter().map(|layer| parameter.with_value(|parameter| line(parameter, &layer)));
            let lines = lines.collect::<Vec<_>>();
            view! {
                {conflict}
                <ol class="layers">{lines}</ol>
            }
        };
        view! { {list} }.into_any()
    });
    view! {
        <section class="stack-v close" aria-label=texts::configuration::layers(lang())>
            <h3>{texts::configuration::layers(lang())}</h3>
            {list}
        </section>
    }
}

fn is_conflict(layer: &LayerView) -> bool {
    layer.reason.as_ref().is_some_and(|reason| reason.code == "conflict")
}

/// Name of the layer, and where its value is.
fn name(parameter: &str, layer: &LayerView) -> AnyView {
    let words = words::origin(layer.layer, layer.template.as_ref());
    let template = layer.template.as_ref().and_then(|template| template.id);
    let linked = matches!(layer.layer, Layer::GroupTemplate | Layer::DefaultTemplate | Layer::Onboarding);
    match template.filter(|_| linked) {
        Some(id) => view! { <a href=template_value(id, parameter)>{words}</a> }.into_any(),
        None => view! { <span>{words}</span> }.into_any(),
    }
}

fn line(parameter: &Parameter, layer: &LayerView) -> AnyView {
    let language = lang();
    let heading = name(&parameter.id, layer);
    let rank = layer.rank.map(|rank| {
        view! { <span class="tag">{texts::configuration::rank(language, rank)}</span> }
    });
    let groups: Vec<_> = layer
        .groups
        .iter()
        .map(|group| {
            view! { <a class="tag" href=format!("/groups/{}", group.id)>{group.name.clone()}</a> }
        })
        .collect();
    let value = match &layer.value {
        Some(value) => words::value(parameter, value),
        None if layer.secret => texts::configuration::set_not_shown(language).to_owned(),
        None => "–".to_owned(),
    };
    let raw = layer.written.as_ref().map(|text| {
        view! { {written(&text_of(text))} " → " }
    });
    let standing = match (&layer.reason, layer.wins) {
        (_, true) => view! {
            <span class="layer-wins">
                <Icon name="okc" />
                {texts::configuration::counts(language)}
            </span>
        }
        .into_any(),
        // Said once, above all of them.
        (Some(_), false) if is_conflict(layer) => ().into_any(),
        (Some(reason), false) => {
            view! { <span class="layer-why"><Icon name="struck" /> {words::reason(reason)}</span> }.into_any()
        }
        (None, false) => {
            view! { <span class="muted small">{texts::configuration::overruled(language)}</span> }.into_any()
        }
    };
    view! {
        <li class:wins=layer.wins>
            <div class="row wrap">{heading} {rank} {groups}</div>
            <div class="value">{raw} <b>{value}</b></div>
            {standing}
        </li>
    }
    .into_any()
}
