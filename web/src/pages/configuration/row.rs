//! One value: label and help, control and limits, where it comes from and how it stands.

use api::configuration::ParameterStateView;
use domain::catalogue::{Parameter, ParameterKey};
use domain::configuration::{Layer, State};
use leptos::prelude::*;

use super::control::{Control, control_id};
use super::editor::Editor;
use super::edits::{Edit, text_of};
use super::variables::written;
use super::words;
use crate::components::icon::Icon;
use crate::texts::{self, lang};

/// One value of the configuration.
#[component]
pub fn ParameterRow(
    /// What the parts share.
    editor: Editor,
    /// The parameter.
    parameter: Parameter,
    /// Which entry of it.
    #[prop(into)]
    index: Option<u16>,
    /// Opens what is known of it where there is no column for that.
    #[prop(optional, into)]
    open: Option<Callback<()>>,
    /// Shown whatever the filter of the editor says: in the dialog of an entry, where all of it stands together.
    #[prop(optional)]
    unfiltered: bool,
) -> impl IntoView {
    let key = ParameterKey { parameter: parameter.id.clone(), index };
    let id = control_id(&key);
    let (described, row) = (format!("{id}-below"), format!("{id}-row"));
    let place = StoredValue::new(key.clone());
    let shown = StoredValue::new(parameter.clone());
    let changed = Memo::new(move |_| place.with_value(|key| editor.edit(key)).is_some());
    let here = Memo::new(move |_| {
        place.with_value(|key| editor.selected.with(|selected| selected.as_ref() == Some(key)))
    });
    let hidden =
        Memo::new(move |_| !unfiltered && !place.with_value(|key| editor.passes(key, editor.show.get())));
    let select = move || {
        let key = place.get_value();
        if editor.selected.with_untracked(|selected| selected.as_ref() != Some(&key)) {
            editor.selected.set(Some(key));
        }
    };
    // A fault that is there already when the row appears is shown at once, others once the field was left.
    let left = RwSignal::new(untrack(|| place.with_value(|key| editor.fault(key))).is_some());
    let below = move || {
        let fault = place.with_value(|key| editor.fault(key)).filter(|_| left.get());
        if let Some(fault) = fault {
            return view! {
                <span class="errtext">
                    <Icon name="fail" />
                    <span>{fault}</span>
                </span>
            }
            .into_any();
        }
        shown.with_value(words::limits).map(|limits| view! { <span class="lim">{limits}</span> }).into_any()
    };
    // What a template holds differs from client to client: its variables are told from its letters. Secrets are
    // never shown.
    let with_variables = (editor.is_template() && !parameter.secret).then(|| {
        let text = Memo::new(move |_| {
            let shown = place.with_value(|key| editor.shown(key));
            shown.filter(domain::expand::has_variables).map(|value| text_of(&value))
        });
        move || text.get().map(|text| view! { <p class="written">{written(&text)}</p> })
    });
    let was = move || {
        changed.get().then(|| {
            let before = place.with_value(|key| editor.before(key));
            let before = before.map(|before| shown.with_value(|parameter| words::value(parameter, &before)));
            let removed = place.with_value(|key| editor.edit(key)) == Some(Edit::Remove);
            let words = removed.then(|| {
                if editor.is_template() {
                    texts::configuration::no_longer_in_template(lang())
                } else {
                    texts::configuration::no_longer_desired(lang())
                }
            });
            view! {
                <p class="was">
                    {before.map(|before| view! { <s class="mono clip" title=before.clone()>{before.clone()}</s> })}
                    {words.map(|words| view! { <span>{words}</span> })}
                    <button
                        type="button"
                        class="link"
                        on:click=move |_| place.with_value(|key| editor.set(key, None))
                    >
                        {texts::configuration::undo(lang())}
                    </button>
                </p>
            }
        })
    };
    let label = words::text(&parameter.label).to_owned();
    let help = words::text(&parameter.help).to_owned();
    let tags = parameter.delivery.is_none().then(|| {
        view! { <span class="tag" title=texts::configuration::not_deliverable_help(lang())>{texts::configuration::not_deliverable(lang())}</span> }
    });
    view! {
        <div
            id=row
            class="p"
            class:changed=move || changed.get()
            class:here=move || here.get()
            hidden=move || hidden.get()
            on:focusin=move |_| select()
            on:click=move |_| select()
        >
            <div class="name">
                <label for=id>{label}</label>
                {tags}
                <p class="help">{help}</p>
            </div>
            <div class="ctl" on:focusout=move |_| left.set(true) on:change=move |_| left.set(true)>
                <Control editor=editor parameter=parameter key=key described=described.clone() left=left />
                <div id=described class="below" aria-live="polite">
                    {below}
                </div>
                {with_variables}
                {was}
            </div>
            <div class="org">
                <button
                    type="button"
                    class="o"
                    title=texts::configuration::about_value(lang())
                    on:click=move |_| {
                        select();
                        if let Some(open) = open {
                            open.run(());
                        }
                    }
                >
                    {move || {
                        let (edit, state) = place.with_value(|key| (editor.edit(key), editor.state(key)));
                        origin(editor, edit, state.as_ref())
                    }}
                </button>
                {move || {
                    place
                        .with_value(|key| editor.state(key))
                        .and_then(|state| shown.with_value(|parameter| standing(parameter, &state)))
                }}
            </div>
        </div>
    }
}

/// Where the value comes from.
fn origin(editor: Editor, edit: Option<Edit>, state: Option<&ParameterStateView>) -> impl IntoView + use<> {
    let language = lang();
    let named = |layer: Layer| words::origin(layer, state.and_then(|state| state.origin_template.as_ref()));
    let said = str::to_owned;
    let (icon, words) = match (edit, state.and_then(|state| state.origin)) {
        (Some(Edit::Remove), _) if editor.is_template() => {
            ("struck", said(texts::configuration::removed_from_template(language)))
        }
        (Some(Edit::Remove), _) => ("struck", said(texts::configuration::not_desired(language))),
        (Some(_), _) => ("pencil", said(texts::configuration::changed_here(language))),
        (None, _) if editor.is_template() => {
            if state.is_some_and(|state| state.desired_set) {
                ("template", said(texts::configuration::in_template(language)))
            } else {
                ("blank", said("–"))
            }
        }
        (None, Some(layer @ Layer::Client)) => ("pencil", named(layer)),
        (None, Some(layer @ Layer::System)) => ("gear", named(layer)),
        (None, Some(layer)) => ("template", named(layer)),
        (None, None)
            if state.is_some_and(|state| state.reported_text.is_some() || state.reported.is_some()) =>
        {
            ("phone", said(texts::configuration::as_reported(language)))
        }
        (None, None) if editor.is_one() => ("blank", said(texts::configuration::not_reported(language))),
        (None, None) => ("blank", said(texts::configuration::stays(language))),
    };
    view! {
        <Icon name=icon />
        <span class="clip" title=words.clone()>{words.clone()}</span>
    }
}

/// How the value stands, when somebody should know: not written yet, different, left out.
fn standing(parameter: &Parameter, state: &ParameterStateView) -> Option<AnyView> {
    let language = lang();
    if !state.conflict.is_empty() {
        let words = texts::configuration::conflict(language, state.conflict.len() as u64);
        return Some(mark("drift", "drift", words));
    }
    let reported =
        words::reported(parameter, state).map(|value| texts::configuration::phone_reports(language, value));
    let (class, icon, words) = match state.state? {
        State::InStep => return None,
        State::Pending => {
            let why = state.withheld.as_ref().map(words::reason);
            let words =
                why.or(reported).unwrap_or_else(|| texts::configuration::not_written(language).to_owned());
            ("wait", "hourglass", words)
        }
        State::Drift => {
            let words =
                reported.unwrap_or_else(|| texts::configuration::changed_at_phone(language).to_owned());
            ("drift", "drift", words)
        }
        State::LeftOut => {
            let why = state.reason.as_ref().map(words::reason);
            ("drift", "struck", why.unwrap_or_else(|| texts::configuration::not_written(language).to_owned()))
        }
    };
    Some(mark(class, icon, words))
}

fn mark(class: &'static str, icon: &'static str, words: String) -> AnyView {
    view! {
        <span class=class>
            <Icon name=icon />
            <span>{words}</span>
        </span>
    }
    .into_any()
}
