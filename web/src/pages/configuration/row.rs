//! One value: label and help, control and limits, where it comes from and how it stands.

use api::configuration::ParameterStateView;
use domain::catalogue::{Parameter, ParameterKey};
use domain::configuration::{Layer, State};
use leptos::prelude::*;

use super::control::{Control, control_id};
use super::editor::Editor;
use super::edits::Edit;
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
    let was = move || {
        changed.get().then(|| {
            let before = place.with_value(|key| editor.before(key));
            let before = before.map(|before| shown.with_value(|parameter| words::value(parameter, &before)));
            let removed = place.with_value(|key| editor.edit(key)) == Some(Edit::Remove);
            let words = removed.then(|| texts::configuration::no_longer_desired(lang()));
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
                    {move || origin(editor.is_one(), place.with_value(|key| editor.edit(key)), place.with_value(|key| editor.state(key)).as_ref())}
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
fn origin(one: bool, edit: Option<Edit>, state: Option<&ParameterStateView>) -> impl IntoView + use<> {
    let language = lang();
    let (icon, words) = match (edit, state.and_then(|state| state.origin)) {
        (Some(Edit::Remove), _) => ("struck", texts::configuration::not_desired(language)),
        (Some(_), _) => ("pencil", texts::configuration::changed_here(language)),
        (None, Some(Layer::Client)) => ("pencil", words::layer(Layer::Client)),
        (None, Some(Layer::System)) => ("gear", words::layer(Layer::System)),
        (None, None)
            if state.is_some_and(|state| state.reported_text.is_some() || state.reported.is_some()) =>
        {
            ("phone", texts::configuration::as_reported(language))
        }
        (None, None) if one => ("blank", texts::configuration::not_reported(language)),
        (None, None) => ("blank", texts::configuration::stays(language)),
    };
    view! {
        <Icon name=icon />
        <span class="clip">{words}</span>
    }
}

/// How the value stands, when somebody should know: not written yet, different, left out.
fn standing(parameter: &Parameter, state: &ParameterStateView) -> Option<AnyView> {
    let language = lang();
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
    Some(
        view! {
            <span class=class>
                <Icon name=icon />
                <span>{words}</span>
            </span>
        }
        .into_any(),
    )
}
