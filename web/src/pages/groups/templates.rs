//! The templates of a group: those its members get, by rank, and one more chosen from all there are.

use api::template::TemplateView;
use domain::layers::TemplateKind;
use leptos::prelude::*;

use crate::components::button::IconButton;
use crate::components::combobox::Combobox;
use crate::components::select::Choice;
use crate::pages::templates::words;
use crate::texts::{self, lang};

/// Templates by rank, then by name.
fn ordered(chosen: &[i64], known: &[TemplateView]) -> Vec<TemplateView> {
    let mut own: Vec<TemplateView> = known.iter().filter(|one| chosen.contains(&one.id.0)).cloned().collect();
    own.sort_by(|one, other| (one.rank, &one.name).cmp(&(other.rank, &other.name)));
    own
}

/// The templates of a group; `chosen` are their ids.
#[component]
pub(super) fn GroupTemplates(
    chosen: RwSignal<Vec<i64>>,
    #[prop(into)] known: Signal<Vec<TemplateView>>,
    #[prop(into)] error: Signal<Option<String>>,
    may: bool,
) -> impl IntoView {
    let adding = RwSignal::new(String::new());
    Effect::new(move |_| {
        if let Ok(id) = adding.get().parse::<i64>() {
            chosen.update(|chosen| {
                if !chosen.contains(&id) {
                    chosen.push(id);
                }
            });
            adding.set(String::new());
        }
    });
    let choices = Signal::derive(move || {
        let taken = chosen.get();
        let left = known.get().into_iter().filter(|one| !taken.contains(&one.id.0));
        left.map(|one| {
            let rank = texts::groups::rank(lang(), one.rank);
            Choice::new(one.id.to_string(), format!("{} · {rank} · {}", one.name, words::kind(one.kind)))
        })
        .collect::<Vec<_>>()
    });
    let line = move |template: TemplateView| {
        let id = template.id.0;
        let kind = (template.kind == TemplateKind::Onboarding)
            .then(|| view! { <span class="tag">{texts::groups::onboarding(lang())}</span> });
        let away = may.then(|| {
            view! {
                <IconButton
                    label=texts::groups::remove_template(lang(), &template.name)
                    icon="x".to_owned()
                    on_press=Callback::new(move |()| chosen.update(|chosen| chosen.retain(|other| *other != id)))
                />
            }
        });
        view! {
            <li>
                <span class="tag" title=texts::groups::rank(lang(), template.rank)>{template.rank}</span>
                <a class="grow clip" href=format!("/templates/{id}")>{template.name}</a>
                {kind}
                {away}
            </li>
        }
    };
    let list = move || {
        let own = known.with(|known| chosen.with(|chosen| ordered(chosen, known)));
        if own.is_empty() {
            return view! { <p class="muted">{texts::groups::no_templates(lang())}</p> }.into_any();
        }
        view! { <ul class="group-templates">{own.into_iter().map(line).collect::<Vec<_>>()}</ul> }.into_any()
    };
    view! {
        <div class="blk">
            <h2>{texts::groups::templates_of_members(lang())}</h2>
            {list}
            {may
                .then(|| {
                    view! {
                        <Combobox
                            label=texts::groups::add_template(lang()).to_owned()
                            value=adding
                            choices=choices
                            help=Some(texts::groups::templates_help(lang()).to_owned())
                            error=error
                        />
                    }
                })}
        </div>
    }
}
